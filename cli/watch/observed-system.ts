/** Which workloads of a closed loop Prometheus is asked for. Pure. */
import type { ObservedSystem } from '../../env/ports.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';

export interface WatchedSystem extends ObservedSystem {
  /** The workload whose replicas are the target's size; undefined: none is (a group without a member of ratio 1). */
  readonly sizeOf: number | undefined;
}

/**
 * Requests are taken to enter at the first member of a group: nothing in the cluster says otherwise. Undefined where there is
 * no workload to ask for: another kind with a scale subresource, a group that is not there.
 */
export function watchedSystem(
  { metadata, spec }: ClosedLoop,
  scalingGroups: readonly ScalingGroup[],
): WatchedSystem | undefined {
  const { namespace = '', name } = metadata;
  const { kind = 'Deployment', name: target } = spec?.targetRef ?? {};
  if (target === undefined) return undefined;
  const key = `${namespace}/${name}`;
  if (kind === 'Deployment' || kind === 'StatefulSet') return { key, namespace, workloads: [target], sizeOf: 0 };
  if (kind !== 'ScalingGroup') return undefined;
  const group = scalingGroups.find((each) => each.metadata.name === target && each.metadata.namespace === namespace);
  if (group === undefined) return undefined;
  const specified = group.spec.members?.map(({ targetRef, ratio = 1 }) => ({ name: targetRef.name, ratio })) ?? [];
  const { memberSelector } = group.spec;
  const members =
    memberSelector === undefined
      ? specified
      : (group.status?.members ?? []).map((member) => ({ name: member.name, ratio: memberSelector.ratio ?? 1 }));
  if (members.length === 0) return undefined;
  const sizeOf = members.findIndex(({ ratio }) => ratio === 1);
  return { key, namespace, workloads: members.map((member) => member.name), sizeOf: sizeOf < 0 ? undefined : sizeOf };
}
