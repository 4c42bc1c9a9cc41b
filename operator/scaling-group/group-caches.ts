/** The caches of workloads and what scales them: all that the ScalingGroup controller reads. */
import type { Registry } from 'prom-client';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Logger } from '../../env/service/logger.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { runAll } from '../../env/service/run-all.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { ResourceCache } from '../runtime/contract.ts';
import { createResourceCache } from '../runtime/resource-cache.ts';
import {
  type AutoscalerObject,
  type DeploymentObject,
  type NamespaceObject,
  type StatefulSetObject,
  trimAutoscaler,
  trimDeployment,
  trimNamespace,
  trimOwn,
  trimStatefulSet,
} from '../workloads/cached-objects.ts';

export interface GroupCaches {
  readonly scalingGroups: ResourceCache<ScalingGroup>;
  readonly deployments: ResourceCache<DeploymentObject>;
  readonly statefulSets: ResourceCache<StatefulSetObject>;
  readonly horizontalPodAutoscalers: ResourceCache<AutoscalerObject>;
  /** Empty where KEDA is not installed. */
  readonly scaledObjects: ResourceCache<AutoscalerObject>;
  /** Absent where only some namespaces are served: namespaces are not its to list then. */
  readonly namespaces: ResourceCache<NamespaceObject> | undefined;
}

export interface GroupCachesOptions {
  readonly api: KubernetesApi;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** Default: when all namespaces are served. */
  readonly watchesNamespaces?: boolean;
  readonly logger: Logger;
  readonly metrics: Registry;
}

export function createGroupCaches(options: GroupCachesOptions): GroupCaches {
  const { watchesNamespaces = options.namespaces === undefined } = options;
  const cacheOf = <T extends StoredObject>(type: ResourceType, trim: (object: T) => T, optional = false) =>
    createResourceCache<T>({
      ...options,
      type,
      trim,
      optional,
      namespaces: type.namespaced ? options.namespaces : undefined,
    });
  return {
    scalingGroups: cacheOf(resourceTypes.scalingGroup, trimOwn<ScalingGroup>),
    deployments: cacheOf(resourceTypes.deployment, trimDeployment),
    statefulSets: cacheOf(resourceTypes.statefulSet, trimStatefulSet),
    horizontalPodAutoscalers: cacheOf(resourceTypes.horizontalPodAutoscaler, trimAutoscaler),
    scaledObjects: cacheOf(resourceTypes.scaledObject, trimAutoscaler, true),
    namespaces: watchesNamespaces ? cacheOf(resourceTypes.namespace, trimNamespace) : undefined,
  };
}

/** Runs the caches of a record side by side, and tells when all are filled. */
export function runCaches(caches: object): Runnable & { synced(signal: AbortSignal): Promise<void> } {
  const all = Object.values(caches).filter((cache): cache is ResourceCache<StoredObject> => cache !== undefined);
  return {
    run: (signal) => runAll(all, signal),
    synced: async (signal) => void (await Promise.all(all.map((cache) => cache.synced(signal)))),
  };
}
