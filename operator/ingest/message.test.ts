import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMessage } from './message.ts';

const now = 1_800_000_000;

test('the classical message, with numbers as text', () => {
  expect(parseMessage({ cpu: 2, memory: '40', disk: 1, time: now - 3 }, now)).toEqual({
    message: { values: { cpu: 2, memory: 40, disk: 1 }, time: now - 3 },
  });
});

test.each([
  [String(now - 5), now - 5],
  ['2027-01-15T08:00:00.250Z', 1_800_000_000.25],
  ['2027-01-15T09:00:00+01:00', 1_800_000_000],
])('time %s', (time, expected) => {
  expect(parseMessage({ cpu: 1, time }, now)).toEqual({ message: { values: { cpu: 1 }, time: expected } });
});

describe('refused', () => {
  test.each([
    [null, /no JSON object/],
    [[{ cpu: 1 }], /no JSON object/],
    [{}, /no metric/],
    [{ time: now }, /no metric/],
    [{ cpu: '' }, /"cpu" is no number/],
    [{ cpu: 1, memory: null }, /"memory" is no number/],
    [{ cpu: { used: 1 } }, /"cpu" is no number/],
    [{ cpu: '0x10' }, /"cpu" is no number/],
    [{ cpu: 1, time: now * 1000 }, /ahead of this server/],
    [{ cpu: 1, time: 'soon' }, /neither/],
    [{ cpu: 1, time: -1 }, /neither/],
    [Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`m${i}`, i])), /more than 64/],
  ])('%j', (body, problem) => {
    expect(parseMessage(body, now)).toEqual({ problem: expect.stringMatching(problem) });
  });
});

test('a repeated or older time changes nothing', () => {
  expect(parseMessage({ cpu: 1, time: now }, now, now)).toEqual({ repeated: true, time: now });
  expect(parseMessage({ cpu: 1, time: now - 1 }, now, now)).toEqual({ repeated: true, time: now });
});

test('times go up strictly, whatever clocks say', () => {
  const given = fc.option(fc.double({ min: now - 100, max: now + 100, noNaN: true }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(fc.tuple(given, fc.double({ min: now - 50, max: now + 50, noNaN: true }))), (pushes) => {
      let last: number | undefined;
      for (const [time, clock] of pushes) {
        const parsed = parseMessage({ cpu: 1, ...(time === undefined ? {} : { time }) }, clock, last);
        // Without a time of its own a message is always new.
        if (time === undefined) expect(parsed).toHaveProperty('message');
        if (!('message' in parsed)) continue;
        expect(parsed.message.time).toBeGreaterThan(last ?? Number.NEGATIVE_INFINITY);
        last = parsed.message.time;
      }
    }),
  );
});
