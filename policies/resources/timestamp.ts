/** Times in statuses and messages: RFC 3339 in UTC with milliseconds, against Unix seconds. */

export function toTimestamp(unixSecond: number): string {
  return new Date(Math.round(unixSecond * 1000)).toISOString();
}

/** Unix seconds; NaN of what is no time. */
export function fromTimestamp(timestamp: string): number {
  return Date.parse(timestamp) / 1000;
}
