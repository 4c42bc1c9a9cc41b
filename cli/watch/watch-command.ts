/** `duoloop watch`: closed loops and what tunes them, live, in a browser or a terminal. */
import { z } from 'zod';
import {
  clusterConnection,
  clusterFields,
  clusterOptions,
  namedPresets,
  presetOption,
  prometheusFields,
  prometheusOptions,
  rateWindowField,
  rateWindowOption,
} from '../../env/cluster/command-options.ts';
import { connectPrometheus } from '../../env/cluster/connect-prometheus.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { withoutCredentials } from '../../env/cluster/url-credentials.ts';
import { defineCommand } from '../../env/command.ts';
import { runAll } from '../../env/service/run-all.ts';
import { createClusterReader } from './cluster-reader.ts';
import { jsonFace, lineFace, tableFace, webFace } from './faces.ts';
import { historyWindow } from './history.ts';
import { createObservation } from './observation.ts';
import { createWatch, type RunningWatch } from './watch.ts';

/** Of a terminal that does not tell its size. */
const defaultTerminalRows = 24;

export const command = defineCommand({
  examples: [
    'duoloop watch',
    'duoloop watch --namespace shop --prometheus http://localhost:9090',
    'duoloop watch --text --namespace shop',
    'duoloop watch --json --interval 10',
  ],
  options: [
    { flags: '-n, --namespace <name...>', description: 'namespaces to watch (all)' },
    ...clusterOptions,
    ...prometheusOptions('for load, p95 and the curves of before'),
    presetOption(namedPresets, 'where a DeliberativeLoop names none'),
    rateWindowOption(),
    {
      flags: '--sla <ms>',
      description: 'p95 limit of all, instead of the upper threshold of the latency metric of each',
    },
    { flags: '--history <minutes>', description: 'length of the curves' },
    { flags: '--interval <seconds>', description: 'between two looks' },
    { flags: '--port <port>', description: 'of the web page; 0 for a free one' },
    { flags: '--bind <address>', description: 'to listen on; others than 127.0.0.1 let everyone look who reaches it' },
    { flags: '--allowed-host <name...>', description: 'names besides addresses and localhost to answer to' },
    {
      flags: '--text',
      description: 'a table in the terminal instead; lines about what changed where it is no terminal',
    },
    { flags: '--json', description: 'a line of JSON per look instead' },
  ],
  schema: z.object({
    namespace: z.array(z.string().min(1)).min(1).optional(),
    ...clusterFields,
    ...prometheusFields,
    preset: z.enum(namedPresets).default('istio'),
    rateWindow: rateWindowField.prefault('30s'),
    sla: z.coerce.number().positive().optional(),
    history: z.coerce.number().min(1).max(1440).default(30),
    interval: z.coerce.number().min(1).max(3600).default(5),
    port: z.coerce.number().int().min(0).max(65_535).default(0),
    bind: z.string().default('127.0.0.1'),
    allowedHost: z.array(z.string()).optional(),
    text: z.boolean().default(false),
    json: z.boolean().default(false),
  }),
  async run(input, context) {
    const { signal } = context;
    const now = () => Date.now() / 1000;
    const api = await connectKubernetes({
      ...clusterConnection(input),
      userAgent: 'duoloop-watch',
      mayWrite: () => false,
    });
    const namespaces = input.namespace === undefined ? undefined : [...new Set(input.namespace)];
    const cluster = createClusterReader({ api, namespaces, now });
    const window = historyWindow(input.history * 60, input.interval);
    const prometheus =
      input.prometheus === undefined
        ? undefined
        : createObservation({
            url: withoutCredentials(input.prometheus),
            prometheus: await connectPrometheus({ url: input.prometheus, tokenFile: input.prometheusTokenFile, now }),
            preset: input.preset,
            rateWindowSeconds: input.rateWindow,
            intervalSeconds: input.interval,
            window,
            now,
            objects: cluster.objects,
            onHistory: (key, points) => watch.remember(key, points),
          });
    const watch: RunningWatch = createWatch({
      server: api.server,
      cluster,
      prometheus,
      window,
      intervalSeconds: input.interval,
      slaMilliseconds: input.sla,
      now,
    });
    const { bind, port, allowedHost: allowedHosts = [] } = input;
    const face = input.json
      ? jsonFace(watch, context.print)
      : !input.text
        ? webFace(watch, context, { bind, port, allowedHosts })
        : process.stdout.isTTY
          ? tableFace(watch, drawFrame, () => process.stdout.rows || defaultTerminalRows)
          : lineFace(watch, context.print);
    await runAll([cluster, ...(prometheus === undefined ? [] : [prometheus]), watch, face], signal);
    return 0;
  },
});

/** Beside `print`, which lets nothing pass that steers a terminal: this does, and all text in it was made printable. */
function drawFrame(frame: string): void {
  process.stdout.write(`${frame}\n`);
}
