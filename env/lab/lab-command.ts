/** `duoloop lab`: a control plane on this machine with an application of a model under the load of a trace. */
import { once } from 'node:events';
import { z } from 'zod';
import { loadApp } from '../apps/load-app.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { parseCapacity } from '../simulator/capacity.ts';
import { readTrace } from '../workload/trace.ts';
import { createLab, type Lab, playToEnd } from './lab.ts';

/** Of real time, between two lines about how the application fares. */
const reportIntervalSeconds = 10;
const namespaceName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const command = defineCommand({
  examples: [
    'duoloop lab --app teastore --trace day.csv --speed 60',
    'duoloop lab --app frontend --trace peak.csv --speed 15 --capacity 0:1,3600:0.7 --noise 0.05 --keep',
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
    { flags: '--seed <n>', description: 'seed of the noise' },
    { flags: '--scrape-interval <seconds>', description: 'between two scrapes of Prometheus' },
    { flags: '--keep', description: 'goes on under the last load when the trace has ended, until Ctrl-C' },
    { flags: '--json', description: 'writes the addresses as one line of JSON, once everything runs' },
  ],
  schema: z.object({
    app: z.string(),
    trace: z.string(),
    speed: z.coerce.number().positive().max(1000).default(15),
    namespace: z.string().regex(namespaceName, 'must be a name as Kubernetes allows it').optional(),
    groupSize: z.coerce.number().int().min(1).optional(),
    capacity: z.string().optional(),
    noise: z.coerce.number().min(0).max(1).default(0),
    seed: z.coerce.number().int().min(0).default(0),
    scrapeInterval: z.coerce.number().min(0.1).max(60).default(1),
    keep: z.boolean().default(false),
    json: z.boolean().default(false),
  }),
  async run(input, context) {
    const [app, trace] = await Promise.all([loadApp(input.app), readTrace(input.trace)]);
    const { signal } = context;
    const lab = await createLab({
      app,
      trace,
      speed: input.speed,
      namespace: input.namespace,
      groupSize: input.groupSize,
      capacity: input.capacity === undefined ? [] : parseCapacity(input.capacity),
      noise: input.noise,
      seed: input.seed,
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
      if (input.json) context.print(JSON.stringify(addressesOf(lab)));
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
