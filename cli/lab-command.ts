/**
 * `duoloop lab`: a control plane on this machine with an application of a model under the load of a trace; with `--compare`,
 * once for each of those that are to scale it. Here because comparing belongs to training, which env knows nothing of.
 */
import { once } from 'node:events';
import { z } from 'zod';
import type { AppModel } from '../env/apps/app-model.ts';
import { loadApp } from '../env/apps/load-app.ts';
import { type CommandContext, defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { createLab, type Lab, playToEnd } from '../env/lab/lab.ts';
import { type CapacityChange, parseCapacity } from '../env/simulator/capacity.ts';
import { readTrace, type Trace } from '../env/workload/trace.ts';
import { contestantNames } from '../training/live/contestants.ts';
import { compareInLab } from '../training/live/lab-comparison.ts';
import { prepareLiveReport, writeLiveReport } from '../training/live/write-live-report.ts';

/** Of real time, between two lines about how the application fares. */
const reportIntervalSeconds = 10;
const namespaceName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const inputSchema = z.object({
  app: z.string(),
  trace: z.string(),
  speed: z.coerce.number().positive().max(1000).default(15),
  namespace: z.string().regex(namespaceName, 'must be a name as Kubernetes allows it').optional(),
  groupSize: z.coerce.number().int().min(1).optional(),
  capacity: z.string().optional(),
  noise: z.coerce.number().min(0).max(1).default(0),
  seed: z
    .array(z.coerce.number().int().min(0))
    .min(1)
    .refine((seeds) => new Set(seeds).size === seeds.length, 'names a seed twice')
    .default([0]),
  scrapeInterval: z.coerce.number().min(0.1).max(60).optional(),
  compare: z
    .string()
    .transform((names) => names.split(',').map((name) => name.trim()))
    .optional(),
  rateWindow: z.coerce.number().min(0.2).max(3600).optional(),
  series: z.string().optional(),
  html: z.string().optional(),
  keep: z.boolean().default(false),
  json: z.union([z.boolean(), z.string()]).default(false),
});

export const command = defineCommand({
  examples: [
    'duoloop lab --app teastore --trace day.csv --speed 60',
    'duoloop lab --app frontend --trace peak.csv --speed 15 --capacity 0:1,3600:0.7 --noise 0.05 --keep',
    'duoloop lab --compare hpa-tuned,duoloop --app frontend --trace peak.csv --speed 10 --seed 1 2 3 --noise 0.05 --json rows.json --series series --html report.html',
  ],
  options: [
    {
      flags: '--app <name>',
      description: 'a shipped app model (frontend, teastore, boutique, boutique-moving) or its JSON file',
    },
    { flags: '--trace <file>', description: 'trace CSV (second,rps)' },
    {
      flags: '--speed <factor>',
      description:
        'seconds of the trace per second; start-up of pods and HPAs go as much faster, rates stay as they are',
    },
    { flags: '--namespace <name>', description: 'namespace of the application, instead of the app model’s name' },
    { flags: '--group-size <n>', description: 'group size at the start, instead of what the first load needs' },
    { flags: '--capacity <schedule>', description: 'second:factor,… : what a pod can serve from that second on' },
    { flags: '--noise <share>', description: 'standard deviation of load, CPU and p95, such as 0.05' },
    {
      flags: '--seed <n...>',
      description: 'seed of the noise; with --compare several, all of them played side by side',
    },
    {
      flags: '--scrape-interval <seconds>',
      description: 'between two scrapes of Prometheus (default: 1; with --compare 15 s of the trace)',
    },
    {
      flags: '--compare <policies>',
      description: `lets each scale the application in a namespace of its own and compares them: ${contestantNames.join(', ')}, separated by commas`,
    },
    {
      flags: '--rate-window <seconds>',
      description: 'with --compare: what loops and agent average over, in real seconds (default: four scrapes)',
    },
    { flags: '--series <folder>', description: 'with --compare: writes <trace>.<policy>.csv, a row a tick' },
    { flags: '--html <file>', description: 'with --compare: writes a report with charts that opens offline' },
    { flags: '--keep', description: 'goes on under the last load when the trace has ended, until Ctrl-C' },
    {
      flags: '--json [file]',
      description:
        'writes the addresses as one line of JSON, once everything runs; with --compare a file for the rows, - is stdout',
    },
  ],
  schema: inputSchema,
  async run(input, context) {
    refuseMixture(input);
    const [app, trace] = await Promise.all([loadApp(input.app), readTrace(input.trace)]);
    const capacity = input.capacity === undefined ? [] : parseCapacity(input.capacity);
    if (input.compare !== undefined)
      return compare({ ...input, compare: input.compare }, { app, trace, capacity }, context);
    const { signal } = context;
    const lab = await createLab({
      app,
      trace,
      speed: input.speed,
      namespace: input.namespace,
      groupSize: input.groupSize,
      capacity,
      noise: input.noise,
      seed: input.seed[0],
      scrapeIntervalSeconds: input.scrapeInterval,
      signal,
      onProgress: context.log,
    }).catch((error) => {
      // Interrupted while it started: that is an end, not a failure.
      if (signal.aborted) return undefined;
      throw error;
    });
    if (lab === undefined) return 0;
    try {
      if (input.json === true) context.print(JSON.stringify(addressesOf(lab)));
      else printAddresses(lab, context);
      lab.startTrace();
      context.log(`playing ${trace.name} at ${input.speed} times real time: ${Math.ceil(lab.durationSeconds)} s`);
      const onInterval = () => context.log(describeState(lab));
      await playToEnd(lab, { signal, intervalSeconds: reportIntervalSeconds, onInterval });
      if (input.keep && !signal.aborted) {
        context.log('the trace has ended; its last load goes on until Ctrl-C');
        if (!signal.aborted) await once(signal, 'abort');
      }
    } finally {
      context.log('stopping');
      await lab.stop();
    }
    return 0;
  },
});

type LabInput = z.infer<typeof inputSchema>;

/** What belongs to one of the two ways of using the lab says so in the other. @throws UserError `lab.options` */
function refuseMixture(input: LabInput): void {
  const refuse = (what: string) => {
    throw new UserError('lab.options', what);
  };
  if (input.compare === undefined) {
    if (typeof input.json === 'string')
      refuse('--json takes a file with --compare only; leave the file out, or add --compare');
    for (const option of ['series', 'html', 'rateWindow'] as const) {
      if (input[option] !== undefined)
        refuse(`--${option === 'rateWindow' ? 'rate-window' : option} belongs to --compare; add that, or leave it out`);
    }
    if (input.seed.length > 1) refuse('--seed takes several seeds with --compare only; give one');
    return;
  }
  if (input.json === true) refuse('--json needs a file with --compare (- is stdout)');
  if (input.namespace !== undefined)
    refuse('--namespace: with --compare every policy has a namespace of its own; leave it out');
  if (input.groupSize !== undefined)
    refuse('--group-size: with --compare all begin as the simulator does; leave it out');
  if (input.keep) refuse('--keep: a comparison ends with its trace; leave it out');
}

interface Scene {
  readonly app: AppModel;
  readonly trace: Trace;
  readonly capacity: readonly CapacityChange[];
}

async function compare(
  input: LabInput & { readonly compare: readonly string[] },
  { app, trace, capacity }: Scene,
  context: CommandContext,
): Promise<number> {
  const files = { json: input.json === false ? undefined : String(input.json), series: input.series, html: input.html };
  await prepareLiveReport(files);
  try {
    const { rows, series } = await compareInLab({
      app,
      trace,
      capacity,
      policies: input.compare,
      speed: input.speed,
      noise: input.noise,
      seeds: input.seed,
      scrapeIntervalSeconds: input.scrapeInterval,
      rateWindowSeconds: input.rateWindow,
      signal: context.signal,
      log: context.log,
    });
    await writeLiveReport({ app, rows, series, capacity }, files, context);
    return 0;
  } catch (error) {
    if (!context.signal.aborted) throw error;
    context.log('interrupted; nothing is written, everything is stopped');
    return 1;
  }
}

function addressesOf(lab: Lab) {
  return {
    kubeconfig: lab.kubeconfigFile,
    namespace: lab.namespace,
    apiServer: lab.controlPlane.server,
    prometheus: lab.prometheusUrl,
    kubeStateMetrics: lab.kubeStateMetricsUrl,
    standIn: lab.standIn.url,
    logs: lab.controlPlane.folder,
    durationSeconds: lab.durationSeconds,
  };
}

function printAddresses(lab: Lab, { print }: CommandContext): void {
  const { apiServer, prometheus, kubeStateMetrics, standIn, namespace, logs } = addressesOf(lab);
  const rows = {
    'API server': apiServer,
    Prometheus: prometheus,
    'kube-state-metrics': `${kubeStateMetrics}/metrics`,
    'application metrics': `${standIn}/metrics`,
    namespace,
    logs,
  };
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  for (const [name, value] of Object.entries(rows)) print(`${name.padEnd(width)}  ${value}`);
  print('');
  print(`export KUBECONFIG=${lab.kubeconfigFile}`);
}

function describeState(lab: Lab): string {
  const { traceSecond, load, p95Milliseconds, services } = lab.standIn.state();
  const pods = services.map(({ name, ready }) => `${name} ${ready}`).join(', ');
  return `second ${Math.round(traceSecond)}: ${load.toFixed(0)} requests/s, p95 ${p95Milliseconds.toFixed(1)} ms; ${pods}`;
}
