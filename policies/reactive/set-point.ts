/** What becomes of the agent's proposed group size. */
import type { Clamp } from './clamps.ts';
import type { LoopSpec } from './loop-spec.ts';
import type { SetPoint } from './loop-state.ts';
import { clampTo } from './targets.ts';

/** The guardrails on a set-point that is seen for the first time; its floor is 0 when there is none or it is stale. */
export function resolveSetPoint(
  spec: LoopSpec,
  setPoint: SetPoint | null,
  size: number,
  now: number,
  clamps: Set<Clamp>,
): { next: SetPoint | null; floor: number; applyNow: boolean } {
  const { staleAfterSeconds, maxStep, minReplicas, maxReplicas } = spec.guardrails;
  // By its distance in time: one dated far ahead by a wrong clock must not be fresh for ever.
  if (setPoint === null || Math.abs(now - setPoint.second) >= staleAfterSeconds)
    return { next: setPoint, floor: 0, applyNow: false };
  if (setPoint.applied) return { next: setPoint, floor: setPoint.size, applyNow: false };
  let wanted = setPoint.size;
  const clamp = (limit: number, name: Clamp) => {
    wanted = limit;
    clamps.add(name);
  };
  const minimum = Math.max(spec.behavior.minReplicas, minReplicas ?? 0);
  const maximum = Math.min(spec.behavior.maxReplicas, maxReplicas ?? Number.POSITIVE_INFINITY);
  if (wanted > maximum) clamp(maximum, 'setPointMaxReplicas');
  if (wanted < minimum) clamp(minimum, 'setPointMinReplicas');
  if (Math.abs(wanted - size) > maxStep) clamp(clampTo(wanted, size - maxStep, size + maxStep), 'maxStep');
  return { next: { ...setPoint, size: wanted, applied: true }, floor: wanted, applyNow: true };
}
