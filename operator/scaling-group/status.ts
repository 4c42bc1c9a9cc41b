/** A group's status from its plan, and which changes of it may wait. */
import { isDeepStrictEqual } from 'node:util';
import type { MemberStatus, ScalingGroupSpec, ScalingGroupStatus } from '../../policies/resources/scaling-group.ts';
import { type Finding, groupFindings, toConditions } from './conditions.ts';
import type { GroupPlan } from './plan.ts';

export function statusOf(
  spec: ScalingGroupSpec,
  plan: GroupPlan,
  previous: ScalingGroupStatus | undefined,
  now: number,
  generation: number | undefined,
): ScalingGroupStatus {
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    replicas: plan.readySets,
    selector: plan.selector,
    members: plan.members.map(memberStatus),
    ...(plan.lastScaling === undefined ? {} : { lastScaling: plan.lastScaling }),
    conditions: toConditions(groupFindings(spec, plan), previous?.conditions ?? [], now, generation),
  };
}

/** The status of a group that cannot be acted on: what is known of it stays, Ready says why. */
export function unusableStatus(
  reason: string,
  message: string,
  previous: ScalingGroupStatus | undefined,
  now: number,
  generation: number | undefined,
): ScalingGroupStatus {
  const finding: Finding = { type: 'Ready', status: 'False', reason, message };
  const kept = previous ?? { replicas: 0, selector: '', members: [], conditions: [] };
  const conditions = toConditions([finding], kept.conditions, now, generation);
  return { ...kept, ...(generation === undefined ? {} : { observedGeneration: generation }), conditions };
}

function memberStatus({
  apiVersion,
  kind,
  name,
  desired,
  replicas,
  ready,
  state,
  message,
}: MemberStatus): MemberStatus {
  return { apiVersion, kind, name, desired, replicas, ready, state, ...(message === undefined ? {} : { message }) };
}

export function sameStatus(a: ScalingGroupStatus | undefined, b: ScalingGroupStatus): boolean {
  return isDeepStrictEqual(a, b);
}

/** Progress may wait and be written together; what somebody waits for, or a new leader needs, is written at once. */
export function isUrgent(previous: ScalingGroupStatus | undefined, next: ScalingGroupStatus): boolean {
  if (previous === undefined || previous.observedGeneration !== next.observedGeneration) return true;
  const turningPoints = ({ lastScaling, conditions, selector }: ScalingGroupStatus) => ({
    lastScaling,
    selector,
    conditions: conditions.map(({ type, status, reason }) => [type, status, reason]),
  });
  return !isDeepStrictEqual(turningPoints(previous), turningPoints(next));
}
