/** Vertical reactions: the size of a pod relative to the standard pod. */
import type { MetricReading } from './breaches.ts';
import type { Clamp } from './clamps.ts';
import type { LoopObservation } from './decide.ts';
import type { LoopSpec, VerticalResource } from './loop-spec.ts';
import type { LoopState } from './loop-state.ts';

export interface VerticalChange {
  readonly resource: VerticalResource;
  /** Relative to the standard pod. */
  readonly size: number;
}

/** The winner's vertical reaction; a pod shrinks only when that was wanted all through the stabilisation window. */
export function verticalTarget(
  spec: LoopSpec,
  state: LoopState,
  winner: MetricReading | null,
  observation: LoopObservation,
  missing: boolean,
  startSecond: number,
  now: number,
  clamps: Set<Clamp>,
): { change: VerticalChange | null; notSmallerSecond: LoopState['notSmallerSecond'] } {
  const notSmallerSecond = { cpu: now, memory: now };
  const reaction = winner?.reaction?.vertical;
  if (!reaction) return { change: null, notSmallerSecond };
  const { resource, by, min, max } = reaction;
  const current = observation.verticalSize?.[resource] ?? 1;
  const raw = current + by;
  if (by > 0) {
    if (raw > max) clamps.add('verticalMax');
    const wanted = Math.max(current, Math.min(raw, max));
    return { change: wanted > current ? { resource, size: wanted } : null, notSmallerSecond };
  }
  if (raw < min) clamps.add('verticalMin');
  const wanted = Math.min(current, Math.max(raw, min));
  if (wanted === current) return { change: null, notSmallerSecond };
  if (missing) {
    clamps.add('missingMetrics');
    return { change: null, notSmallerSecond };
  }
  const windowSeconds = spec.behavior.scaleDown.stabilizationWindowSeconds;
  const since = state.notSmallerSecond[resource] ?? startSecond;
  if (windowSeconds > 0 && now - since <= windowSeconds) {
    clamps.add('scaleDownStabilization');
    return { change: null, notSmallerSecond: { ...notSmallerSecond, [resource]: since } };
  }
  return { change: { resource, size: wanted }, notSmallerSecond };
}
