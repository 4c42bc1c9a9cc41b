/**
 * The price of a violation as a Lagrange multiplier: it rises while the policy violates more than the target and falls
 * while it violates less, so that a user states a violation target in percent and never a weight.
 */
export interface Lagrangian {
  multiplier: number;
  /** Smoothed violation share, percent; NaN before the first measurement. */
  violationPercent: number;
}

export interface LagrangianOptions {
  targetPercent: number;
  initialMultiplier: number;
  /** Relative change of the multiplier per update at twice the target. */
  rate: number;
  /** Smoothing of the measured share per update. */
  smoothing: number;
  bounds: readonly [number, number];
}

export const defaultLagrangianOptions: LagrangianOptions = {
  targetPercent: 0.8,
  initialMultiplier: 12,
  // Once a segment, on validations: the policy follows late, and a faster price overshoots.
  rate: 0.12,
  smoothing: 0.5,
  bounds: [1, 200],
};

/** Takes one rollout's violation share into account, in place. */
export function updateLagrangian(state: Lagrangian, measuredPercent: number, options: LagrangianOptions): void {
  const { smoothing, targetPercent, rate, bounds } = options;
  state.violationPercent = Number.isNaN(state.violationPercent)
    ? measuredPercent
    : smoothing * state.violationPercent + (1 - smoothing) * measuredPercent;
  // In the logarithm, and bounded, so that a burst of violations cannot throw the price away.
  const error = Math.max(-1, Math.min(1, state.violationPercent / targetPercent - 1));
  state.multiplier = Math.min(bounds[1], Math.max(bounds[0], state.multiplier * Math.exp(rate * error)));
}
