import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lognormalP95, waitFactors, waitProbability, waitProbabilityTable } from './queueing-delay.ts';

describe('waiting of one pod', () => {
  it.each([
    ['M/M/1', 1, 0.8, 4, 24],
    ['M/D/1', 0, 0.8, 2, 16 / 3],
    ['M/G/1 with C² = 2', 2, 0.5, 1.5, 7.25],
  ])('has the mean and variance known of %s', (_name, squaredVariation, utilization, mean, variance) => {
    // S = 1, one core. Takács: E[W²] = 2 E[W]² + λ E[S³] / (3 (1 − ρ)), with E[S³] = (1 + C²)(1 + 2 C²).
    const { mean: factor, squareBusy, squareIdle } = waitFactors(squaredVariation);
    const pace = 1 / (1 - utilization);
    const wait = utilization * pace * factor;
    const square = utilization * pace * pace * (squareBusy * utilization + squareIdle * (1 - utilization));
    expect(wait).toBeCloseTo(mean, 9);
    expect(square - wait * wait).toBeCloseTo(variance, 9);
  });

  it('waits with nearly the probability of Erlang’s C formula on several cores', () => {
    // Erlang C at c = 4, ρ = 0.8: 0.5964.
    expect(waitProbability(waitProbabilityTable(4), 0.8)).toBeCloseTo(0.5964, 1);
    expect(waitProbability(waitProbabilityTable(4), 1)).toBe(1);
  });

  it('gives a p95 that increases with mean and variance', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-4, max: 5, noNaN: true }),
        fc.double({ min: 0, max: 30, noNaN: true }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (mean, variance, more) => {
          const p95 = lognormalP95(mean, variance);
          expect(lognormalP95(mean, variance * more)).toBeGreaterThanOrEqual(p95 * (1 - 1e-12));
          // The table's chords leave a trace of curvature where variance dwarfs the mean.
          expect(lognormalP95(mean * more, variance)).toBeGreaterThanOrEqual(p95 * (1 - 1e-3));
        },
      ),
    );
    expect(lognormalP95(1, 1)).toBeCloseTo(Math.exp(1.6448536 * Math.sqrt(Math.log(2)) - Math.log(2) / 2), 3);
  });
});
