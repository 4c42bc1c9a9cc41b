/** What a managed system pushes: `{"cpu": 2, "memory": "40", "disk": 1, "time": 1800000000}`. Pure. */
import type { PushedMessage } from '../closed-loop/contract.ts';
import { toNumber } from '../closed-loop/sources/json-number.ts';

const maxFields = 64;
const maxNameLength = 253;
/** Clocks differ; further ahead, the time is in another unit or wrong. */
const maxAheadSeconds = 60;

export type ParsedMessage =
  | { readonly message: PushedMessage }
  /** A message of this time or a later one, which is `time`, is there already: nothing changes. */
  | { readonly repeated: true; readonly time: number }
  | { readonly problem: string };

/**
 * @param body parsed JSON
 * @param now Unix seconds; the message's time when it names none
 * @param previousTime of the loop's last message: a time is the identity of a message, and they only go up
 */
export function parseMessage(body: unknown, now: number, previousTime = Number.NEGATIVE_INFINITY): ParsedMessage {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { problem: 'the body is no JSON object; send one such as {"cpu": 2, "memory": "40"}' };
  }
  const { time: givenTime, ...fields } = body as Record<string, unknown>;
  const names = Object.keys(fields);
  if (names.length === 0) return { problem: 'the object has no metric; send one such as {"cpu": 2, "memory": "40"}' };
  if (names.length > maxFields) return { problem: `the object has more than ${maxFields} metrics` };
  const values: Record<string, number> = {};
  for (const name of names) {
    if (name.length > maxNameLength) return { problem: `a name is longer than ${maxNameLength} characters` };
    const value = toNumber(fields[name]);
    if (value === undefined) return { problem: `"${name}" is no number; send a number, or one as decimal text` };
    values[name] = value;
  }
  if (givenTime === undefined) return { message: { values, time: nextTime(now, previousTime) } };
  const time = toUnixSeconds(givenTime);
  if (time === undefined || time <= 0) return { problem: '"time" is neither Unix seconds nor an RFC 3339 date' };
  if (time > now + maxAheadSeconds) {
    return { problem: `"time" is more than ${maxAheadSeconds} s ahead of this server's clock; it counts in seconds` };
  }
  return time > previousTime ? { message: { values, time } } : { repeated: true, time: previousTime };
}

/** In whole milliseconds, which every later bearer of the identity can write. */
function nextTime(now: number, previousTime: number): number {
  return Math.max(Math.round(now * 1000), Math.floor(previousTime * 1000) + 1) / 1000;
}

function toUnixSeconds(time: unknown): number | undefined {
  const seconds = toNumber(time);
  if (seconds !== undefined) return seconds;
  if (typeof time !== 'string' || !/^\d{4}-\d{2}-\d{2}T/.test(time)) return undefined;
  const milliseconds = Date.parse(time);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}
