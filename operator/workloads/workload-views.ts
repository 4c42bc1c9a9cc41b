/** Kubernetes objects as workloads: one place that knows what readiness, rollout and failure mean for each kind. */
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { DeploymentObject, LabelSelector, StatefulSetObject } from './cached-objects.ts';
import type { Workload } from './contract.ts';
import { parseQuantity } from './quantity.ts';

/** A selector as the API takes it in `labelSelector=`; empty for none. */
export function selectorText(selector: LabelSelector | undefined): string {
  const terms = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    if (operator === 'In') terms.push(`${key} in (${values.join(',')})`);
    else if (operator === 'NotIn') terms.push(`${key} notin (${values.join(',')})`);
    else if (operator === 'Exists') terms.push(key);
    else if (operator === 'DoesNotExist') terms.push(`!${key}`);
  }
  return terms.join(',');
}

/** Sum over the containers; undefined when none of them names the resource. */
function requested(object: DeploymentObject | StatefulSetObject, resource: 'cpu' | 'memory'): number | undefined {
  const amounts = (object.spec.template?.spec?.containers ?? []).flatMap(({ resources }) => {
    const quantity = resources?.requests?.[resource];
    return quantity === undefined ? [] : [parseQuantity(quantity)];
  });
  if (amounts.length === 0 || amounts.includes(undefined)) return undefined;
  return amounts.reduce<number>((sum, amount) => sum + (amount ?? 0), 0);
}

function identity(object: DeploymentObject | StatefulSetObject | ScalingGroup) {
  const { namespace = '', name, uid = '', resourceVersion = '', labels = {} } = object.metadata;
  return { namespace, uid, resourceVersion, labels, name };
}

function ofPodController(
  object: DeploymentObject | StatefulSetObject,
  kind: 'Deployment' | 'StatefulSet',
  mixedVersions: boolean,
  failure: string | undefined,
): Workload {
  const { name, ...rest } = identity(object);
  const observed = (object.status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
  return {
    ...rest,
    ref: { apiVersion: 'apps/v1', kind, name },
    // The API server's default for both kinds.
    replicas: object.spec.replicas ?? 1,
    ready: object.status?.readyReplicas ?? 0,
    rollingOut: mixedVersions || !observed,
    observed,
    podSelector: selectorText(object.spec.selector),
    failure,
    requests: { cpu: requested(object, 'cpu'), memory: requested(object, 'memory') },
  };
}

export function deploymentWorkload(deployment: DeploymentObject): Workload {
  const { replicas = 0, updatedReplicas = 0, conditions = [] } = deployment.status ?? {};
  const failure = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return ofPodController(deployment, 'Deployment', updatedReplicas < replicas, failure?.message ?? failure?.reason);
}

export function statefulSetWorkload(set: StatefulSetObject): Workload {
  const { replicas = 0, updatedReplicas = 0, currentRevision, updateRevision } = set.status ?? {};
  const { type = 'RollingUpdate', rollingUpdate } = set.spec.updateStrategy ?? {};
  // Pods kept at the old version by a partition or by OnDelete may stay so for good: that is no rollout.
  const updating = Math.max(0, replicas - (rollingUpdate?.partition ?? 0));
  const mixed = type === 'RollingUpdate' && currentRevision !== updateRevision && updatedReplicas < updating;
  return ofPodController(set, 'StatefulSet', mixed, undefined);
}

/** A group stands for its members: ready are its complete sets. */
export function scalingGroupWorkload(group: ScalingGroup): Workload {
  const { name, ...rest } = identity(group);
  const { status } = group;
  const blocked = status?.members?.find(({ state }) => state === 'QuotaExceeded' || state === 'Failed');
  const observed = (status?.observedGeneration ?? 0) >= (group.metadata.generation ?? 0);
  return {
    ...rest,
    ref: { apiVersion: resourceTypes.scalingGroup.apiVersion, kind: 'ScalingGroup', name },
    replicas: group.spec.replicas ?? 1,
    ready: status?.replicas ?? 0,
    rollingOut: status?.members?.some(({ state }) => state === 'RollingOut') ?? false,
    observed,
    podSelector: status?.selector ?? '',
    failure: blocked && `${blocked.kind} ${blocked.name}: ${blocked.message ?? blocked.state}`,
    requests: { cpu: undefined, memory: undefined },
  };
}

/** autoscaling/v1 Scale. */
export interface ScaleObject {
  readonly metadata: { readonly name: string; readonly uid?: string; readonly resourceVersion?: string };
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly selector?: string };
}

/** A kind that is known by its scale subresource alone. */
export function scaleWorkload(namespace: string, ref: TargetRef, scale: ScaleObject, ready: number): Workload {
  return {
    ref,
    namespace,
    uid: scale.metadata.uid ?? '',
    resourceVersion: scale.metadata.resourceVersion ?? '',
    replicas: scale.spec?.replicas ?? 0,
    ready,
    rollingOut: false,
    podSelector: scale.status?.selector ?? '',
    labels: {},
    failure: undefined,
    requests: { cpu: undefined, memory: undefined },
  };
}
