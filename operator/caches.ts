/** The informers that all controllers share. They run in standbys too, so that a takeover finds them filled. */
import type { Registry } from 'prom-client';
import { type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import type { ClosedLoop } from '../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../policies/resources/resource.ts';
import type { ScalingGroup } from '../policies/resources/scaling-group.ts';
import type { Logger, ResourceCache, Runnable } from './runtime/contract.ts';
import { createResourceCache, type ResourceCacheOptions } from './runtime/resource-cache.ts';
import { type StageCaches, stageKinds, stageTypes } from './stages/stage-types.ts';
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
} from './workloads/cached-objects.ts';

export interface OperatorCaches {
  readonly closedLoops: ResourceCache<ClosedLoop>;
  readonly scalingGroups: ResourceCache<ScalingGroup>;
  readonly deliberativeLoops: ResourceCache<DeliberativeLoop>;
  readonly deployments: ResourceCache<DeploymentObject>;
  readonly statefulSets: ResourceCache<StatefulSetObject>;
  readonly horizontalPodAutoscalers: ResourceCache<AutoscalerObject>;
  /** Empty where KEDA is not installed. */
  readonly scaledObjects: ResourceCache<AutoscalerObject>;
  /** Of the Distributed topology. */
  readonly stages: StageCaches;
  /** Absent for an operator that serves some namespaces only: namespaces are not its to list. */
  readonly namespaces: ResourceCache<NamespaceObject> | undefined;
}

export interface OperatorCachesOptions {
  readonly api: KubernetesApi;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly random: () => number;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
}

export function createOperatorCaches(options: OperatorCachesOptions): OperatorCaches {
  const cache = <T extends StoredObject>(further: Pick<ResourceCacheOptions<T>, 'type' | 'trim' | 'optional'>) =>
    createResourceCache<T>({ ...options, ...further });
  const { namespaces } = options;
  return {
    closedLoops: cache({ type: resourceTypes.closedLoop, trim: trimOwn }),
    scalingGroups: cache({ type: resourceTypes.scalingGroup, trim: trimOwn }),
    deliberativeLoops: cache({ type: resourceTypes.deliberativeLoop, trim: trimOwn }),
    deployments: cache({ type: resourceTypes.deployment, trim: trimDeployment }),
    statefulSets: cache({ type: resourceTypes.statefulSet, trim: trimStatefulSet }),
    horizontalPodAutoscalers: cache({ type: resourceTypes.horizontalPodAutoscaler, trim: trimAutoscaler }),
    scaledObjects: cache({ type: resourceTypes.scaledObject, trim: trimAutoscaler, optional: true }),
    stages: Object.fromEntries(
      stageKinds.map((kind) => [kind, cache({ type: stageTypes[kind], trim: trimOwn })]),
    ) as unknown as StageCaches,
    namespaces:
      namespaces === undefined
        ? createResourceCache<NamespaceObject>({ ...options, type: resourceTypes.namespace, trim: trimNamespace })
        : undefined,
  };
}

export function allCaches(caches: OperatorCaches): (Runnable & Pick<ResourceCache<StoredObject>, 'synced'>)[] {
  const { stages, ...others } = caches;
  return [...Object.values(others), ...Object.values(stages)].filter((cache) => cache !== undefined);
}
