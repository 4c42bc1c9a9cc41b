/** `duoloop compare`: policies on the same traces; with `--live`, namespaces of a cluster by what Prometheus remembers. */
import { join } from 'node:path';
import { z } from 'zod';
import { loadApp } from '../env/apps/load-app.ts';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { makeFolder, writeFileWhole } from '../env/files.ts';
import { parseCapacity } from '../env/simulator/capacity.ts';
import { readTrace } from '../env/workload/trace.ts';
import { comparePolicy, formatSeries, seriesFileName } from './compare.ts';
import type { ComparisonRow, ComparisonSeries } from './comparison.ts';
import { checkLiveFields, compareLive, liveFields, liveOptions } from './live/compare-live.ts';
import { createProgress } from './report/progress.ts';
import { resolveTunedPolicy } from './tune.ts';

const seconds = z.coerce.number().min(0).max(3600);

export const command = defineCommand({
  examples: [
    'duoloop compare --app frontend --trace day.csv --policy hpa --policy rps-tuned --policy oracle',
    'duoloop compare --app frontend --trace monday.csv tuesday.csv --policy hpa checkpoint:policies/checkpoints/frontend --html report.html --json rows.json',
    'duoloop compare --app frontend --trace day.csv --policy hpa --capacity 0:1,28800:0.7,57600:1.3',
    'duoloop compare --live --prometheus http://localhost:9090 --namespaces hpa=shop-a duoloop=shop-b --range 2h --app frontend --html report.html',
  ],
  options: [
    {
      flags: '--app <name>',
      description: 'a shipped app model (frontend, teastore, boutique, boutique-moving) or its JSON file',
    },
    { flags: '--trace <file...>', description: 'trace CSV (second,rps); repeatable' },
    {
      flags: '--policy <name...>',
      description:
        'hpa, hpa-measured, hpa-tuned, rps-tuned, reactive, last-ten, random-group, forecast, oracle or checkpoint:DIR; repeatable',
    },
    { flags: '--cold-start <seconds>', description: 'seconds until a pod is ready, instead of the app model’s' },
    { flags: '--metric-lag <seconds>', description: 'age of the newest measurement, instead of the app model’s' },
    { flags: '--capacity <schedule>', description: 'second:factor,… : what a pod can serve from that second on' },
    { flags: '--seed <n>', description: 'seed of what is random (random-group)' },
    { flags: '--json <file>', description: 'writes the rows; - is stdout' },
    {
      flags: '--series <folder>',
      description: 'writes <trace>.<policy>.csv, a row a tick; other files in the folder stay',
    },
    { flags: '--html <file>', description: 'writes a report with charts that opens offline' },
    {
      flags: '--no-frontiers',
      description: 'leaves the baselines’ whole frontiers out of the report, which is faster',
    },
    ...liveOptions,
  ],
  schema: z
    .object({
      app: z.string(),
      trace: z.array(z.string()).min(1).optional(),
      policy: z.array(z.string()).min(1).optional(),
      coldStart: seconds.optional(),
      metricLag: seconds.optional(),
      capacity: z.string().optional(),
      seed: z.coerce.number().int().min(0).default(0),
      json: z.string().optional(),
      series: z.string().optional(),
      html: z.string().optional(),
      frontiers: z.boolean().default(true),
      ...liveFields,
    })
    .superRefine(checkLiveFields),
  async run(input, context) {
    const app = await loadApp(input.app);
    if (input.live) return compareLive(app, input, context);
    const { trace: traceFiles = [], policy: policyNames = [] } = input;
    const traces = await Promise.all(traceFiles.map(readTrace));
    refuseRepeats(
      '--trace',
      traces.map((trace) => trace.name),
    );
    refuseRepeats('--policy', policyNames);
    const capacity = input.capacity === undefined ? [] : parseCapacity(input.capacity);
    if (input.series !== undefined) await makeFolder(input.series, '--series');
    const policies = [];
    // Every name is resolved before the first one runs, so that a typing error costs no time.
    for (const name of policyNames) policies.push(await resolveTunedPolicy(name, app, context.log));
    const options = {
      app,
      traces,
      capacity,
      seed: input.seed,
      coldStartSeconds: input.coldStart,
      metricLagSeconds: input.metricLag,
    };
    const rows: ComparisonRow[] = [];
    const series: ComparisonSeries[] = [];
    const progress = createProgress({ title: 'compare', total: policies.length, unit: 'policies' });
    try {
      for (const [i, policy] of policies.entries()) {
        const comparison = await comparePolicy(policy, options);
        rows.push(...comparison.rows);
        if (input.html !== undefined) series.push(...comparison.series);
        if (input.series !== undefined) {
          for (const record of comparison.series) {
            await writeFileWhole(join(input.series, seriesFileName(record.trace, record.policy)), formatSeries(record));
          }
        }
        progress.update(i + 1, { policy: policy.name });
      }
    } finally {
      progress.stop();
    }
    if (input.json === '-') context.print(JSON.stringify(rows, null, 2));
    else {
      const { renderSummaryText } = await import('./report/text-table.ts');
      context.print(renderSummaryText(rows));
      if (input.json !== undefined) await writeFileWhole(input.json, `${JSON.stringify(rows, null, 2)}\n`);
    }
    if (input.html !== undefined) {
      const { writeComparisonPage } = await import('./report/write-comparison.ts');
      await writeComparisonPage(input.html, {
        rows,
        series,
        options,
        frontiers: input.frontiers,
        command: context.commandLine,
        log: context.log,
      });
      context.log(`report: ${input.html}`);
    }
    return 0;
  },
});

function refuseRepeats(option: string, names: readonly string[]): void {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated === undefined) return;
  throw new UserError(
    'REPEATED',
    `${option} names ${repeated} twice; results go by that name, so give it once (rename the file, for a trace)`,
  );
}
