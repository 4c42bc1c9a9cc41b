import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluationFamilies, generateTrace, type WorkloadFamily, workloadFamilies } from './families.ts';
import { formatTrace, parseTrace } from './trace.ts';

const anyFamily = fc.constantFrom(...workloadFamilies);
const anySeed = fc.integer({ min: 0, max: 3_000_000 });
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a drawn workload', () => {
  it('is a valid trace of its length, never negative, whatever family, seed and length', () => {
    fc.assert(
      fc.property(
        anyFamily,
        anySeed,
        fc.integer({ min: 1, max: 96 }),
        fc.double({ min: 0.1, max: 1e5, noNaN: true }),
        (family, seed, quarterHours, nominalLoad) => {
          const durationSeconds = quarterHours * 900;
          const trace = generateTrace({ family, seed, nominalLoad, durationSeconds });
          expect(trace.name).toBe(`${family}-${seed}`);
          expect(trace.seconds.at(-1)).toBe(durationSeconds);
          expect(trace.rps.every((load) => Number.isFinite(load) && load >= 0)).toBe(true);
          expect(parseTrace(formatTrace(trace), trace.name, 'file').seconds).toEqual(trace.seconds);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is the same for the same seed, and another for another seed or another family', () => {
    fc.assert(
      fc.property(anyFamily, anyFamily, anySeed, anySeed, (family, otherFamily, seed, otherSeed) => {
        const draw = (of: WorkloadFamily, from: number) =>
          generateTrace({ family: of, seed: from, nominalLoad: 100, durationSeconds: 7200 });
        expect(draw(family, seed)).toEqual(draw(family, seed));
        if (seed !== otherSeed) expect(draw(family, otherSeed).rps).not.toEqual(draw(family, seed).rps);
        if (family !== otherFamily) expect(draw(otherFamily, seed).rps).not.toEqual(draw(family, seed).rps);
      }),
      { numRuns: 60 },
    );
  });

  it('scales with the nominal load and with nothing else', () => {
    for (const family of workloadFamilies) {
      const draw = (nominalLoad: number) => generateTrace({ family, seed: 7, nominalLoad, durationSeconds: 14_400 });
      const [small, large] = [draw(10), draw(1000)];
      expect(large.seconds).toEqual(small.seconds);
      for (const [i, load] of large.rps.entries()) expect(load).toBeCloseTo(small.rps[i] * 100, 6);
    }
  });

  it.each(workloadFamilies)(
    'of the family %s has the nominal load on average, and no day that is idle or hopeless',
    (family) => {
      const days = Array.from({ length: 60 }, (_, seed) => mean(generateTrace({ family, seed, nominalLoad: 1 }).rps));
      expect(mean(days)).toBeGreaterThan(0.65);
      expect(mean(days)).toBeLessThan(1.35);
      expect(Math.min(...days)).toBeGreaterThan(0.1);
      expect(Math.max(...days)).toBeLessThan(3.2);
      // Draws differ in level too, or a policy could learn one curve by heart.
      expect(Math.max(...days) / Math.min(...days)).toBeGreaterThan(1.5);
    },
  );
});

it('quality is judged on families that exist', () => {
  for (const family of evaluationFamilies) expect(workloadFamilies).toContain(family);
  expect(new Set(evaluationFamilies).size).toBe(6);
});
