/** Stabilisation windows and rate limits of the object form, after Kubernetes' HPA (`behavior`). */
import type { Clamp } from './clamps.ts';
import type { LoopSpec, RateLimit } from './loop-spec.ts';
import type { LoopState, TimedSize } from './loop-state.ts';
import { allowedChange } from './targets.ts';

/** A loop that has just started knows no history: its first size counts as a recommendation, as in Kubernetes' HPA. */
export function withSeed(state: LoopState, windowSeconds: number, size: number, now: number): readonly TimedSize[] {
  return state.startSecond === null && windowSeconds > 0 ? [{ second: now, size }] : state.recommendations;
}

export function remember(spec: LoopSpec, history: readonly TimedSize[], recommendation: TimedSize): TimedSize[] {
  const { scaleUp, scaleDown } = spec.behavior;
  const window = Math.max(scaleUp.stabilizationWindowSeconds, scaleDown.stabilizationWindowSeconds);
  return [...history.filter(({ second }) => second >= recommendation.second - window), recommendation];
}

/** Down to the largest, up to the smallest recommendation of the direction's window, never past the size in force. */
export function stabilised(
  spec: LoopSpec,
  recommendations: readonly TimedSize[],
  wanted: number,
  size: number,
  now: number,
  clamps: Set<Clamp>,
): number {
  const { scaleUp, scaleDown } = spec.behavior;
  const within = (windowSeconds: number) =>
    recommendations.filter(({ second }) => windowSeconds > 0 && second >= now - windowSeconds).map((r) => r.size);
  if (wanted < size) {
    const held = Math.min(size, Math.max(wanted, ...within(scaleDown.stabilizationWindowSeconds)));
    if (held > wanted) clamps.add('scaleDownStabilization');
    return held;
  }
  if (wanted > size) {
    const held = Math.max(size, Math.min(wanted, ...within(scaleUp.stabilizationWindowSeconds)));
    if (held < wanted) clamps.add('scaleUpStabilization');
    return held;
  }
  return wanted;
}

/** The changes that still count for a rate limit. */
export function recentChanges(
  changes: readonly TimedSize[],
  limit: RateLimit | undefined,
  now: number,
): readonly TimedSize[] {
  return limit === undefined ? [] : changes.filter(({ second }) => second > now - limit.periodSeconds);
}

function sumOf(changes: readonly TimedSize[]): number {
  return changes.reduce((sum, { size }) => sum + size, 0);
}

function changeLimit(limit: RateLimit, sizeAtPeriodStart: number): number {
  return allowedChange(sizeAtPeriodStart, limit.pods ?? 0, limit.percent ?? 0);
}

/** The nearest to `wanted` that the direction's rate limit allows, counting the changes of its period. */
export function rateLimited(
  spec: LoopSpec,
  wanted: number,
  size: number,
  added: readonly TimedSize[],
  removed: readonly TimedSize[],
  clamps: Set<Clamp>,
): number {
  const { scaleUp, scaleDown } = spec.behavior;
  if (wanted > size && scaleUp.rateLimit) {
    const start = size - sumOf(added);
    const limit = Math.max(size, start + changeLimit(scaleUp.rateLimit, start));
    if (wanted > limit) clamps.add('scaleUpRate');
    return Math.min(wanted, limit);
  }
  if (wanted < size && scaleDown.rateLimit) {
    const start = size + sumOf(removed);
    const limit = Math.min(size, start - changeLimit(scaleDown.rateLimit, start));
    if (wanted < limit) clamps.add('scaleDownRate');
    return Math.max(wanted, limit);
  }
  return wanted;
}
