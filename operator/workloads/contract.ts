/** Workloads as the loops see them: anything with a scale subresource, read from caches where there is one. */
import type { TargetRef } from '../../policies/resources/resource.ts';

export interface Workload {
  readonly ref: TargetRef;
  readonly namespace: string;
  readonly uid: string;
  /** Of the object that has the scale subresource; for optimistic concurrency. */
  readonly resourceVersion: string;
  /** spec.replicas of its scale. */
  readonly replicas: number;
  readonly ready: number;
  /** Pods of two versions are there, or the newest spec is not observed yet. */
  readonly rollingOut: boolean;
  /** Its controller has acted on the newest spec; undefined where that cannot be known. */
  readonly observed?: boolean;
  /** Label selector of its pods as text; empty when unknown. */
  readonly podSelector: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Why pods cannot be made (quota, admission), from its conditions; undefined when nothing is known to be wrong. */
  readonly failure: string | undefined;
  /** Requests of a pod of the template, all containers together: cores and bytes; undefined when none is set or unknown. */
  readonly requests: { readonly cpu: number | undefined; readonly memory: number | undefined };
}

/** Another autoscaler, or one of our groups, that decides this workload's replicas. */
export interface Owner {
  readonly kind: 'HorizontalPodAutoscaler' | 'ScaledObject' | 'ScalingGroup' | 'ClosedLoop';
  readonly name: string;
}

export interface Workloads {
  /** From the caches of Deployments, StatefulSets and ScalingGroups; by GET for other kinds. Undefined when it does not exist. */
  read(namespace: string, ref: TargetRef, signal?: AbortSignal): Promise<Workload | undefined>;
  /** Every Deployment or StatefulSet with those labels, by name. */
  select(
    namespace: string,
    kind: 'Deployment' | 'StatefulSet',
    matchLabels: Readonly<Record<string, string>>,
  ): Workload[];
  /** Who else scales it; what `except` names does not count. */
  ownerOf(namespace: string, ref: TargetRef, except?: Owner): Owner | undefined;
  /**
   * Sets spec.replicas by the scale subresource, with the resource version as precondition; on a conflict reads anew and
   * asks `stillWanted` before it tries again. Resolves to whether it was written.
   * @throws KubernetesError
   */
  scale(
    workload: Workload,
    replicas: number,
    options: { stillWanted?: (current: number) => boolean; signal?: AbortSignal },
  ): Promise<boolean>;
}
