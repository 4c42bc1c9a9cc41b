/** The controller with its caches against a real API server, one term of leadership at a time. */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type DeploymentOptions, deployment } from '../../env/lab/lab.fixture.ts';
import { createLogger } from '../../env/service/logger.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { createEventRecorder } from '../runtime/event-recorder.ts';
import type { DeploymentObject } from '../workloads/cached-objects.ts';
import { createWorkloads } from '../workloads/create-workloads.ts';
import { createScalingGroupController } from './controller.ts';
import { createGroupCaches, runCaches } from './group-caches.ts';

export interface RecordedEvent {
  readonly name: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

/** A write of a member's replicas that the API server was asked for. */
export interface ScaleCall {
  readonly name: string;
  readonly replicas: number;
  readonly accepted: boolean;
}

export interface RunningController {
  readonly events: RecordedEvent[];
  readonly scaleCalls: ScaleCall[];
  readonly registry: Registry;
  /** Ends the term in order, as SIGTERM does. */
  stop(): Promise<void>;
}

export interface RunningControllerOptions {
  readonly kubeconfigFile: string;
  readonly namespaces: readonly string[];
  /** Default: always. Asked before each write. */
  readonly mayAct?: () => boolean;
  /** Milliseconds before each write reaches the API server. */
  readonly latencyMilliseconds?: number;
  readonly concurrentPatches?: number;
}

export async function runController(options: RunningControllerOptions): Promise<RunningController> {
  const { namespaces, mayAct = () => true, latencyMilliseconds = 0 } = options;
  const events: RecordedEvent[] = [];
  const scaleCalls: ScaleCall[] = [];
  const api = withScaleCalls(
    await connectKubernetes({ kubeconfigFiles: [options.kubeconfigFile] }),
    scaleCalls,
    latencyMilliseconds,
  );
  const registry = new Registry();
  const logger = createLogger({ level: 'silent' });
  const ending = new AbortController();
  const { signal } = ending;
  // Every cache, queue and recorder waits for the end: no leak.
  setMaxListeners(0, signal);
  const running: Promise<void>[] = [];

  const caches = createGroupCaches({ api, namespaces, watchesNamespaces: true, logger, metrics: registry });
  const informers = runCaches(caches);
  running.push(informers.run(signal));
  const now = () => Date.now() / 1000;
  const recorder = createEventRecorder({
    api,
    controller: 'duoloop.dev/operator',
    instance: 'test',
    context: { logger, metrics: registry, now },
  });
  running.push(recorder.run(signal));
  const context = {
    api,
    events: {
      record(regarding: StoredObject, type: 'Normal' | 'Warning', reason: string, note: string) {
        events.push({ name: regarding.metadata.name, type, reason, note });
        recorder.record(regarding, type, reason, note);
      },
    },
    logger,
    metrics: registry,
    mayAct,
    now,
    namespaces,
  };
  const workloads = createWorkloads({ context, ...caches });
  const controller = createScalingGroupController({
    context,
    cache: caches.scalingGroups,
    workloads,
    ...caches,
    concurrentPatches: options.concurrentPatches,
  });
  await informers.synced(signal);
  running.push(controller.run(signal));
  return {
    events,
    scaleCalls,
    registry,
    async stop() {
      ending.abort();
      await Promise.all(running);
    },
  };
}

function withScaleCalls(api: KubernetesApi, calls: ScaleCall[], latencyMilliseconds: number): KubernetesApi {
  async function told<T>(name: string, replicas: number, write: () => Promise<T>): Promise<T> {
    const answer = await write().catch((error: Error) => error);
    calls.push({ name, replicas, accepted: !(answer instanceof Error) });
    if (answer instanceof Error) throw answer;
    return answer;
  }
  return {
    ...api,
    async mergePatch<T>(...args: Parameters<KubernetesApi['mergePatch']>): Promise<T> {
      if (latencyMilliseconds > 0) await delay(latencyMilliseconds);
      const [, , name, patch, write] = args;
      if (write?.subresource !== 'scale') return api.mergePatch<T>(...args);
      return told(name, (patch as { spec: { replicas: number } }).spec.replicas, () => api.mergePatch<T>(...args));
    },
    async jsonPatch<T>(...args: Parameters<KubernetesApi['jsonPatch']>): Promise<T> {
      if (latencyMilliseconds > 0) await delay(latencyMilliseconds);
      const [, , name, operations] = args;
      return told(name, operations.at(-1)?.value as number, () => api.jsonPatch<T>(...args));
    },
  };
}

/** Requests of a user of the cluster, in one namespace. */
export interface Scene {
  readonly api: KubernetesApi;
  readonly namespace: string;
  deploy(options: DeploymentOptions): Promise<DeploymentObject>;
  deployment(name: string): Promise<DeploymentObject>;
  group(name: string, spec: object): Promise<ScalingGroup>;
  readGroup(name: string): Promise<ScalingGroup>;
  /** What `kubectl scale` sends. */
  scale(name: string, replicas: number): Promise<void>;
}

export async function createScene(kubeconfigFile: string, namespace: string): Promise<Scene> {
  const api = await connectKubernetes({ kubeconfigFiles: [kubeconfigFile] });
  return {
    api,
    namespace,
    deploy: (options) => api.create(resourceTypes.deployment, namespace, deployment(options)),
    deployment: (name) => api.get(resourceTypes.deployment, namespace, name),
    group: (name, spec) =>
      api.create(resourceTypes.scalingGroup, namespace, {
        apiVersion: 'duoloop.dev/v1alpha1',
        kind: 'ScalingGroup',
        metadata: { name },
        spec,
      }),
    readGroup: (name) => api.get(resourceTypes.scalingGroup, namespace, name),
    async scale(name, replicas) {
      await api.mergePatch(
        resourceTypes.scalingGroup,
        namespace,
        name,
        { spec: { replicas } },
        { subresource: 'scale' },
      );
    },
  };
}

/** Members that follow their group one to one. */
export function membersNamed(names: readonly string[], kind = 'Deployment'): object[] {
  return names.map((name) => ({ targetRef: { kind, name } }));
}
