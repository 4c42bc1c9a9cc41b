import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLagrangianOptions, updateLagrangian } from './lagrangian.ts';

const start = (multiplier: number) => ({ multiplier, violationPercent: Number.NaN });
const options = {
  ...defaultLagrangianOptions,
  targetPercent: 0.8,
  rate: 0.1,
  smoothing: 0.5,
  bounds: [1, 200] as const,
};

describe('the price of violations', () => {
  it('rises above the target, falls below it and rests at it', () => {
    for (const [measured, direction] of [
      [5, 1],
      [0.9, 1],
      [0.8, 0],
      [0.7, -1],
      [0, -1],
    ]) {
      const state = start(20);
      updateLagrangian(state, measured, options);
      expect(Math.sign(Math.round((state.multiplier - 20) * 1e9))).toBe(direction);
    }
  });

  it('changes by the rate at most, however bad a rollout was, and stays within its bounds', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 200, noNaN: true }),
        fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 100 }),
        (multiplier, course) => {
          const state = start(multiplier);
          for (const measured of course) {
            const before = state.multiplier;
            updateLagrangian(state, measured, options);
            expect(state.multiplier >= 1 && state.multiplier <= 200).toBe(true);
            expect(Math.abs(Math.log(state.multiplier / before))).toBeLessThanOrEqual(0.1 + 1e-12);
          }
        },
      ),
    );
  });

  it('judges by a smoothed share that begins at the first measurement', () => {
    const state = start(20);
    const seen = [4, 0, 2].map((measured) => {
      updateLagrangian(state, measured, options);
      return state.violationPercent;
    });
    expect(seen).toEqual([4, 2, 2]);
  });

  it('finds the price at which a policy that answers to it meets the target', () => {
    const state = start(3);
    for (let i = 0; i < 400; i++) updateLagrangian(state, 24 / state.multiplier, options);
    expect(24 / state.multiplier).toBeCloseTo(0.8, 2);
  });
});
