import { expect, test } from 'vitest';
import { addToCanary, newCanary } from './canary.ts';

const sha256 = 'a'.repeat(64);
const start = newCanary(sha256, '2026-01-01T00:00:00.000Z');

test('sums up what both would have done, and leaves out where one of them abstained', () => {
  const first = addToCanary(start, [
    { canarySize: 4, incumbentSize: 4 },
    { canarySize: 6, incumbentSize: 4 },
    { canarySize: undefined, incumbentSize: 9 },
  ]);
  expect(first).toMatchObject({ decisions: 1, abstentions: 1, agreementPercent: 50, meanSetPoint: 5 });
  const second = addToCanary(first, [{ canarySize: 7, incumbentSize: 8 }]);
  expect(second).toMatchObject({ decisions: 2, abstentions: 1, agreementPercent: 25, meanSetPoint: 6 });
  expect(second.incumbentMeanSetPoint).toBe(6);
});

test('an interval without any decision counts, and puts nothing into a status that is no number', () => {
  const silent = addToCanary(start, [{ canarySize: undefined, incumbentSize: undefined }]);
  expect(silent).toEqual({ ...start, decisions: 1, abstentions: 1 });
  expect(addToCanary(start, [])).toEqual(start);
});
