/**
 * Who serves a DeliberativeLoop: the agent that wrote `status.agent` last, until it has not renewed that for three intervals.
 * Two that take over at the same moment are told apart by the resourceVersion that each write is conditional on. Pure.
 */
import type { DeliberativeLoopStatus } from '../resources/deliberative-loop.ts';
import { fromTimestamp } from '../resources/timestamp.ts';

export type Claim = NonNullable<DeliberativeLoopStatus['agent']>;

/** A claim, and since when (Unix seconds by our own clock) it has been seen with these contents. */
export interface SeenClaim {
  readonly claim: Claim;
  readonly seenSecond: number;
}

export type Standing = 'own' | 'free' | 'foreign';

export const staleAfterIntervals = 3;

export function seeClaim(before: SeenClaim | undefined, claim: Claim | undefined, now: number): SeenClaim | undefined {
  if (claim === undefined) return undefined;
  const isSame = before?.claim.identity === claim.identity && before.claim.renewTime === claim.renewTime;
  return isSame ? before : { claim, seenSecond: now };
}

/**
 * A claim is stale when either its own time or our watching says so: the first makes a restarted agent take over at once,
 * the second copes with a time that lies in the future.
 */
export function standingOf(
  seen: SeenClaim | undefined,
  identity: string,
  intervalSeconds: number,
  now: number,
): Standing {
  if (seen === undefined) return 'free';
  if (seen.claim.identity === identity) return 'own';
  const since = Math.min(fromTimestamp(seen.claim.renewTime) || 0, seen.seenSecond);
  return now - since < staleAfterIntervals * intervalSeconds ? 'foreign' : 'free';
}
