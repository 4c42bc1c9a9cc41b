/** The informers that all controllers share. They run in standbys too, so that a takeover finds them filled. */
import { resourceTypes } from '../env/cluster/kubernetes-api.ts';
import type { ClosedLoop } from '../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../policies/resources/resource.ts';
import type { ResourceCache } from './runtime/contract.ts';
import { createResourceCache, type ResourceCacheOptions } from './runtime/resource-cache.ts';
import { createGroupCaches, type GroupCaches, type GroupCachesOptions } from './scaling-group/group-caches.ts';
import { type StageCaches, stageKinds, stageTypes } from './stages/stage-types.ts';
import { trimOwn } from './workloads/cached-objects.ts';

export interface OperatorCaches extends GroupCaches {
  readonly closedLoops: ResourceCache<ClosedLoop>;
  readonly deliberativeLoops: ResourceCache<DeliberativeLoop>;
  /** Of the Distributed topology. */
  readonly stages: StageCaches;
}

export function createOperatorCaches(options: GroupCachesOptions): OperatorCaches {
  const own = <T extends StoredObject>(type: ResourceCacheOptions<T>['type']) =>
    createResourceCache<T>({ ...options, type, trim: trimOwn });
  return {
    ...createGroupCaches(options),
    closedLoops: own(resourceTypes.closedLoop),
    deliberativeLoops: own(resourceTypes.deliberativeLoop),
    stages: Object.fromEntries(stageKinds.map((kind) => [kind, own(stageTypes[kind])])) as unknown as StageCaches,
  };
}
