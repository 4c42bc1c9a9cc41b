import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractTrace } from './extract-trace.ts';
import { emptyServiceHistory, type History } from './history.ts';

const stepSeconds = 60;
const rateWindowSeconds = 60;
const longestGapSeconds = 300;
const day = 86_400;

/** A history whose load tells the time: at each step it is the second of the day that the measurement is of. */
function clockHistory(startSecond: number, steps: number): History {
  const service = emptyServiceHistory('front', steps);
  for (let step = 0; step < steps; step++) service.requestsPerSecond[step] = 1 + secondOfDay(startSecond, step);
  const unknown = Number.NaN;
  return {
    startSecond,
    stepSeconds,
    steps,
    services: [service],
    rateWindowSeconds,
    sampleIntervalSeconds: unknown,
    sampleAgeSeconds: unknown,
  };
}

function secondOfDay(startSecond: number, step: number): number {
  const middleOfWindow = startSecond + step * stepSeconds - (rateWindowSeconds + stepSeconds) / 2;
  return ((middleOfWindow % day) + day) % day;
}

const damage = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 12 }),
    value: fc.constantFrom(Number.NaN, -5, Number.POSITIVE_INFINITY),
  }),
  { maxLength: 6 },
);

describe('extractTrace', () => {
  it('keeps the time of day, fills short gaps and no long ones, and never shows a reset', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 0, max: 3 * day }), fc.integer({ min: day - 200, max: day + 200 })),
        // Whole days, give or take a few steps, are where its ends meet.
        fc.oneof(fc.integer({ min: 30, max: 4000 }), fc.integer({ min: 1436, max: 1444 })),
        damage,
        (startSecond, steps, gaps) => {
          const history = clockHistory(startSecond, steps);
          const load = history.services[0].requestsPerSecond;
          for (const { at, length, value } of gaps)
            load.fill(value, Math.floor(at * steps), Math.floor(at * steps) + length);
          let extracted: ReturnType<typeof extractTrace>;
          try {
            extracted = extractTrace(history, { name: 'x', longestGapSeconds });
          } catch (error) {
            expect(error).toMatchObject({ code: 'CALIBRATION_REFUSED' });
            return;
          }
          const { trace, filled, startSecondOfDay, seamSecond } = extracted;
          expect(trace.seconds[0]).toBe(0);
          expect(trace.seconds.length).toBe(trace.rps.length);
          const isFilled = (second: number) => filled.some((one) => second >= one.fromSecond && second < one.toSecond);
          const wrong = trace.seconds.slice(0, -1).filter((second, i) => {
            const load = trace.rps[i];
            if (trace.seconds[i + 1] - second !== stepSeconds || !(load > 0 && load <= 1 + day)) return true;
            // The clock that the load tells against the one that the trace's second tells.
            const off = Math.abs(load - 1 - ((startSecondOfDay + second) % day));
            return !isFilled(second) && Math.min(off, day - off) > stepSeconds / 2;
          });
          expect(wrong).toEqual([]);
          for (const { fromSecond, toSecond } of filled) {
            expect(toSecond - fromSecond).toBeLessThanOrEqual(2 * longestGapSeconds);
          }
          if (seamSecond !== undefined) expect(startSecondOfDay).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('makes whole days of a history that begins in the afternoon: all of it, from midnight', () => {
    // The first step and the last have no rate yet.
    const steps = (2 * day) / stepSeconds - 2;
    const { trace, filled, seamSecond, startSecondOfDay, leftOutSeconds } = extractTrace(clockHistory(52_230, steps), {
      name: 'x',
      longestGapSeconds,
    });
    expect(trace.seconds.at(-1)).toBe(2 * day);
    expect(filled).toEqual([{ fromSecond: seamSecond ?? 0, toSecond: (seamSecond ?? 0) + 2 * stepSeconds }]);
    expect({ startSecondOfDay, leftOutSeconds }).toEqual({ startSecondOfDay: 0, leftOutSeconds: 0 });
    expect(Math.abs((seamSecond ?? 0) - (day + 52_230))).toBeLessThan(3 * stepSeconds);
  });

  it.each([
    ['three morning hours', 36_000, 180, 'begins at 09:59 UTC'],
    ['an evening and half an hour after midnight', 61_200, 450, 'begins at 16:59 UTC'],
  ])('says that %s do not begin at midnight', (_name, startSecond, steps, words) => {
    const { trace, warnings } = extractTrace(clockHistory(startSecond, steps), { name: 'x', longestGapSeconds });
    expect(trace.seconds.at(-1)).toBe(steps * stepSeconds);
    expect(warnings.join()).toContain(words);
  });

  it('keeps the longest part beside a long gap', () => {
    const history = clockHistory(30, 1000);
    history.services[0].requestsPerSecond.fill(Number.NaN, 600, 660);
    const { trace, leftOutSeconds, warnings } = extractTrace(history, { name: 'x', longestGapSeconds });
    expect(trace.seconds.at(-1)).toBe(600 * stepSeconds);
    expect(leftOutSeconds).toBe(340 * stepSeconds);
    expect(warnings.join()).toContain('20400 s of load are not part of the trace');
  });
});
