/** Properties of what the fits are made of. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDraw } from '../random.ts';
import { fitMemory } from './fit-memory.ts';
import { neighbourhoods, smooth } from './local-regression.ts';
import { drawMultiplicity, isotonic, slopeThroughOrigin } from './robust-statistics.ts';
import { selectSteps } from './select-steps.ts';

const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 });

describe('isotonic', () => {
  it('never falls, keeps the weighted mean, and leaves alone what never fell', () => {
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.double({ min: 0.1, max: 10, noNaN: true })), (given, stream) => {
        const weights = [...stream.take(given.length)];
        const result = isotonic(given, weights);
        expect(result.every((value, i) => i === 0 || value >= result[i - 1] - 1e-9)).toBe(true);
        const total = (of: number[]) => of.reduce((sum, value, i) => sum + value * weights[i], 0);
        expect(total(result)).toBeCloseTo(total(given), 6);
        const sorted = [...given].sort((a, b) => a - b);
        expect(isotonic(sorted, weights)).toEqual(sorted);
      }),
    );
  });
});

describe('slopeThroughOrigin', () => {
  it('is the slope, whatever a fifth of the samples say', () => {
    const draw = createDraw(3);
    const x = Array.from({ length: 200 }, () => draw.uniform(10, 1000));
    const y = x.map((value, i) => (i % 5 === 0 ? draw.uniform(0, 1e6) : 0.004 * value * (1 + 0.02 * draw.normal())));
    expect(Math.abs(slopeThroughOrigin(x, y)() / 0.004 - 1)).toBeLessThan(0.02);
    expect(slopeThroughOrigin([], [])()).toBeNaN();
    expect(slopeThroughOrigin([1, 2], [3, 10])([1, 0])).toBe(3);
  });
});

describe('local regression', () => {
  it('reproduces a straight line in the middle of its samples', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -5, max: 5, noNaN: true }),
        fc.double({ min: -50, max: 50, noNaN: true }),
        (slope, offset) => {
          const x = Array.from({ length: 60 }, (_, i) => i * 10);
          const y = x.map((value) => offset + slope * value);
          const around = neighbourhoods(x, [100, 250, 400], 9, 20);
          const curve = smooth(x, y, new Float64Array(60).fill(1), around);
          for (const [i, { at }] of around.entries()) expect(curve[i]).toBeCloseTo(offset + slope * at, 6);
        },
      ),
    );
  });
});

describe('drawMultiplicity', () => {
  it('counts whole blocks, as many as there are', () => {
    const steps = [0, 1, 2, 10, 11, 12, 13, 21];
    const times = drawMultiplicity(steps, 10, createDraw(1));
    expect(times[0]).toBe(times[2]);
    expect(times[3]).toBe(times[6]);
    expect(times[0] + times[3] + times[7]).toBe(3);
  });
});

describe('selectSteps', () => {
  it('keeps what is rare', () => {
    const level = (step: number) => (step % 100 === 0 ? 10 : (step % 7) / 7);
    const chosen = selectSteps(
      Array.from({ length: 2000 }, (_, i) => i),
      level,
      200,
    );
    expect(chosen.length).toBeLessThanOrEqual(200);
    expect(chosen.length).toBeGreaterThan(190);
    expect(chosen.filter((step) => level(step) === 10)).toHaveLength(20);
    expect(new Set(chosen).size).toBe(chosen.length);
  });
});

describe('fitMemory', () => {
  it('tells idle memory from that of load and of requests, and does not split what it cannot tell apart', () => {
    const draw = createDraw(5);
    const load = Array.from({ length: 200 }, () => draw.uniform(10, 100));
    const apart = load.map((rps) => rps / (110 - rps));
    const memory = load.map((rps, i) => 30 + 0.05 * rps + 0.4 * apart[i]);
    const fit = fitMemory(memory, load, apart);
    expect(fit.memoryIdlePercent).toBeCloseTo(30, 1);
    expect(fit.memoryPercentPerRps).toBeCloseTo(0.05, 2);
    expect(fit.memoryPercentPerRequest).toBeCloseTo(0.4, 1);
    const together = load.map((rps) => rps / 50);
    const one = fitMemory(memory, load, together);
    expect(one).toMatchObject({ requestsTold: false, memoryPercentPerRequest: 0 });
  });
});
