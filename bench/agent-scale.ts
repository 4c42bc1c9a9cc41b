/**
 * What a round of the agent costs with a thousand closed loops: the real process on a real API server and a real Prometheus,
 * all of them due at one moment every 15 s, as trained: worse than once a minute, over which the agent spreads them.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type DuoloopProcess, duoloopProcess } from '../agent/faults/duoloop-process.fixture.ts';
import { frontendCheckpoint } from '../agent/faults/forged-checkpoint.fixture.ts';
import { type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { type ControlPlane, startControlPlane } from '../env/lab/control-plane.ts';
import { applyDefinitions } from '../env/lab/lab-api.ts';
import { type OrphanGuard, startOrphanGuard } from '../env/lab/orphan-guard.ts';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import type { DeliberativeLoop } from '../policies/resources/deliberative-loop.ts';
import { createTunedLoops } from './agent-scale-cluster.ts';
import { benchedNamespaces, benchedWorkloads, loneNamespace } from './agent-scale-workloads.ts';
import { type Benchmark, type Measurement, summarise } from './measurement.ts';
import { type MetricSample, processUse, readMetrics, sumOf } from './process-use.ts';

const scrapeIntervalSeconds = 15;
const rateWindowSeconds = 60;
/** Of the agent alone: nothing else is asked for these, and the bench itself between two looks for none. */
const agentResources = /resource="(closedloops|deliberativeloops|scalinggroups|configmaps|events)"/;
const definitionsFolder = fileURLToPath(new URL('../manifests/crds', import.meta.url));

export const agentScaleBenchmark: Benchmark = {
  name: 'agent-scale',
  description: 'rounds, memory, queries and API calls of the agent with one closed loop and with 1,000 at once',
  async run({ quick }) {
    const exporter = fork(fileURLToPath(new URL('agent-scale-exporter.ts', import.meta.url)));
    const [target] = await once(exporter, 'message');
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-bench-'));
    const guard = startOrphanGuard(folder);
    let plane: ControlPlane | undefined;
    try {
      plane = await startControlPlane({
        // What is measured has no pods; without these nothing but the agent acts.
        controllerManager: false,
        scheduler: false,
        nodes: false,
        prometheus: {
          scrapeIntervalSeconds,
          scrapeConfigs: [{ job_name: 'workloads', honor_labels: true, static_configs: [{ targets: [target] }] }],
        },
      });
      const definitions = (await readdir(definitionsFolder)).filter((file) => file.endsWith('.yaml'));
      await applyDefinitions(
        plane.api,
        definitions.map((file) => join(definitionsFolder, file)),
      );
      const api = await connectKubernetes({ kubeconfigFiles: [plane.kubeconfigFile], inFlight: 20 });
      const tuned = [loneNamespace, ...benchedNamespaces].map((name) => ({
        name,
        workloads: benchedWorkloads.filter(({ namespace }) => namespace === name).map((workload) => workload.name),
      }));
      await createTunedLoops(api, await readCheckpoint(frontendCheckpoint), tuned);
      const place = { plane, api, guard, folder };
      return [
        ...(await measure(place, { loops: 1, namespaces: [loneNamespace], rounds: quick ? 1 : 4 })),
        ...(await measure(place, { loops: 1000, namespaces: benchedNamespaces, rounds: quick ? 2 : 12 })),
      ];
    } finally {
      await plane?.stop();
      await guard.dismiss();
      exporter.disconnect();
    }
  },
};

interface Place {
  readonly plane: ControlPlane;
  readonly api: KubernetesApi;
  readonly guard: OrphanGuard;
  readonly folder: string;
}

interface Load {
  readonly loops: number;
  readonly namespaces: readonly string[];
  readonly rounds: number;
}

async function measure({ plane, api, guard, folder }: Place, load: Load): Promise<Measurement[]> {
  const { loops, namespaces } = load;
  const agent = await duoloopProcess(
    {
      verb: 'agent',
      name: `agent-${loops}`,
      folder,
      commandLine: [
        ...['--kubeconfig', plane.kubeconfigFile, '--prometheus', plane.prometheusUrl ?? ''],
        ...['--rate-window', String(rateWindowSeconds), '--log-level', 'warn'],
        ...['--watch-namespace', ...namespaces],
      ],
    },
    guard,
  );
  try {
    await agent.start();
    await untilDecided(api, load);
    return await observe(plane, agent, load);
  } finally {
    await agent.stop();
  }
}

