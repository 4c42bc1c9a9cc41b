import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMilliseconds } from './backoff.ts';

test('between half and the whole of a time that doubles up to the maximum, however often it failed', () => {
  const backoff = { initialMilliseconds: 500, maxMilliseconds: 60_000 };
  fc.assert(
    fc.property(
      fc.nat({ max: 5_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random) => {
        const whole = attempt > 7 ? 60_000 : Math.min(60_000, 500 * 2 ** attempt);
        const wait = backoffMilliseconds(attempt, backoff, () => random);
        expect(wait).toBeGreaterThanOrEqual(whole / 2);
        expect(wait).toBeLessThanOrEqual(whole);
      },
    ),
  );
});
