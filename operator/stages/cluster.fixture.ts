/** Both loops and the stages on a real API server, with a clock and metrics that the test sets. */
import { setMaxListeners } from 'node:events';
import pino from 'pino';
import { Registry } from 'prom-client';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { Stage, StageKind } from '../../policies/resources/stages.ts';
import type { TestCluster } from '../../test/cluster.ts';
import type { Scene } from '../closed-loop/cluster.fixture.ts';
import type { StagePublisher } from '../closed-loop/contract.ts';
import { createClosedLoopController } from '../closed-loop/controller.ts';
import { createManualTimers, createMemoryReader } from '../closed-loop/doubles.fixture.ts';
import { createDeliberativeLoopController } from '../deliberative-loop/controller.ts';
import type { OperatorContext, Reconcile } from '../runtime/contract.ts';
import { createResourceCache } from '../runtime/resource-cache.ts';
import { createWorkQueue } from '../runtime/work-queue.ts';
import {
  type AutoscalerObject,
  type DeploymentObject,
  type StatefulSetObject,
  trimAutoscaler,
  trimDeployment,
  trimOwn,
  trimStatefulSet,
} from '../workloads/cached-objects.ts';
import { createWorkloads } from '../workloads/create-workloads.ts';
import { type StageCaches, stageKinds, stageName, stageTypes } from './stage-types.ts';
import { createStages } from './stages.ts';

/** A write as it was sent. */
export interface SentWrite {
  readonly kind: string;
  readonly name: string;
  readonly subresource: string | undefined;
  readonly body: { readonly spec?: object; readonly status?: object };
}

export interface OperatorOptions {
  /** After the first write for which it holds, the process writes nothing any more, as if it were killed at that moment. */
  readonly killAfter?: (write: SentWrite) => boolean;
  /** Unix seconds at which its clock starts. */
  readonly start?: number;
}

export type TestOperator = Awaited<ReturnType<typeof startOperator>>;

/** Ticks when told (`tick`), every 15 s of its own clock. `stop` waits until everything has ended. */
export async function startOperator({ namespace }: Scene, cluster: TestCluster, options: OperatorOptions = {}) {
  const connected = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile], userAgent: 'test-operator' });
  const life = { isAlive: true };
  const writes: SentWrite[] = [];
  const api = recording(connected, writes, life, options.killAfter);
  const time = createManualTimers(options.start ?? Math.floor(Date.now() / 15_000) * 15);
  const events: { name: string; type: string; reason: string; note: string }[] = [];
  const context: OperatorContext = {
    api,
    events: {
      record: ({ metadata: { name } }, type, reason, note) => void events.push({ name, type, reason, note }),
    },
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    mayAct: () => life.isAlive,
    now: time.timers.now,
    namespaces: [namespace],
  };
  const cacheOf = <T extends StoredObject>(type: ResourceType, trim?: (object: T) => T) =>
    createResourceCache<T>({
      api,
      type,
      namespaces: [namespace],
      ...(trim ? { trim } : {}),
      logger: context.logger,
      metrics: context.metrics,
    });
  const queueNamed = (name: string) => (reconcile: Reconcile) => createWorkQueue({ name, reconcile, context });
  const closedLoops = cacheOf<ClosedLoop>(resourceTypes.closedLoop, trimOwn);
  const deliberativeLoops = cacheOf<DeliberativeLoop>(resourceTypes.deliberativeLoop, trimOwn);
  const scalingGroups = cacheOf<ScalingGroup>(resourceTypes.scalingGroup, trimOwn);
  const deployments = cacheOf<DeploymentObject>(resourceTypes.deployment, trimDeployment);
  const statefulSets = cacheOf<StatefulSetObject>(resourceTypes.statefulSet, trimStatefulSet);
  const horizontalPodAutoscalers = cacheOf<AutoscalerObject>(resourceTypes.horizontalPodAutoscaler, trimAutoscaler);
  const stageCaches = Object.fromEntries(
    stageKinds.map((kind) => [kind, cacheOf<Stage<never>>(stageTypes[kind], trimOwn)]),
  ) as unknown as StageCaches;
  const workloads = createWorkloads({ context, deployments, statefulSets, scalingGroups, horizontalPodAutoscalers });
  const reader = createMemoryReader();

  // The loops publish to the stages, which execute by the loops.
  let publisher: StagePublisher | undefined;
  const closedLoop = createClosedLoopController({
    context,
    cache: closedLoops,
    workloads,
    reader: reader.reader,
    scalingGroups,
    timers: time.timers,
    stages: { publish: async (...message) => publisher?.publish(...message) },
    createQueue: queueNamed('closed-loop'),
  });
  const deliberative = createDeliberativeLoopController({
    context,
    cache: deliberativeLoops,
    closedLoops,
    table: closedLoop.table,
    workloads,
    createQueue: queueNamed('deliberative-loop'),
  });
  const stages = createStages({
    context,
    closedLoops,
    caches: stageCaches,
    table: closedLoop.table,
    executor: closedLoop,
    workloads,
    scalingGroups,
    deliberation: deliberative,
    createQueue: queueNamed('stages'),
  });
  publisher = stages;

  const stop = new AbortController();
  // Every cache and queue listens to it.
  setMaxListeners(0, stop.signal);
  const caches = [
    closedLoops,
    deliberativeLoops,
    scalingGroups,
    deployments,
    statefulSets,
    horizontalPodAutoscalers,
    ...Object.values(stageCaches),
  ];
  const running = caches.map((cache) => cache.run(stop.signal));
  await Promise.all(caches.map((cache) => cache.synced(stop.signal)));
  running.push(closedLoop.run(stop.signal), deliberative.run(stop.signal), stages.run(stop.signal));
  return {
    table: closedLoop.table,
    metrics: context.metrics,
    events,
    writes,
    life,
    now: time.timers.now,
    async stop() {
      stop.abort();
      await Promise.all(running);
    },
    /** The managed system pushes its values, and the clock goes on to the next tick. @returns the tick's second */
    tick(values: Readonly<Record<string, number>>): number {
      const second = Math.floor(time.timers.now() / 15) * 15 + 15;
      for (const [name, value] of Object.entries(values)) reader.set(name, { value, time: second });
      time.jumpTo(second);
      return second;
    },
    /** Lets time pass without a tick. */
    setClock: time.setClock,
  };
}

