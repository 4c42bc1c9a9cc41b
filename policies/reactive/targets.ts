/** The arithmetic of group sizes: steps, tracking, rate limits, members. Pure, on numbers, shared by both forms of the loop. */
import { memberReplicas as memberOfGroup } from '../../env/apps/group.ts';

/** Distance of a tracked ratio from 1 in which nothing is wanted, Kubernetes' HPA default. */
export const trackingTolerance = 0.1;

// Ratios such as 0.1 are not exact in binary: without it 0.1 × 30 = 3.0000000000000004 would be 4 pods.
const rounding = 1e-9;

export function clampTo(value: number, minimum: number, maximum: number): number {
  return Math.min(Math.max(value, minimum), maximum);
}

/** Replicas of a group member: clamp(ceil(ratio × group size), min, max). */
export function memberReplicas(ratio: number, groupSize: number, minimum: number, maximum: number): number {
  return memberOfGroup({ ratio, minReplicas: minimum, maxReplicas: maximum }, groupSize);
}

/** A step in whole pods, or in percent of the size: at least one pod, rounded up going up and down going down, towards more pods. */
export function stepTarget(size: number, pods: number, percent: number): number {
  if (percent === 0) return size + pods;
  const change = (size * Math.abs(percent)) / 100;
  return percent > 0
    ? size + Math.max(1, Math.ceil(change - rounding))
    : size - Math.max(1, Math.floor(change + rounding));
}

/** `2` → {pods: 2, percent: 0}, `'-10%'` → {pods: 0, percent: −10}. */
export function stepOf(by: number | string): { pods: number; percent: number } {
  return typeof by === 'number' ? { pods: by, percent: 0 } : { pods: 0, percent: Number.parseInt(by, 10) };
}

/** Replicas that carry a total with `track` each. */
export function trackTarget(total: number, track: number): number {
  return Math.ceil(total / track - rounding);
}

/** Largest change that a rate limit allows within its period (percent of the size at its start, rounded up). */
export function allowedChange(sizeAtPeriodStart: number, pods: number, percent: number): number {
  return Math.max(pods, Math.ceil((sizeAtPeriodStart * percent) / 100 - rounding));
}

/** How a member follows its group. */
export interface MemberBounds {
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The smallest group size within the bounds whose members have at least the replicas that are there; the largest if none.
 * Member i has `replicas[offset + i * stride]`; what a member has above its own max is not counted.
 */
export function coveringGroupSize(
  members: readonly MemberBounds[],
  replicas: ArrayLike<number>,
  minimum: number,
  maximum: number,
  offset = 0,
  stride = 1,
): number {
  // Members never shrink as the group grows, so bisection finds the first size that covers.
  let low = minimum;
  let high = maximum;
  while (low < high) {
    const middle = (low + high) >> 1;
    let covers = true;
    for (let i = 0; i < members.length && covers; i++) {
      const { ratio, min, max } = members[i];
      covers = memberReplicas(ratio, middle, min, max) >= Math.min(max, replicas[offset + i * stride]);
    }
    if (covers) high = middle;
    else low = middle + 1;
  }
  return low;
}
