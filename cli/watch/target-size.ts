/** How large a loop's target is wanted and is, from whatever may be read. Pure. */
import type { SystemMeasurement } from '../../env/ports.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { ClusterObjects } from './snapshot.ts';

/** Replicas of a workload, size and complete sets of a group; undefined: not known. */
export interface TargetSize {
  readonly desired: number | undefined;
  readonly ready: number | undefined;
}

/** Of everything in the cluster that a loop may scale, by kind, namespace and name. */
export function targetSizes({ scalingGroups, workloads }: ClusterObjects): ReadonlyMap<string, TargetSize> {
  const sizes = new Map<string, TargetSize>();
  for (const { metadata, spec, status } of scalingGroups) {
    sizes.set(idOf('ScalingGroup', metadata), { desired: spec.replicas, ready: status?.replicas });
  }
  for (const { kind, metadata, spec, status } of workloads) {
    // The field is absent while no pod is ready; without a status nobody has looked yet.
    const ready = status === undefined ? undefined : (status.readyReplicas ?? 0);
    sizes.set(idOf(kind, metadata), { desired: spec.replicas ?? 1, ready });
  }
  return sizes;
}

/** The object itself when it could be read, else what was measured, else the loop's status. */
export function targetSize(
  { metadata, spec, status }: ClosedLoop,
  sizes: ReadonlyMap<string, TargetSize>,
  measurement: SystemMeasurement | undefined,
): TargetSize {
  const { kind = 'Deployment', name = '' } = spec?.targetRef ?? {};
  const seen = sizes.get(idOf(kind, { namespace: metadata.namespace, name }));
  if (seen !== undefined) return seen;
  // Of a group, what is measured are its members.
  if (kind === 'ScalingGroup') return { desired: status?.replicas, ready: undefined };
  return { desired: counted(measurement?.desired[0]) ?? status?.replicas, ready: counted(measurement?.ready[0]) };
}

function idOf(kind: string, { namespace = '', name }: { readonly namespace?: string; readonly name: string }): string {
  return `${kind} ${namespace}/${name}`;
}

/** −1 is how a measurement says that it has no count. */
function counted(pods: number | undefined): number | undefined {
  return pods !== undefined && pods >= 0 ? pods : undefined;
}
