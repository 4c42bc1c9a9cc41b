/** Real time as the app model counts it: a lab plays a trace faster than life. */
import type { DeliberationTime } from '../policies/deliberation/contract.ts';

export interface ModelClock {
  /** Seconds of the model per real second. */
  readonly timeScale: number;
  /** Unix second that is second 0 of the model. */
  readonly epochSecond: number;
}

export function deliberationTime({ timeScale, epochSecond }: ModelClock, unixSecond: number): DeliberationTime {
  return { second: (unixSecond - epochSecond) * timeScale, unixSecond };
}

/** RFC 3339 with milliseconds, as proposals and claims carry it. */
export function toTimestamp(unixSecond: number): string {
  return new Date(Math.round(unixSecond * 1000)).toISOString();
}

/** Unix seconds; NaN of what is no time. */
export function fromTimestamp(timestamp: string): number {
  return Date.parse(timestamp) / 1000;
}
