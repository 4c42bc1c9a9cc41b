/**
 * Measures how long a group takes to scale: request → last member's patch accepted → last member ready, both as a watcher
 * of the cluster sees them. Works in a namespace of its own, which it removes.
 */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Registry } from 'prom-client';
import { isNotFound, type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import type { Logger } from '../../env/service/logger.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import type { DeploymentObject } from '../workloads/cached-objects.ts';
import { createWorkloads } from '../workloads/create-workloads.ts';
import { createScalingGroupController } from './controller.ts';
import { createGroupCaches, type GroupCaches, runCaches } from './group-caches.ts';
import { withLatency } from './injected-latency.ts';

export type PatchingMode = 'at once' | 'one after another';

export interface ScalingTime {
  /** Of the group; each goes from one replica to two. */
  readonly members: number;
  readonly mode: PatchingMode;
  readonly latencyMilliseconds: number;
  /** 1 is first. */
  readonly repetition: number;
  /** From sending the request until the last member's new size was seen. */
  readonly patchedMilliseconds: number;
  /** From sending the request until the last member was seen ready. */
  readonly readyMilliseconds: number;
}

export interface ScalingTimeOptions {
  readonly api: KubernetesApi;
  readonly logger: Logger;
  /** Numbers of members. */
  readonly sizes: readonly number[];
  readonly repetitions: number;
  readonly modes: readonly PatchingMode[];
  /** Added to every request of the controller. */
  readonly latencyMilliseconds: number;
  readonly image: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  readonly onSample?: (sample: ScalingTime) => void;
}

const patchesAtOnce: Readonly<Record<PatchingMode, number>> = { 'at once': 10, 'one after another': 1 };
/** Time in which an operator that serves the cluster would have seen a new group. */
const otherOperatorMilliseconds = 2_000;

/** @throws UserError without our CustomResourceDefinitions, or when an operator serves the cluster already */
export async function measureScalingTimes(given: ScalingTimeOptions): Promise<ScalingTime[]> {
  const signal = AbortSignal.any([given.signal]);
  // Every request under way listens to it, and there are more than ten.
  setMaxListeners(0, signal);
  const options = { ...given, signal };
  const { api } = options;
  const namespace = `duoloop-experiment-${randomBytes(4).toString('hex')}`;
  const metadata = { name: namespace };
  await api.create(resourceTypes.namespace, undefined, { apiVersion: 'v1', kind: 'Namespace', metadata }, { signal });
  const ending = new AbortController();
  const caches = createGroupCaches({ ...options, namespaces: [namespace], metrics: new Registry() });
  const informers = runCaches(caches);
  let running: Promise<void> | undefined;
  try {
    await refuseSecondOperator(options, namespace);
    running = informers.run(ending.signal);
    await informers.synced(AbortSignal.any([signal, AbortSignal.timeout(options.timeoutSeconds * 1000)]));
    const samples: ScalingTime[] = [];
    for (const size of options.sizes) {
      for (const mode of options.modes) samples.push(...(await measureGroup(options, caches, namespace, size, mode)));
    }
    return samples;
  } finally {
    ending.abort();
    await running;
    // Without the caller's signal: the namespace goes however this ends.
    await api.delete(resourceTypes.namespace, undefined, namespace, { propagationPolicy: 'Background' });
  }
}

async function createGroup({ api, signal }: ScalingTimeOptions, namespace: string, name: string, members: string[]) {
  await api.create(
    resourceTypes.scalingGroup,
    namespace,
    {
      apiVersion: resourceTypes.scalingGroup.apiVersion,
      kind: resourceTypes.scalingGroup.kind,
      metadata: { name },
      spec: { replicas: 1, members: members.map((member) => ({ targetRef: { name: member } })) },
    },
    { signal },
  );
}

/** Two operators would both write, and the figures would be nobody's. */
async function refuseSecondOperator(options: ScalingTimeOptions, namespace: string): Promise<void> {
  const { api, signal } = options;
  try {
    await createGroup(options, namespace, 'probe', ['none']);
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
    const message = `${api.server} does not know ScalingGroups; install them: kubectl apply -f manifests/crds`;
    throw new UserError('EXPERIMENT_NO_CRDS', message, { cause });
  }
  await new Promise((resolve) => setTimeout(resolve, otherOperatorMilliseconds));
  const { status } = await api.get<{ status?: object }>(resourceTypes.scalingGroup, namespace, 'probe', { signal });
  await api.delete(resourceTypes.scalingGroup, namespace, 'probe', { signal });
  if (status === undefined) return;
  throw new UserError(
    'EXPERIMENT_SECOND_OPERATOR',
    `an operator serves ${api.server} already and would scale the experiment's groups too; scale its Deployment to 0 meanwhile, or use a cluster without it (duoloop lab)`,
  );
}

async function measureGroup(
  options: ScalingTimeOptions,
  caches: GroupCaches,
  namespace: string,
  members: number,
  mode: PatchingMode,
): Promise<ScalingTime[]> {
  const { api, latencyMilliseconds, logger, signal, timeoutSeconds } = options;
  const groupName = `group-${members}-${mode.replaceAll(' ', '-')}`;
  const names = Array.from({ length: members }, (_, i) => `${groupName}-${i}`);
  const ending = new AbortController();
  const context: OperatorContext = {
    api: withLatency(api, latencyMilliseconds),
    events: { record: () => {} },
    logger,
    metrics: new Registry(),
    mayAct: () => true,
    now: () => Date.now() / 1000,
    namespaces: [namespace],
  };
  const workloads = createWorkloads({ context, ...caches });
  const concurrentPatches = patchesAtOnce[mode];
  const cache = caches.scalingGroups;
  const controller = createScalingGroupController({ context, cache, workloads, ...caches, concurrentPatches });
  const reached = (replicas: number, isReached: (deployment: DeploymentObject) => boolean) => {
    const what = `${groupName} at ${replicas} replicas`;
    const until = AbortSignal.any([signal, ending.signal]);
    const seen = watchAll(caches, namespace, names, isReached, { signal: until, timeoutSeconds, what });
    // Whoever waits for it hears of its failure; when a request fails before that, nobody waits any more.
    seen.catch(() => {});
    return seen;
  };
  const isPatched = (replicas: number) => (deployment: DeploymentObject) => deployment.spec.replicas === replicas;
  const isReady = (replicas: number) => (deployment: DeploymentObject) =>
    deployment.spec.replicas === replicas && (deployment.status?.readyReplicas ?? 0) === replicas;
  const scaleTo = (replicas: number) =>
    api.mergePatch(
      resourceTypes.scalingGroup,
      namespace,
      groupName,
      { spec: { replicas } },
      { subresource: 'scale', signal },
    );

  const samples: ScalingTime[] = [];
  let running: Promise<void> | undefined;
  try {
    const first = reached(1, isReady(1));
    await Promise.all(
      names.map((name) =>
        api.create(resourceTypes.deployment, namespace, memberObject(name, options.image), { signal }),
      ),
    );
    await createGroup(options, namespace, groupName, names);
    running = controller.run(ending.signal);
    await first;
    for (let repetition = 1; repetition <= options.repetitions; repetition++) {
      const patched = reached(2, isPatched(2));
      const ready = reached(2, isReady(2));
      const sentAt = performance.now();
      await scaleTo(2);
      const [patchedAt, readyAt] = await Promise.all([patched, ready]);
      const sample: ScalingTime = {
        members,
        mode,
        latencyMilliseconds,
        repetition,
        patchedMilliseconds: patchedAt - sentAt,
        readyMilliseconds: readyAt - sentAt,
      };
      samples.push(sample);
      options.onSample?.(sample);
      const back = reached(1, isReady(1));
      await scaleTo(1);
      await back;
    }
    return samples;
  } finally {
    ending.abort();
    await running;
    await Promise.allSettled([
      api.delete(resourceTypes.scalingGroup, namespace, groupName),
      ...names.map((name) => api.delete(resourceTypes.deployment, namespace, name)),
    ]);
  }
}

/** `performance.now()` of the watch event with which the last of them got there. */
function watchAll(
  { deployments }: GroupCaches,
  namespace: string,
  names: readonly string[],
  isReached: (deployment: DeploymentObject) => boolean,
  { signal, timeoutSeconds, what }: { signal: AbortSignal; timeoutSeconds: number; what: string },
): Promise<number> {
  const waiting = new Set(names);
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (settle: () => void) => {
      isOver = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    const timer = setTimeout(() => {
      const missing = [...waiting].slice(0, 3).join(', ');
      end(() =>
        reject(
          new Error(
            `${what}: not there after ${timeoutSeconds} s (${missing}); see kubectl -n ${namespace} get pods,events`,
          ),
        ),
      );
    }, timeoutSeconds * 1000);
    signal.addEventListener('abort', onAbort, { once: true });
    // The cache keeps its listeners: one that is over returns at once.
    deployments.onChange((kind, deployment) => {
      if (isOver || kind === 'deleted' || deployment.metadata.namespace !== namespace || !isReached(deployment)) return;
      if (waiting.delete(deployment.metadata.name) && waiting.size === 0) end(() => resolve(performance.now()));
    });
  });
}

function memberObject(name: string, image: string): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'app', image, resources: { requests: { cpu: '5m', memory: '8Mi' } } }],
        },
      },
    },
  };
}
