import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReturnScale } from './return-scale.ts';

describe('the scale of rewards', () => {
  it('is one over the deviation of all discounted returns so far, which begin anew where an episode ends', () => {
    const reward = fc.double({ min: -20, max: 0, noNaN: true }).map(Math.fround);
    const step = fc.record({
      rewards: fc.array(reward, { minLength: 2, maxLength: 2 }),
      ends: fc.array(fc.constantFrom('no', 'no', 'no', 'terminated', 'truncated'), { minLength: 2, maxLength: 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 2, maxLength: 30 }),
        fc.constantFrom(0, 0.5, 0.99),
        (course, discount) => {
          const scale = createReturnScale(2, discount);
          const all: number[] = [];
          const episodes: number[][] = [[], []];
          for (const { rewards, ends } of course) {
            const flags = (kind: string) => Uint8Array.from(ends, (end) => (end === kind ? 1 : 0));
            scale.update(Float32Array.from(rewards), flags('terminated'), flags('truncated'));
            for (const lane of [0, 1]) {
              episodes[lane].push(rewards[lane]);
              const last = episodes[lane].length - 1;
              all.push(episodes[lane].reduce((sum, value, i) => sum + value * discount ** (last - i), 0));
              if (ends[lane] !== 'no') episodes[lane] = [];
            }
          }
          const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
          const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
          expect(scale.moments.mean).toBeCloseTo(mean, 6);
          expect(scale.moments.variance).toBeCloseTo(variance, 5);
          fc.pre(variance > 1e-3);
          expect(scale.scale() * Math.sqrt(variance)).toBeCloseTo(1, 4);
          const moments = { ...scale.moments };
          scale.restart();
          expect(scale.moments).toEqual(moments);
        },
      ),
    );
  });
});