async function proposals(api: KubernetesApi, namespaces: readonly string[]): Promise<number> {
  const { items } = await api.list<DeliberativeLoop>(resourceTypes.deliberativeLoop);
  return items
    .filter(({ metadata }) => namespaces.includes(metadata.namespace ?? ''))
    .reduce((sum, { status }) => sum + (status?.proposals?.length ?? 0), 0);
}

/** Until all are proposed for, which takes as long as the window of their rates. */
async function untilDecided(api: KubernetesApi, { loops, namespaces }: Load): Promise<void> {
  const deadline = Date.now() + 240_000;
  for (;;) {
    const found = await proposals(api, namespaces);
    if (found === loops) return;
    if (Date.now() > deadline) throw new Error(`only ${found} of ${loops} closed loops are proposed for after 240 s`);
    await delay(1000);
  }
}

interface Look {
  readonly agent: readonly MetricSample[];
  readonly prometheus: readonly MetricSample[];
  readonly kubernetes: readonly MetricSample[];
}

async function look(plane: ControlPlane, agent: DuoloopProcess): Promise<Look> {
  const access = { bearerToken: plane.adminToken, certificateAuthority: await readFile(plane.caFile, 'utf8') };
  return {
    agent: await readMetrics(agent.metricsUrl),
    prometheus: await readMetrics(`${plane.prometheusUrl}/metrics`),
    kubernetes: await readMetrics(`${plane.server}/metrics`, access),
  };
}

const stepSeconds = 'duoloop_agent_decision_seconds';
const steps = ['round', 'list', 'measure', 'decide', 'write'] as const;

async function observe(plane: ControlPlane, agent: DuoloopProcess, load: Load): Promise<Measurement[]> {
  const { loops, rounds } = load;
  const before = await look(plane, agent);
  const { cpuSeconds } = await processUse(agent.pid ?? 0);
  const residentMegabytes: number[] = [];
  const milliseconds = Object.fromEntries(steps.map((step) => [step, [] as number[]]));
  let last = before.agent;
  const grown = (samples: readonly MetricSample[], suffix: 'count' | 'sum', step: string) => {
    const pattern = new RegExp(`step="${step}"`);
    return sumOf(samples, `${stepSeconds}_${suffix}`, pattern) - sumOf(last, `${stepSeconds}_${suffix}`, pattern);
  };
  while (milliseconds.round.length < rounds) {
    await delay(500);
    residentMegabytes.push((await processUse(agent.pid ?? 0)).residentMegabytes);
    const samples = await readMetrics(agent.metricsUrl);
    if (grown(samples, 'count', 'round') !== 1) continue;
    for (const step of steps) milliseconds[step].push(1000 * grown(samples, 'sum', step));
    last = samples;
  }
  const after = await look(plane, agent);
  const use = await processUse(agent.pid ?? 0);
  const increase = (from: keyof Look, name: string, ...patterns: RegExp[]) =>
    sumOf(after[from], name, ...patterns) - sumOf(before[from], name, ...patterns);
  const label = loops === 1 ? '1 loop' : `${loops.toLocaleString('en')} loops`;
  const measurement = (name: string, unit: string, samples: number[], atMost?: number): Measurement => ({
    ...summarise(`${name}, ${label}`, unit, samples),
    ...(atMost === undefined ? {} : { required: { value: atMost, is: 'at most' } }),
  });
  const perRound = (total: number) => [total / rounds];
  return [
    // Of so few rounds the 99th percentile is the slowest.
    measurement('round, slowest', 's', [Math.max(...milliseconds.round) / 1000], 2),
    ...steps.map((step) => measurement(step, 'ms', milliseconds[step])),
    measurement(
      'Prometheus queries',
      '/round',
      perRound(increase('prometheus', 'prometheus_http_requests_total', /api\/v1\/query/)),
    ),
    measurement('API requests', '/round', perRound(increase('kubernetes', 'apiserver_request_total', agentResources))),
    measurement('abstentions', '/round', perRound(increase('agent', 'duoloop_agent_abstentions_total'))),
    measurement('agent memory', 'MB', residentMegabytes, loops === 1 ? undefined : 200),
    measurement('agent CPU', 's/round', perRound(use.cpuSeconds - cpuSeconds)),
  ];
}
