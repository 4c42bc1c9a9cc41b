import { expect, test } from 'vitest';
import { checkJsonBounds, firstFaults, parseBoundedJson } from './bounded-json.ts';

const bounds = { characters: 100, values: 5, depth: 2 };

test('what is within the bounds is the document', () => {
  expect(parseBoundedJson('{"a":[1,2],"b":null}', bounds)).toEqual({ a: [1, 2], b: null });
});

test.each([
  ['characters', `"${'x'.repeat(100)}"`],
  ['values', '[1,2,3,4,5]'],
  ['values', '[[1,2],[3,4]]'],
  ['levels', '[[[1]]]'],
])('too many %s are refused: %s', (what, text) => {
  expect(() => parseBoundedJson(text, bounds)).toThrow(
    expect.objectContaining({ name: 'RangeError', message: expect.stringContaining(what) }),
  );
});

test('no depth overflows the stack, and no length is looked through to its end', () => {
  const deep: unknown = JSON.parse('['.repeat(1e6) + ']'.repeat(1e6));
  const long = Array.from({ length: 5e6 }, () => 0);
  expect(() => checkJsonBounds(deep, bounds)).toThrow(/levels/);
  expect(() => checkJsonBounds([long], bounds)).toThrow(/values/);
});

test('the first faults stand for all', () => {
  expect(firstFaults({ issues: Array.from({ length: 1000 }, (_, i) => i) }).issues).toHaveLength(8);
});
