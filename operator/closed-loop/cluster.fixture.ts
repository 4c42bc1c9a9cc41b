/** The controller on a real API server, with metrics that the test sets. One namespace, a tick a second. */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { Registry } from 'prom-client';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { deployment } from '../../env/lab/lab.fixture.ts';
import type { ClosedLoop, ClosedLoopStatus } from '../../policies/resources/closed-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { TestCluster } from '../../test/cluster.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import { createResourceCache } from '../runtime/resource-cache.ts';
import { createWorkQueue } from '../runtime/work-queue.ts';
import type { AutoscalerObject, DeploymentObject, StatefulSetObject } from '../workloads/cached-objects.ts';
import { trimAutoscaler, trimDeployment, trimOwn, trimStatefulSet } from '../workloads/cached-objects.ts';
import { createWorkloads } from '../workloads/create-workloads.ts';
import { createClosedLoopController } from './controller.ts';
import { createMemoryReader } from './doubles.fixture.ts';

export interface SeenDeployment extends StoredObject {
  readonly spec: { readonly replicas: number };
  readonly status?: { readonly readyReplicas?: number };
}

/** Requests of a test, in its namespace. */
export async function scene(cluster: TestCluster, prefix: string) {
  const api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile], userAgent: 'test' });
  const namespace = await cluster.namespace(prefix);
  return {
    api,
    namespace,
    deploy: (options: Parameters<typeof deployment>[0]) =>
      api.create(resourceTypes.deployment, namespace, deployment(options)),
    deployment: (name: string) => api.get<SeenDeployment>(resourceTypes.deployment, namespace, name),
    closedLoop: (name: string) => api.get<ClosedLoop>(resourceTypes.closedLoop, namespace, name),
    createLoop: (name: string, spec: Record<string, unknown>) =>
      api.create<ClosedLoop>(resourceTypes.closedLoop, namespace, {
        apiVersion: 'duoloop.dev/v1alpha1',
        kind: 'ClosedLoop',
        metadata: { name },
        spec: { intervalSeconds: 1, targetRef: { name: 'web' }, ...spec },
      }),
  };
}
export type Scene = Awaited<ReturnType<typeof scene>>;

/** An operator as far as closed loops go; `stop` waits until it has ended. */
export async function startController({ namespace }: Scene, cluster: TestCluster) {
  const api = await connectKubernetes({
    kubeconfigFiles: [cluster.kubeconfigFile],
    userAgent: 'duoloop-test-operator',
  });
  const events: { type: string; reason: string; note: string }[] = [];
  const context: OperatorContext = {
    api,
    events: { record: (_, type, reason, note) => void events.push({ type, reason, note }) },
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    mayAct: () => true,
    now: () => Date.now() / 1000,
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
  const closedLoops = cacheOf<ClosedLoop>(resourceTypes.closedLoop, trimOwn);
  const scalingGroups = cacheOf<ScalingGroup>(resourceTypes.scalingGroup, trimOwn);
  const deployments = cacheOf<DeploymentObject>(resourceTypes.deployment, trimDeployment);
  const statefulSets = cacheOf<StatefulSetObject>(resourceTypes.statefulSet, trimStatefulSet);
  const horizontalPodAutoscalers = cacheOf<AutoscalerObject>(resourceTypes.horizontalPodAutoscaler, trimAutoscaler);
  const workloads = createWorkloads({ context, deployments, statefulSets, scalingGroups, horizontalPodAutoscalers });
  const metrics = createMemoryReader();
  const controller = createClosedLoopController({
    context,
    cache: closedLoops,
    workloads,
    reader: metrics.reader,
    scalingGroups,
    createQueue: (reconcile) => createWorkQueue({ name: 'closed-loop', reconcile, context }),
  });
  const stop = new AbortController();
  // Every cache listens.
  setMaxListeners(50, stop.signal);
  const caches = [closedLoops, scalingGroups, deployments, statefulSets, horizontalPodAutoscalers];
  const running = caches.map((cache) => cache.run(stop.signal));
  await Promise.all(caches.map((cache) => cache.synced(stop.signal)));
  running.push(controller.run(stop.signal));
  return {
    controller,
    metrics,
    events,
    closedLoops,
    async stop() {
      stop.abort();
      await Promise.all(running);
    },
    /** A pushed message of that moment. */
    push(values: Readonly<Record<string, number>>, time = Date.now() / 1000) {
      for (const [name, value] of Object.entries(values)) metrics.set(name, { value, time });
    },
  };
}
export type StartedController = Awaited<ReturnType<typeof startController>>;

/** Long enough for that many ticks to have started and ended. */
export async function ticks(count: number): Promise<void> {
  await delay(count * 1000 + 250);
}

/** Keeps writing to an object that others write to as well, until aborted; resolves to how often it did. */
export async function storm(api: KubernetesApi, namespace: string, name: string, signal: AbortSignal): Promise<number> {
  let writes = 0;
  while (!signal.aborted) {
    const patch = { metadata: { annotations: { storm: String(writes) } } };
    await api.mergePatch(resourceTypes.deployment, namespace, name, patch);
    writes++;
  }
  return writes;
}

export function conditionIn(status: ClosedLoopStatus | undefined, type: string) {
  return status?.conditions.find((condition) => condition.type === type);
}
