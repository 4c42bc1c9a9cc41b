/**
 * What closed loops cost in their steady state: the real operator process on a real API server and a real Prometheus, loops
 * of one query template at 15 s, nothing changing.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import PQueue from 'p-queue';
import { type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { type ControlPlane, startControlPlane } from '../env/lab/control-plane.ts';
import { applyDefinitions } from '../env/lab/lab-api.ts';
import type { ClosedLoop } from '../policies/resources/closed-loop.ts';
import { type Benchmark, type BenchmarkOptions, type Measurement, summarise } from './measurement.ts';
import { type OperatorProcess, startOperatorProcess } from './operator-process.ts';
import { largestObserved, type MetricSample, type ProcessUse, processUse, readMetrics, sumOf } from './process-use.ts';

const intervalSeconds = 15;
const namespace = 'shop';
const sizes = [100, 1000, 5000] as const;
/** While setting up; the loops themselves are the operator's to handle. */
const writesInFlight = 20;
/** What the operator writes for loops; its lease is renewed whatever they do. */
const writtenResources = /resource="(closedloops|deployments|events)"/;
const writingVerbs = /verb="(APPLY|PATCH|PUT|POST|DELETE)"/;
const definitionsFolder = fileURLToPath(new URL('../manifests/crds', import.meta.url));

export const closedLoopsBenchmark: Benchmark = {
  name: 'closed-loops',
  description: 'queries, writes, lateness, memory and CPU of the operator with 100, 1,000 and 5,000 closed loops',
  async run(options) {
    const measurements: Measurement[] = [];
    for (const loops of options.quick ? [sizes[0]] : sizes) measurements.push(...(await measure(loops, options)));
    return measurements;
  },
};

async function measure(loops: number, { quick }: BenchmarkOptions): Promise<Measurement[]> {
  const exporter = await startExporter(loops);
  const { port } = exporter.address() as AddressInfo;
  let plane: ControlPlane | undefined;
  let operator: OperatorProcess | undefined;
  try {
    plane = await startControlPlane({
      // What is measured has no pods; without these nothing but the operator acts.
      controllerManager: false,
      scheduler: false,
      nodes: false,
      prometheus: {
        scrapeIntervalSeconds: 5,
        scrapeConfigs: [
          { job_name: 'loops', honor_labels: true, static_configs: [{ targets: [`127.0.0.1:${port}`] }] },
        ],
      },
    });
    const definitions = (await readdir(definitionsFolder)).filter((file) => file.endsWith('.yaml'));
    await applyDefinitions(
      plane.api,
      definitions.map((file) => join(definitionsFolder, file)),
    );
    const api = await connectKubernetes({ kubeconfigFiles: [plane.kubeconfigFile], inFlight: writesInFlight });
    await setUp(api, loops);
    operator = await startOperatorProcess(plane);
    await untilDecided(api, loops);
    return await observe(loops, plane, operator, quick ? 2 : 8);
  } finally {
    await operator?.stop();
    await plane?.stop();
    exporter.close();
  }
}

