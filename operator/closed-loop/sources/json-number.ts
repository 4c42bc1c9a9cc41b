/** Numbers in the JSON of managed systems, which often come as strings: `{"cpu": 2, "memory": "40"}`. */
import { valueAt } from '../json-path.ts';

/** No double needs more; what is longer is not looked at. */
const longestNumber = 64;
// Digits that the point alone parts: with `\d+\.?\d*`, 60,000 digits and a letter took 13 s.
const numeric = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$/;

/** A finite number, or a decimal one as text; undefined for everything else, such as "", null, true or "0x10". */
export function toNumber(value: unknown): number | undefined {
  const isNumeric = typeof value === 'string' && value.length <= longestNumber && numeric.test(value);
  const number = isNumeric ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/**
 * The number at a dotted path of an object, or of the last element of a list, as exporters give them that append a line at
 * a time. A field whose very name has the dots comes first.
 * @returns the number, or in words why there is none
 */
export function numberAt(json: unknown, field: string): number | string {
  const subject: unknown = Array.isArray(json) ? json.at(-1) : json;
  if (Array.isArray(json) && json.length === 0) return 'the list is empty';
  if (typeof subject !== 'object' || subject === null) return 'the answer is no JSON object';
  const value = Object.hasOwn(subject, field) ? (subject as Record<string, unknown>)[field] : valueAt(subject, field);
  if (value === undefined) return `the answer has no field ${field}`;
  return toNumber(value) ?? `the field ${field} is no number`;
}
