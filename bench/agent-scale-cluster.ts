/** The objects of the benchmark `agent-scale`: closed loops as an operator leaves them, and what tunes them. */
import PQueue from 'p-queue';
import { configMapOf, partsOf } from '../agent/faults/forged-checkpoint.fixture.ts';
import { type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import type { Checkpoint } from '../policies/actor-critic/checkpoint.ts';
import type { ClosedLoopStatus } from '../policies/resources/closed-loop.ts';

const apiVersion = 'duoloop.dev/v1alpha1';
const writesInFlight = 20;
/** As many as a status holds. */
const recentDecisions = 10;

export interface TunedNamespace {
  readonly name: string;
  readonly workloads: readonly string[];
}

/** Every namespace with a closed loop per workload, one DeliberativeLoop over them, and its checkpoint. */
export async function createTunedLoops(
  api: KubernetesApi,
  checkpoint: Checkpoint,
  namespaces: readonly TunedNamespace[],
): Promise<void> {
  for (const { name } of namespaces) {
    await api.create(resourceTypes.namespace, undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  const queue = new PQueue({ concurrency: writesInFlight });
  const loops = namespaces.flatMap(({ name, workloads }) =>
    workloads.map((workload) => ({ namespace: name, workload })),
  );
  await queue.addAll(
    loops.map(
      ({ namespace, workload }) =>
        () =>
          createClosedLoop(api, checkpoint, namespace, workload),
    ),
  );
  for (const { name, workloads } of namespaces) {
    await api.create(resourceTypes.configMap, name, configMapOf('policy', partsOf(checkpoint)));
    await api.create(resourceTypes.deliberativeLoop, name, {
      apiVersion,
      kind: 'DeliberativeLoop',
      metadata: { name: 'tuner' },
      spec: {
        closedLoops: { names: workloads },
        policy: { checkpoint: { configMap: { name: 'policy' } } },
        mode: 'Bounded',
        intervalSeconds: checkpoint.document.intervalSeconds,
      },
    });
  }
}

async function createClosedLoop(
  api: KubernetesApi,
  { document }: Checkpoint,
  namespace: string,
  workload: string,
): Promise<void> {
  const { loop } = document;
  const { metrics, behavior } = loop;
  await api.create(resourceTypes.closedLoop, namespace, {
    apiVersion,
    kind: 'ClosedLoop',
    metadata: { name: workload },
    spec: {
      targetRef: { name: workload },
      intervalSeconds: loop.intervalSeconds,
      metrics: metrics.map((metric) => ({ ...metric, source: { push: {} } })),
      behavior,
    },
  });
  const status = statusOf(
    workload,
    metrics.map(({ name }) => name),
    Date.now(),
  );
  await api.mergePatch(resourceTypes.closedLoop, namespace, workload, { status }, { subresource: 'status' });
}

/** Of a loop that has been at work for a while: as large as they get. */
function statusOf(workload: string, metricNames: readonly string[], nowMilliseconds: number): ClosedLoopStatus {
  const perMetric = <Value>(value: (i: number) => Value) =>
    Object.fromEntries(metricNames.map((name, i) => [name, value(i)] as const));
  const decision = (age: number) => ({
    time: new Date(nowMilliseconds - age * 60_000).toISOString(),
    message: `High ${metricNames[0]}`,
    winner: metricNames[0],
    losers: metricNames.slice(1),
    clampedBy: ['scaleUpRate'],
    action: `React to ${metricNames[0]}`,
    from: 3,
    to: 3,
    missing: [],
    values: perMetric((i) => 40 + i / 7),
  });
  const decisions = Array.from({ length: recentDecisions }, (_, age) => decision(age));
  const seconds = decisions.map((_, age) => nowMilliseconds / 1000 - 60 * (recentDecisions - age));
  return {
    ranks: perMetric((i) => i + 1),
    ranking: metricNames.join(','),
    target: `Deployment/${workload}`,
    replicas: 3,
    lastDecision: decisions[0],
    recentDecisions: decisions,
    reactionEpochs: perMetric(() => seconds),
    recentReactions: decisions.map(({ winner }) => winner),
    rankChanges: [],
    recentChanges: [],
    conditions: ['TargetFound', 'MetricsAvailable', 'Active', 'ScalingLimited', 'Ready'].map((type) => ({
      type,
      status: 'True' as const,
      reason: 'AsExpected',
      message: 'What a condition says takes about as many words as this one has in it.',
      lastTransitionTime: new Date(nowMilliseconds).toISOString(),
    })),
  };
}