/** A series per workload, between the loops' thresholds, its value moving all the time. */
function startExporter(loops: number): Promise<Server> {
  const server = createServer((_, response) => {
    const lines = Array.from({ length: loops }, (_, i) => {
      const value = 45 + 10 * Math.random();
      return `workload_cpu_percent{namespace="${namespace}",workload="${workloadName(i)}"} ${value}`;
    });
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(`# TYPE workload_cpu_percent gauge\n${lines.join('\n')}\n`);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function workloadName(index: number): string {
  return `workload-${index}`;
}

async function setUp(api: KubernetesApi, loops: number): Promise<void> {
  for (const name of [namespace, 'duoloop-system']) {
    await api.create(resourceTypes.namespace, undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  const queue = new PQueue({ concurrency: writesInFlight });
  await queue.addAll(Array.from({ length: loops }, (_, i) => () => makeLoop(api, workloadName(i))));
}

async function makeLoop(api: KubernetesApi, name: string): Promise<void> {
  const labels = { app: name };
  await api.create(resourceTypes.deployment, namespace, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app' }] } },
    },
  });
  // What the Deployment's controller would report of three ready pods.
  const status = { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
  await api.mergePatch(resourceTypes.deployment, namespace, name, { status }, { subresource: 'status' });
  await api.create(resourceTypes.closedLoop, namespace, {
    apiVersion: 'duoloop.dev/v1alpha1',
    kind: 'ClosedLoop',
    metadata: { name },
    spec: {
      intervalSeconds,
      targetRef: { name },
      metrics: [
        {
          name: 'cpu',
          rank: 1,
          source: {
            prometheus: { query: 'avg(workload_cpu_percent{namespace="$namespace",workload="$target"})' },
          },
          thresholds: [
            { kind: 'superior', value: 70, reaction: { horizontal: { by: 1 } } },
            { kind: 'inferior', value: 20, reaction: { horizontal: { by: -1 } } },
          ],
        },
      ],
      behavior: { maxReplicas: 10 },
    },
  });
}

/** Until every loop has its first status, and two ticks more: from then on nothing changes. */
async function untilDecided(api: KubernetesApi, loops: number): Promise<void> {
  const deadline = Date.now() + 300_000;
  for (;;) {
    const { items } = await api.list<ClosedLoop>(resourceTypes.closedLoop, { namespace });
    const decided = items.filter(({ status }) => status?.lastDecision?.missing.length === 0).length;
    if (decided === loops) break;
    if (Date.now() > deadline) throw new Error(`only ${decided} of ${loops} closed loops have decided after 300 s`);
    await delay(1000);
  }
  await delay(2 * intervalSeconds * 1000);
}

interface Look {
  readonly operator: ProcessUse;
  readonly apiServer: ProcessUse;
  readonly prometheus: readonly MetricSample[];
  readonly kubernetes: readonly MetricSample[];
  readonly own: readonly MetricSample[];
  readonly seconds: number;
}

async function look(plane: ControlPlane, operator: OperatorProcess): Promise<Look> {
  const access = { bearerToken: plane.adminToken, certificateAuthority: await readFile(plane.caFile, 'utf8') };
  return {
    operator: await processUse(operator.pid),
    apiServer: await processUse(plane.component('kube-apiserver').pid ?? 0),
    prometheus: await readMetrics(`${plane.prometheusUrl}/metrics`),
    kubernetes: await readMetrics(`${plane.server}/metrics`, access),
    own: await readMetrics(operator.metricsUrl),
    seconds: performance.now() / 1000,
  };
}

async function observe(
  loops: number,
  plane: ControlPlane,
  operator: OperatorProcess,
  ticks: number,
): Promise<Measurement[]> {
  const before = await look(plane, operator);
  const residentMegabytes: number[] = [];
  for (let tick = 0; tick < ticks; tick++) {
    await delay(intervalSeconds * 1000);
    residentMegabytes.push((await processUse(operator.pid)).residentMegabytes);
  }
  const after = await look(plane, operator);
  const increase = (from: 'prometheus' | 'kubernetes' | 'own', name: string, ...patterns: RegExp[]) =>
    sumOf(after[from], name, ...patterns) - sumOf(before[from], name, ...patterns);
  const cores = (who: 'operator' | 'apiServer') =>
    (after[who].cpuSeconds - before[who].cpuSeconds) / (after.seconds - before.seconds);
  const queries = increase('prometheus', 'prometheus_http_requests_total', /handler="\/api\/v1\/query"/);
  const writes = increase('kubernetes', 'apiserver_request_total', writtenResources, writingVerbs);
  const durations = increase('own', 'duoloop_tick_duration_seconds_sum');
  const ticked = increase('own', 'duoloop_tick_duration_seconds_count');
  // What is promised is promised for 1,000 loops, so for fewer too; 5,000 is there for the curve.
  const measurement = (name: string, unit: string, samples: number[], atMost?: number): Measurement => ({
    ...summarise(`${name}, ${loops} loops`, unit, samples),
    ...(atMost === undefined || loops > 1000 ? {} : { required: { value: atMost, is: 'at most' } }),
  });
  return [
    measurement('Prometheus queries', '/tick', [queries / ticks], 10),
    measurement('API writes', '/tick', [writes / ticks], 0),
    measurement(
      'tick lateness, slowest',
      's',
      [largestObserved(before.own, after.own, 'duoloop_tick_lateness_seconds')],
      1,
    ),
    measurement('tick duration, mean', 's', [durations / ticked]),
    measurement('operator memory', 'MB', residentMegabytes, 200),
    measurement('operator CPU', 'cores', [cores('operator')], 0.1),
    measurement('API server CPU', 'cores', [cores('apiServer')]),
  ];
}
