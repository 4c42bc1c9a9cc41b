/** What is to be said of one member. */
import { memberReplicas } from '../../policies/reactive/targets.ts';
import type { MemberStatus } from '../../policies/resources/scaling-group.ts';
import type { ObservedMember } from './plan.ts';

/** As the CRD allows. */
const longestMessage = 1024;

/** It has the replicas that the group wants, all ready and none too many. */
export function isWhole({ workload, obstacle }: ObservedMember, desired: number): boolean {
  if (workload === undefined || obstacle !== undefined || workload.replicas !== desired) return false;
  // A rollout may keep more pods than wanted until it ends; before the newest spec is observed, they are still to go.
  const surging = workload.rollingOut && workload.observed !== false;
  return workload.ready === desired || (workload.ready > desired && surging);
}

export function failureOf({ workload, failure }: ObservedMember): string | undefined {
  return failure ?? workload?.failure;
}

export function memberState(member: ObservedMember, desired: number): MemberStatus['state'] {
  const { workload, owner, obstacle } = member;
  if (owner !== undefined) return 'OwnedByAnother';
  if (obstacle !== undefined) return 'Failed';
  if (workload === undefined) return 'Missing';
  const whole = isWhole(member, desired);
  const failure = failureOf(member);
  if (!whole && failure !== undefined) return /quota/i.test(failure) ? 'QuotaExceeded' : 'Failed';
  // A spec that is not observed yet is most often our own change of the replicas.
  if (workload.rollingOut && workload.observed !== false) return 'RollingOut';
  return whole ? 'Ready' : 'Scaling';
}

export function memberMessage(
  member: ObservedMember,
  desired: number,
  size: number,
  state: MemberStatus['state'],
): string | undefined {
  const { ref, owner, obstacle, workload, ratio, min, max } = member;
  const text = (() => {
    switch (state) {
      case 'OwnedByAnother':
        return `${owner?.kind} ${owner?.name} scales it: delete that, or take ${ref.name} out of the group`;
      case 'Missing':
        return `there is no ${ref.kind} ${ref.name} (${ref.apiVersion}): create it, or take it out of the group`;
      case 'QuotaExceeded':
        return `no quota for more pods: ${failureOf(member)}`;
      case 'Failed':
        return obstacle ?? failureOf(member);
      case 'RollingOut':
        return `a rollout is in progress, ${workload?.ready ?? 0} of ${desired} ready`;
      default: {
        const unbounded = memberReplicas(ratio, size, 0, Number.MAX_SAFE_INTEGER);
        if (desired < unbounded) return `held at its max of ${max}`;
        return desired > unbounded ? `held at its min of ${min}` : undefined;
      }
    }
  })();
  return text?.slice(0, longestMessage);
}
