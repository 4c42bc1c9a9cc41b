import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextDueSecond, phaseSeconds } from './schedule.ts';

const keys = fc.string({ minLength: 1, maxLength: 30 });
const intervals = fc.integer({ min: 1, max: 86_400 });
const moments = fc.double({ min: 1.7e9, max: 1.9e9, noNaN: true });

test('one that was served at any moment is due at its own phase, half to one and a half intervals later', () => {
  fc.assert(
    fc.property(keys, intervals, moments, (key, interval, served) => {
      const due = nextDueSecond(key, interval, served);
      expect(due - served).toBeGreaterThanOrEqual(interval / 2 - 1e-6);
      expect(due - served).toBeLessThanOrEqual(interval * 1.5 + 1e-6);
      const turns = (due - phaseSeconds(key, interval)) / interval;
      expect(Math.abs(turns - Math.round(turns))).toBeLessThan(1e-6);
      // In step from then on, though a round begins a little late.
      expect(nextDueSecond(key, interval, due + interval * 0.2)).toBeCloseTo(due + interval, 5);
    }),
  );
});

test('a thousand of one interval fall into few moments, and no moment has more than its share', () => {
  const counts = new Map<number, number>();
  for (let i = 0; i < 1_000; i++) {
    const due = nextDueSecond(`shop-${i % 20}/tuner-${i}`, 60, 1_800_000_000);
    counts.set(due, (counts.get(due) ?? 0) + 1);
  }
  expect(counts.size).toBe(4);
  expect(Math.max(...counts.values())).toBeLessThan(300);
});

test.each([1, 4, 15, 60, 300])(
  'of an interval of %d s it comes up to 2 s before a tick of its closed loops',
  (interval) => {
    const tickSeconds = Math.min(interval, 15);
    for (let i = 0; i < 50; i++) {
      const due = nextDueSecond(`shop/tuner-${i}`, interval, 1_800_000_000 + i);
      const lead = tickSeconds - (due % tickSeconds);
      expect(lead).toBeCloseTo(Math.min(2, 0.3 * interval), 5);
    }
  },
);
