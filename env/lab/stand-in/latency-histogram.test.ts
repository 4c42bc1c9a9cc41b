import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bucketBoundsMilliseconds,
  createLatencyDistribution,
  distributeLatency,
  interpolatedQuantile,
} from './latency-histogram.ts';

const anyP95 = fc.double({ min: Math.log(0.2), max: Math.log(31_000), noNaN: true }).map(Math.exp);

describe('latency histogram', () => {
  it('has bounds that grow by at most 28 %', () => {
    for (const [i, bound] of bucketBoundsMilliseconds.entries()) {
      if (i > 0) expect(bound / bucketBoundsMilliseconds[i - 1]).toBeLessThan(1.281);
      if (i > 0) expect(bound / bucketBoundsMilliseconds[i - 1]).toBeGreaterThan(1.2);
    }
  });

  it('gives any steady p95 back through interpolation, with shares that are a distribution', () => {
    const distribution = createLatencyDistribution();
    fc.assert(
      fc.property(anyP95, (p95) => {
        distributeLatency(p95, distribution);
        const { shares, meanMilliseconds } = distribution;
        expect(interpolatedQuantile(0.95, shares) / p95).toBeCloseTo(1, 4);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
        expect(meanMilliseconds).toBeGreaterThan(0.3 * p95);
        expect(meanMilliseconds).toBeLessThan(0.6 * p95);
      }),
    );
  });

  it('reads a mixture of two steady latencies between them, a bucket apart at most', () => {
    const [one, two] = [createLatencyDistribution(), createLatencyDistribution()];
    fc.assert(
      fc.property(anyP95, fc.double({ min: 1, max: 5, noNaN: true }), (p95, factor) => {
        fc.pre(p95 * factor < 31_000);
        distributeLatency(p95, one);
        distributeLatency(p95 * factor, two);
        const read = interpolatedQuantile(
          0.95,
          one.shares.map((share, i) => share + two.shares[i]),
        );
        expect(read).toBeGreaterThan(p95 * (1 - 1e-3));
        expect(read).toBeLessThan(p95 * factor * (1 + 1e-3));
      }),
    );
  });
});