function recording(
  api: KubernetesApi,
  writes: SentWrite[],
  life: { isAlive: boolean },
  killAfter: OperatorOptions['killAfter'],
): KubernetesApi {
  const record = async <T>(write: SentWrite, send: () => Promise<T>): Promise<T> => {
    if (!life.isAlive) throw new Error('this process was killed');
    const result = await send();
    writes.push(write);
    if (killAfter?.(write)) life.isAlive = false;
    return result;
  };
  return {
    ...api,
    mergePatch: (type, namespace, name, body, rest) =>
      record({ kind: type.kind, name, subresource: rest?.subresource, body }, () =>
        api.mergePatch(type, namespace, name, body, rest),
      ),
    apply(type, object, rest) {
      const { metadata, ...body } = object as { metadata: { name: string } };
      const write = { kind: type.kind, name: metadata.name, subresource: rest.subresource, body };
      return record(write, () => api.apply(type, object, rest));
    },
  };
}

/** Requests of a test for stages and deliberative loops, in its namespace. */
export function moreRequests({ api, namespace }: Scene) {
  return {
    stage: (loop: string, kind: StageKind) =>
      api.get<Stage<Record<string, unknown>>>(stageTypes[kind], namespace, stageName(loop, kind)),
    patchStage: (loop: string, kind: StageKind, patch: object, subresource?: 'status') =>
      api.mergePatch(stageTypes[kind], namespace, stageName(loop, kind), patch, subresource ? { subresource } : {}),
    createDeliberativeLoop: (name: string, spec: Record<string, unknown>) =>
      api.create<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, {
        apiVersion: 'duoloop.dev/v1alpha1',
        kind: 'DeliberativeLoop',
        metadata: { name },
        spec,
      }),
    deliberativeLoop: (name: string) => api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, name),
    /** As the agent does it: under its own name, its own fields only. */
    propose: (name: string, proposals: readonly object[]) =>
      api.apply<DeliberativeLoop>(
        resourceTypes.deliberativeLoop,
        {
          apiVersion: 'duoloop.dev/v1alpha1',
          kind: 'DeliberativeLoop',
          metadata: { name, namespace },
          status: {
            proposals,
            policy: { name: 'checkpoint' },
            conditions: [
              {
                type: 'Ready',
                status: 'True',
                reason: 'Deciding',
                message: 'The agent decides.',
                lastTransitionTime: '2026-01-01T00:00:00Z',
              },
            ],
          },
        },
        { fieldManager: 'duoloop-agent', subresource: 'status' },
      ),
  };
}
