import { expect, test } from 'vitest';
import { toTimestamp } from '../resources/timestamp.ts';
import { seeClaim, standingOf } from './claim.ts';

const claimOf = (identity: string, second: number) => ({ identity, renewTime: toTimestamp(second) });

test('another agent’s claim holds for three intervals after it was renewed last', () => {
  const seen = seeClaim(undefined, claimOf('one', 1_000), 1_000);
  expect(standingOf(seen, 'two', 60, 1_179)).toBe('foreign');
  expect(standingOf(seen, 'two', 60, 1_180)).toBe('free');
  expect(standingOf(seen, 'one', 60, 1_001)).toBe('own');
  expect(standingOf(undefined, 'two', 60, 1_001)).toBe('free');
});

test('an agent that starts takes over at once what nobody has renewed for long', () => {
  expect(standingOf(seeClaim(undefined, claimOf('one', 1_000), 5_000), 'two', 60, 5_000)).toBe('free');
});

test('a claim from the future, or with no time at all, holds no longer than it is seen unchanged', () => {
  let seen = seeClaim(undefined, claimOf('one', 9_000_000), 1_000);
  seen = seeClaim(seen, claimOf('one', 9_000_000), 1_100);
  expect(standingOf(seen, 'two', 60, 1_179)).toBe('foreign');
  expect(standingOf(seen, 'two', 60, 1_180)).toBe('free');
  const renewed = seeClaim(seen, claimOf('one', 9_000_001), 1_100);
  expect(standingOf(renewed, 'two', 60, 1_180)).toBe('foreign');
  const timeless = seeClaim(undefined, { identity: 'one', renewTime: 'soon' }, 1_000);
  expect(standingOf(timeless, 'two', 60, 1_000)).toBe('free');
});
