/** The kinds that are read from caches, by reference. */
import { type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { StoredObject, TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { ResourceCache } from '../runtime/contract.ts';
import type { DeploymentObject, StatefulSetObject } from './cached-objects.ts';
import type { Workload } from './contract.ts';
import { targetKey } from './target-key.ts';
import { deploymentWorkload, scalingGroupWorkload, statefulSetWorkload } from './workload-views.ts';

export interface WorkloadCaches {
  /** Each cut down by the trim function of its type in cached-objects.ts. */
  readonly deployments: ResourceCache<DeploymentObject>;
  readonly statefulSets: ResourceCache<StatefulSetObject>;
  readonly scalingGroups: ResourceCache<ScalingGroup>;
}

export interface CachedKind {
  readonly type: ResourceType;
  get(namespace: string, name: string): Workload | undefined;
}

/** @returns a lookup that is undefined for kinds without a cache */
export function createCachedKinds(caches: WorkloadCaches): (ref: TargetRef) => CachedKind | undefined {
  function kind<T extends StoredObject>(
    type: ResourceType,
    cache: ResourceCache<T>,
    toWorkload: (object: T) => Workload,
  ): [string, CachedKind] {
    const get: CachedKind['get'] = (namespace, name) => {
      const object = cache.get(namespace, name);
      return object && toWorkload(object);
    };
    return [targetKey('', { ...type, name: '' }), { type, get }];
  }
  const kinds = new Map([
    kind(resourceTypes.deployment, caches.deployments, deploymentWorkload),
    kind(resourceTypes.statefulSet, caches.statefulSets, statefulSetWorkload),
    kind(resourceTypes.scalingGroup, caches.scalingGroups, scalingGroupWorkload),
  ]);
  return (ref) => kinds.get(targetKey('', { ...ref, name: '' }));
}
