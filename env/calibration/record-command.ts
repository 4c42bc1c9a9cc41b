/** `duoloop record`: what Prometheus remembers of an application, in a file that outlives Prometheus' own memory. */
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { historyFormOf, writeHistory } from './history-file.ts';
import { historyFields, historyOptions, readFromPrometheus } from './prometheus-options.ts';

export const command = defineCommand({
  examples: [
    'duoloop record --prometheus http://localhost:9090 --namespace shop --service frontend --range 24h --out history.parquet',
    'duoloop record --prometheus http://localhost:9090 --namespace shop --service frontend cart --range 7d --step 30s --out week.csv',
  ],
  options: [...historyOptions, { flags: '--out <file>', description: 'history.parquet or history.csv' }],
  schema: z.object({
    ...historyFields,
    prometheus: historyFields.prometheus.unwrap(),
    namespace: historyFields.namespace.unwrap(),
    out: z.string(),
  }),
  async run(input, context) {
    historyFormOf(input.out, '--out');
    const { history } = await readFromPrometheus(input, context);
    await writeHistory(input.out, history);
    const names = history.services.map(({ name }) => name).join(', ');
    context.log(`${history.steps} steps of ${history.stepSeconds} s of ${names} in ${input.out}`);
    return 0;
  },
});
