/** What of the cluster a closed loop's measurements are of, and how large its target is. Pure. */
import type { ObservedSystem, SystemMeasurement } from '../../env/ports.ts';
import type { ClosedLoop, ClosedLoopSpec } from '../resources/closed-loop.ts';
import type { ScalingGroup } from '../resources/scaling-group.ts';
import type { LoopView } from './contract.ts';

export interface ObservedLoop {
  readonly key: string;
  readonly object: ClosedLoop;
  readonly spec: ClosedLoopSpec;
}

/**
 * Services of an app model are workloads of the same name, unless the DeliberativeLoop maps them. An application of one
 * service needs no map: its workload is what the closed loop scales.
 */
export function observedSystem(
  { key, object, spec }: ObservedLoop,
  group: ScalingGroup | undefined,
  services: readonly string[],
  workloadOfService: Readonly<Record<string, string>>,
): ObservedSystem {
  const only = services.length === 1 ? onlyWorkload(spec, group) : undefined;
  return {
    key,
    namespace: object.metadata.namespace ?? '',
    workloads: services.map((service) => workloadOfService[service] ?? only ?? service),
  };
}

function onlyWorkload({ targetRef }: ClosedLoopSpec, group: ScalingGroup | undefined): string | undefined {
  if (targetRef.kind !== 'ScalingGroup') return targetRef.name;
  const members = group?.spec.members ?? [];
  return members.length === 1 ? members[0].targetRef.name : undefined;
}

export function groupNameOf({ targetRef }: ClosedLoopSpec): string | undefined {
  return targetRef.kind === 'ScalingGroup' ? targetRef.name : undefined;
}

/** The closed loop as it is decided on; its group size is NaN when nobody knows it. @param isWatched see `LoopView` */
export function loopView(
  loop: ObservedLoop,
  group: ScalingGroup | undefined,
  measurement: SystemMeasurement | undefined,
  isWatched = false,
): LoopView {
  const { key, object, spec } = loop;
  const groupSize = groupSizeOf(loop, group, measurement) ?? Number.NaN;
  return { key, spec, status: object.status, groupSize, measurement, isWatched };
}

/**
 * Wanted size of the target now: a group says it itself; of a workload the operator has seen it last, and kube-state-metrics
 * knows it where no operator runs, or where the operator has looked away, since another scales the target. Undefined when
 * nobody knows.
 */
function groupSizeOf(
  { object, spec }: ObservedLoop,
  group: ScalingGroup | undefined,
  measurement: SystemMeasurement | undefined,
): number | undefined {
  if (groupNameOf(spec) !== undefined) return group?.spec.replicas ?? undefined;
  const seen = object.status?.replicas;
  const measured = measurement?.desired[0] ?? -1;
  if (measured < 0) return seen;
  const isRefused = object.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'False');
  return isRefused ? measured : (seen ?? measured);
}
