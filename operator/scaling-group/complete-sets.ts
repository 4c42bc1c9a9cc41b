/** How many complete sets of a group's members there are. */
import { memberReplicas } from '../../policies/reactive/targets.ts';

export interface MemberShape {
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

export interface CountedMember extends MemberShape {
  readonly count: number;
}

/**
 * The largest group size up to `limit` of which every member has all its replicas; 0 when no size has them (a member below
 * its own min) and when there are no members.
 */
export function completeSets(members: readonly CountedMember[], limit: number): number {
  if (members.length === 0) return 0;
  const covered = (size: number) =>
    members.every(({ ratio, min, max, count }) => count >= memberReplicas(ratio, size, min, max));
  // Members never shrink as the group grows, so bisection finds the last size that is covered.
  let low = 0;
  let high = limit;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (covered(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
