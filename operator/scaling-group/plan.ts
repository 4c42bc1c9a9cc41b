/** What a group's members should be and what to write to get there: a pure function of spec, members, status and time. */
import { clampTo, coveringGroupSize, memberReplicas } from '../../policies/reactive/targets.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { LastScaling, MemberStatus, ScalingGroupSpec } from '../../policies/resources/scaling-group.ts';
import type { Owner, Workload } from '../workloads/contract.ts';
import { type CountedMember, completeSets, type MemberShape } from './complete-sets.ts';
import { courseOf, deadlineOf, settle } from './last-scaling.ts';
import { isWhole, memberMessage, memberState } from './member-state.ts';

export interface ObservedMember extends MemberShape {
  readonly ref: TargetRef;
  /** Undefined when it does not exist. */
  readonly workload: Workload | undefined;
  /** Something else that scales it: it is left alone. */
  readonly owner: Owner | undefined;
  /** Why it cannot be scaled or looked at, such as a group within itself; it is not written then. */
  readonly obstacle?: string;
  /** Why pods cannot be made or the last write was refused; it is written all the same. */
  readonly failure?: string;
}

export interface GroupObservation {
  readonly spec: ScalingGroupSpec;
  readonly members: readonly ObservedMember[];
  readonly lastScaling: LastScaling | undefined;
  /** The spec is newer than the status that lastScaling is from. */
  readonly edited: boolean;
  /** Unix seconds. */
  readonly requestedAt: number;
  readonly now: number;
}

export interface PlannedMember extends MemberStatus {
  readonly observed: ObservedMember;
  /** Its replicas are to be written now. */
  readonly patch: boolean;
}

export interface GroupPlan {
  /** Group size in force. */
  readonly size: number;
  /** The bound that what was asked for is beyond. */
  readonly clampedBy: 'minReplicas' | 'maxReplicas' | undefined;
  readonly members: readonly PlannedMember[];
  /** Every member that is ours to scale has its replicas, ready. */
  readonly whole: boolean;
  /** Complete sets that are ready, up to the size in force. */
  readonly readySets: number;
  /** Pod selector of the first member whose ratio is 1; empty while there is none. */
  readonly selector: string;
  readonly lastScaling: LastScaling | undefined;
  /** Unix seconds at which to look again though nothing changes. */
  readonly deadline: number | undefined;
  /** Of a paused group: the size that its own replicas are to be, since its members are. */
  readonly follows?: number;
}

export function planGroup(observation: GroupObservation): GroupPlan {
  const { spec, members, now } = observation;
  if (spec.paused) return planPaused(observation);
  const target = clampTo(spec.replicas, spec.minReplicas, spec.maxReplicas);
  const ours = members.filter(({ owner }) => owner === undefined);
  const present = ours.filter(({ workload }) => workload !== undefined);
  const presentSize = completeSets(counted(present, 'replicas'), spec.maxReplicas);
  const asked = courseOf(observation.lastScaling, {
    target,
    edited: observation.edited,
    presentSize,
    requestedAt: observation.requestedAt,
  });
  const whole = (size: number) =>
    ours.length > 0 && ours.every((member) => isWhole(member, desiredReplicas(member, size)));
  const { scaling, size } = settle(asked, whole(asked.size), now, spec.strategy);
  return {
    size,
    clampedBy: target < spec.replicas ? 'maxReplicas' : target > spec.replicas ? 'minReplicas' : undefined,
    members: members.map((member) => planMember(member, size)),
    whole: whole(size),
    readySets: completeSets(counted(ours, 'ready'), size),
    selector: selectorOf(members),
    lastScaling: scaling,
    deadline: deadlineOf(scaling, spec.strategy.timeoutSeconds),
  };
}

/** Nothing is written to members and no scaling goes on; one that was under way is forgotten. */
function planPaused({ spec, members }: GroupObservation): GroupPlan {
  const { minReplicas, maxReplicas, replicas } = spec;
  const present = members.filter(({ workload }) => workload !== undefined);
  const counts = present.map(({ workload }) => workload?.replicas ?? 0);
  const size =
    present.length === 0
      ? clampTo(replicas, minReplicas, maxReplicas)
      : coveringGroupSize(present, counts, minReplicas, maxReplicas);
  return {
    size,
    clampedBy: undefined,
    members: members.map((member) => watched(member, size)),
    whole: members.length > 0 && present.length === members.length,
    readySets: completeSets(counted(members, 'ready'), size),
    selector: selectorOf(members),
    lastScaling: undefined,
    deadline: undefined,
    follows: size,
  };
}

/** What is wrong with it is told; that it has another size, or something else that scales it, is not wrong. */
function watched(member: ObservedMember, size: number): PlannedMember {
  const { owner, workload } = member;
  const planned = planMember({ ...member, owner: undefined }, size);
  const { message, ...rest } = planned;
  const isSettled =
    planned.state === 'Ready' || (planned.state === 'Scaling' && workload?.ready === workload?.replicas);
  const told = owner === undefined ? (isSettled ? undefined : message) : `${owner.kind} ${owner.name} scales it`;
  return {
    ...rest,
    state: isSettled ? 'Ready' : planned.state,
    ...(told === undefined ? {} : { message: told }),
    observed: member,
    patch: false,
  };
}

function selectorOf(members: readonly ObservedMember[]): string {
  return members.find(({ ratio }) => ratio === 1)?.workload?.podSelector ?? '';
}

function desiredReplicas({ ratio, min, max }: MemberShape, size: number): number {
  return memberReplicas(ratio, size, min, max);
}

function counted(members: readonly ObservedMember[], field: 'replicas' | 'ready'): CountedMember[] {
  return members.map(({ ratio, min, max, workload }) => ({ ratio, min, max, count: workload?.[field] ?? 0 }));
}

function planMember(member: ObservedMember, size: number): PlannedMember {
  const { ref, workload, owner, obstacle } = member;
  const desired = desiredReplicas(member, size);
  const state = memberState(member, desired);
  const message = memberMessage(member, desired, size, state);
  return {
    ...ref,
    desired,
    replicas: workload?.replicas ?? 0,
    ready: workload?.ready ?? 0,
    state,
    ...(message === undefined ? {} : { message }),
    observed: member,
    patch: workload !== undefined && owner === undefined && obstacle === undefined && workload.replicas !== desired,
  };
}
