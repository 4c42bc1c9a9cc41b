import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNormalisation, normalise, normalisedLimit, updateNormalisation } from './normalisation.ts';

const width = 3;
/** Features of very different size: around 0, small, and far from 0 with a small spread. */
const row = fc.tuple(
  fc.double({ min: -5, max: 5, noNaN: true }),
  fc.double({ min: -1e-3, max: 1e-3, noNaN: true }),
  fc.double({ min: 1000, max: 1010, noNaN: true }),
);

describe('running normalisation', () => {
  it('has the moments of all rows seen, however they were cut into batches', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(row, { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 6 }),
        (batches) => {
          const normalisation = createNormalisation(width);
          for (const batch of batches) updateNormalisation(normalisation, Float32Array.from(batch.flat()));
          const rows = batches.flat().map((values) => values.map(Math.fround));
          expect(normalisation.count).toBe(rows.length);
          for (let j = 0; j < width; j++) {
            const mean = rows.reduce((sum, values) => sum + values[j], 0) / rows.length;
            const variance = rows.reduce((sum, values) => sum + (values[j] - mean) ** 2, 0) / rows.length;
            expect(normalisation.mean[j]).toBeCloseTo(mean, 8);
            expect(normalisation.variance[j]).toBeCloseTo(variance, 6);
          }
        },
      ),
    );
  });

  it('gives values of mean 0 and deviation 1, in place as well, and cuts off what is far out', () => {
    const normalisation = createNormalisation(2);
    const batch = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? 40 + (i % 14) : -3 + Math.sin(i)));
    updateNormalisation(normalisation, batch);
    const target = new Float32Array(batch.length);
    normalise(normalisation, batch, target);
    for (const j of [0, 1]) {
      const column = [...target].filter((_, i) => i % 2 === j);
      const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
      const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length;
      expect(mean).toBeCloseTo(0, 4);
      expect(variance).toBeCloseTo(1, 2);
    }
    normalise(normalisation, batch, batch);
    expect(batch).toEqual(target);
    const far = Float32Array.of(1e9, -1e9);
    normalise(normalisation, far, far);
    expect([...far]).toEqual([normalisedLimit, -normalisedLimit]);
  });

  it('passes a feature that never changes as 0, and before any batch changes next to nothing', () => {
    const normalisation = createNormalisation(1);
    const value = Float32Array.of(0.5);
    normalise(normalisation, value, value);
    expect(value[0]).toBeCloseTo(0.5, 3);
    updateNormalisation(normalisation, Float32Array.of(7, 7, 7));
    const constant = Float32Array.of(7);
    normalise(normalisation, constant, constant);
    expect(constant[0]).toBe(0);
  });
});
