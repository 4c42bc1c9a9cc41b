import { expect, test } from 'vitest';
import { setCondition } from './conditions.ts';
import type { Condition } from './resource.ts';

const ready = { type: 'Ready', status: 'True', reason: 'Fine', message: 'all is well' } as const;

test('the time of the last transition moves with the status only', () => {
  const first = setCondition(undefined, ready, 1_700_000_000.9);
  expect(first).toEqual([{ ...ready, lastTransitionTime: '2023-11-14T22:13:20Z' }]);
  const reworded = setCondition(first, { ...ready, message: 'still' }, 1_700_000_100);
  expect(reworded[0]).toMatchObject({ message: 'still', lastTransitionTime: '2023-11-14T22:13:20Z' });
  const failed = setCondition(reworded, { ...ready, status: 'False' }, 1_700_000_200);
  expect(failed[0].lastTransitionTime).toBe('2023-11-14T22:16:40Z');
});

test('other conditions and the order stay, what was given is not changed, and the same again is equal', () => {
  const before: Condition[] = ['A', 'Ready', 'Z'].map((type) => ({ ...ready, type, lastTransitionTime: 't' }));
  const copy = structuredClone(before);
  const after = setCondition(before, { ...ready, status: 'False' }, 1_700_000_000);
  expect(after.map(({ type, status }) => `${type} ${status}`)).toEqual(['A True', 'Ready False', 'Z True']);
  expect(before).toEqual(copy);
  expect(setCondition(before, ready, 1_700_000_000)).toEqual(before);
});

test('a message longer than the schema allows is cut', () => {
  const [condition] = setCondition([], { ...ready, message: 'x'.repeat(40_000) }, 0);
  expect(condition.message).toHaveLength(32_768);
});
