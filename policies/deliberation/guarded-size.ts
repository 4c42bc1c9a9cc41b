/** A set-point within what a closed loop and the guardrails allow. Pure. */
import type { ClosedLoopSpec } from '../resources/closed-loop.ts';
import type { DeliberativeLoopSpec } from '../resources/deliberative-loop.ts';

export interface SizedLoop {
  readonly spec: Pick<ClosedLoopSpec, 'behavior'>;
  readonly groupSize: number;
}

export type Rails = Pick<DeliberativeLoopSpec, 'guardrails' | 'mode'>;

/** As the operator clamps: bounds first, then, unless Autonomous, the step. NaN stays NaN, which no proposal may have. */
export function guardedSize(asked: number, { spec, groupSize }: SizedLoop, { guardrails, mode }: Rails): number {
  const minimum = Math.max(spec.behavior.minReplicas, guardrails.minReplicas ?? 0);
  const maximum = Math.min(spec.behavior.maxReplicas, guardrails.maxReplicas ?? Number.POSITIVE_INFINITY);
  const within = Math.max(minimum, Math.min(maximum, asked));
  if (mode === 'Autonomous') return within;
  // A bound further away than a step is approached a step at a time.
  return Math.max(groupSize - guardrails.maxStep, Math.min(groupSize + guardrails.maxStep, within));
}
