/** The cluster's side of the watch: caches of what is shown, and whether the API server answers. Reads, never writes. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import {
  type KubernetesApi,
  KubernetesError,
  type ResourceType,
  resourceTypes,
} from '../../env/cluster/kubernetes-api.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { runAll } from '../../env/service/run-all.ts';
import { pause } from '../../env/service/waiting.ts';
import { createResourceCache } from '../../operator/runtime/resource-cache.ts';
import {
  type DeploymentObject,
  type StatefulSetObject,
  trimDeployment,
  trimOwn,
  trimStatefulSet,
} from '../../operator/workloads/cached-objects.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { ClusterObjects, Source } from './snapshot.ts';

export interface ClusterReaderOptions {
  readonly api: KubernetesApi;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** Unix time in seconds. */
  readonly now: () => number;
  /** Between two questions whether the API server is there: a watch that is silent says nothing about it. */
  readonly heartbeatSeconds?: number;
}

export interface ClusterReader extends Runnable {
  objects(): ClusterObjects;
  sources(): Source[];
  /** Whether each kind was listed or refused: what there is to see is seen. */
  isSettled(): boolean;
}

interface Listing {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  state: 'waiting' | 'ok' | 'refused';
  message: string;
  lastSeenSecond: number | undefined;
}

const defaultHeartbeatSeconds = 5;

export function createClusterReader(options: ClusterReaderOptions): ClusterReader {
  const { namespaces, now, heartbeatSeconds = defaultHeartbeatSeconds } = options;
  const listings = new Map<string, Listing>();
  const server: { lastSeenSecond: number | undefined; problem: string } = { lastSeenSecond: undefined, problem: '' };
  const heard = () => {
    server.lastSeenSecond = now();
    server.problem = '';
  };
  const api = reporting(options.api, (type, namespace, error) => {
    const key = `${type.kind} ${namespace ?? ''}`;
    const before = listings.get(key);
    const answered = error === undefined || (error instanceof KubernetesError && error.status !== 0);
    if (answered) heard();
    if (error === undefined) {
      listings.set(key, { type, namespace, state: 'ok', message: '', lastSeenSecond: now() });
    } else if (answered && error instanceof KubernetesError && [401, 403, 404].includes(error.status)) {
      const { lastSeenSecond } = before ?? {};
      listings.set(key, {
        type,
        namespace,
        state: 'refused',
        message: refusalText(type, namespace, error),
        lastSeenSecond,
      });
    }
  });
  const cacheOf = <T extends StoredObject>(type: ResourceType, trim: (object: T) => T) => {
    for (const namespace of namespaces ?? [undefined]) {
      const waiting: Listing = { type, namespace, state: 'waiting', message: '', lastSeenSecond: undefined };
      listings.set(`${type.kind} ${namespace ?? ''}`, waiting);
    }
    return createResourceCache<T>({
      api,
      type,
      trim,
      ...(namespaces === undefined ? {} : { namespaces }),
      // What it would log is in the sources.
      logger: pino({ level: 'silent' }),
      metrics: new Registry(),
    });
  };
  const closedLoops = cacheOf<ClosedLoop>(resourceTypes.closedLoop, trimOwn);
  const deliberativeLoops = cacheOf<DeliberativeLoop>(resourceTypes.deliberativeLoop, trimOwn);
  const scalingGroups = cacheOf<ScalingGroup>(resourceTypes.scalingGroup, trimOwn);
  const deployments = cacheOf<DeploymentObject>(resourceTypes.deployment, trimDeployment);
  const statefulSets = cacheOf<StatefulSetObject>(resourceTypes.statefulSet, trimStatefulSet);

  const heartbeat: Runnable = {
    async run(signal) {
      while (!signal.aborted) {
        try {
          await options.api.getPath('/version', signal);
          heard();
        } catch (error) {
          if (error instanceof KubernetesError && error.status !== 0) heard();
          else if (!signal.aborted) server.problem = (error as Error).message;
        }
        await pause(heartbeatSeconds * 1000, signal);
      }
    },
  };

  return {
    run: (signal) =>
      runAll([closedLoops, deliberativeLoops, scalingGroups, deployments, statefulSets, heartbeat], signal),
    objects: () => ({
      closedLoops: closedLoops.list(),
      deliberativeLoops: deliberativeLoops.list(),
      scalingGroups: scalingGroups.list(),
      workloads: [...deployments.list(), ...statefulSets.list()],
    }),
    sources: () => [
      serverSource(options.api.server, server),
      ...[...listings.values()]
        .filter(({ state }) => state === 'refused')
        .map(({ type, namespace, state, message, lastSeenSecond }) => ({
          name: namespace === undefined ? type.plural : `${type.plural} in ${namespace}`,
          state,
          message,
          lastSeenSecond,
        })),
    ],
    isSettled: () => [...listings.values()].every(({ state }) => state !== 'waiting'),
  };
}

/** The same API, telling what became of each list, and of each watch that ended in an error. */
function reporting(
  api: KubernetesApi,
  report: (type: ResourceType, namespace: string | undefined, error: unknown) => void,
): KubernetesApi {
  const told = async <T>(type: ResourceType, namespace: string | undefined, call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      report(type, namespace, error);
      throw error;
    }
  };
  return {
    ...api,
    async list<T>(type: ResourceType, options: { namespace?: string } = {}) {
      const found = await told(type, options.namespace, api.list<T>(type, options));
      report(type, options.namespace, undefined);
      return found;
    },
    watch: (type, options, onEvent) => told(type, options.namespace, api.watch(type, options, onEvent)),
  };
}

function serverSource(
  name: string,
  { lastSeenSecond, problem }: { readonly lastSeenSecond: number | undefined; readonly problem: string },
): Source {
  if (problem === '')
    return { name, state: lastSeenSecond === undefined ? 'waiting' : 'ok', message: '', lastSeenSecond };
  const message = `${problem}; what is shown is as it was last seen, and goes on when the API server answers again`;
  return { name, state: 'lost', message, lastSeenSecond };
}

function refusalText({ plural }: ResourceType, namespace: string | undefined, error: KubernetesError): string {
  const where = namespace === undefined ? 'all namespaces' : `namespace ${namespace}`;
  if (error.status === 404)
    return `the cluster does not know ${plural}: install manifests/crds (kubectl apply --server-side -f manifests/crds)`;
  if (error.status === 401)
    return `the API server does not know who asks for ${plural}: renew the kubeconfig's credentials`;
  const narrower = namespace === undefined ? ', or name the namespaces that you may read with --namespace' : '';
  return `you may not list and watch ${plural} in ${where}: ask for a role that may${narrower}`;
}
