import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepChanges, keepExtremes, stretchesAbove } from './decimation.ts';

const samples = fc.array(fc.oneof(fc.float({ noNaN: true }), fc.constant(Number.NaN)), {
  minLength: 1,
  maxLength: 400,
});
const bucketCount = fc.integer({ min: 1, max: 40 });

describe('keepExtremes', () => {
  it('keeps the ends and the extremes of the whole, in order, within its size', () => {
    fc.assert(
      fc.property(samples, bucketCount, (values, buckets) => {
        const indices = keepExtremes(values, buckets);
        expect(indices.length).toBeLessThanOrEqual(2 * buckets + 2);
        expect(indices[0]).toBe(0);
        expect(indices[indices.length - 1]).toBe(values.length - 1);
        expect(indices.every((index, i) => i === 0 || index > indices[i - 1])).toBe(true);
        const known = values.filter((value) => !Number.isNaN(value));
        if (known.length === 0) return;
        const kept = indices.map((index) => values[index]).filter((value) => !Number.isNaN(value));
        expect(Math.max(...kept)).toBe(Math.max(...known));
        expect(Math.min(...kept)).toBe(Math.min(...known));
      }),
    );
  });

  it('keeps one bad tick out of a day', () => {
    const p95 = new Float32Array(17_280).fill(3);
    p95[9_999] = 90;
    expect(keepExtremes(p95, 400)).toContain(9_999);
  });
});

describe('keepChanges', () => {
  it('draws the same steps', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 60 }), (values) => {
        const kept = keepChanges(
          values,
          values.map((_, i) => i),
        );
        const redrawn = values.map((_, i) => values[kept.filter((index) => index <= i).pop() as number]);
        expect(redrawn).toEqual(values);
      }),
    );
  });
});

describe('stretchesAbove', () => {
  it('covers exactly the buckets with a sample above the limit', () => {
    fc.assert(
      fc.property(samples, bucketCount, (values, buckets) => {
        const stretches = stretchesAbove(values, 0, buckets);
        const bucketSize = Math.ceil(values.length / Math.min(buckets, values.length));
        for (const [i, value] of values.entries()) {
          if (value > 0) expect(stretches.some(([first, end]) => first <= i && i < end)).toBe(true);
        }
        for (const [first, end] of stretches) {
          for (let at = first; at < end; at += bucketSize) {
            // Every stretch as long as a bucket has a violation close by.
            const near = values.slice(Math.max(first, at - bucketSize), Math.min(end, at + 2 * bucketSize));
            expect(near.some((value) => value > 0)).toBe(true);
          }
        }
        expect(stretches.every(([first], i) => i === 0 || first > stretches[i - 1][1])).toBe(true);
      }),
    );
  });
});
