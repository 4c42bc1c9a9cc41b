/** The caches that the ScalingGroup controller reads, for when it runs by itself: in the experiment and in tests. */
import type { Registry } from 'prom-client';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { Logger, ResourceCache, Runnable } from '../runtime/contract.ts';
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
  readonly namespaces: ResourceCache<NamespaceObject>;
}

export interface GroupCachesOptions {
  readonly api: KubernetesApi;
  readonly namespaces: readonly string[];
  readonly logger: Logger;
  readonly metrics: Registry;
}

export function createGroupCaches(options: GroupCachesOptions): {
  readonly caches: GroupCaches;
  readonly runnable: Runnable;
  synced(signal: AbortSignal): Promise<void>;
} {
  function cacheOf<T extends StoredObject>(type: ResourceType, trim: (object: T) => T): ResourceCache<T> {
    return createResourceCache<T>({
      ...options,
      type,
      trim,
      namespaces: type.namespaced ? options.namespaces : undefined,
    });
  }
  const caches: GroupCaches = {
    scalingGroups: cacheOf(resourceTypes.scalingGroup, trimOwn<ScalingGroup>),
    deployments: cacheOf(resourceTypes.deployment, trimDeployment),
    statefulSets: cacheOf(resourceTypes.statefulSet, trimStatefulSet),
    horizontalPodAutoscalers: cacheOf(resourceTypes.horizontalPodAutoscaler, trimAutoscaler),
    namespaces: cacheOf(resourceTypes.namespace, trimNamespace),
  };
  const all = Object.values(caches) as ResourceCache<StoredObject>[];
  return {
    caches,
    runnable: { run: async (signal) => void (await Promise.all(all.map((cache) => cache.run(signal)))) },
    synced: async (signal) => void (await Promise.all(all.map((cache) => cache.synced(signal)))),
  };
}
