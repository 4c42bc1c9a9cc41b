/** Real time as the app model counts it: a lab plays a trace faster than life. */
import type { DeliberationTime } from './contract.ts';

export interface ModelClock {
  /** Seconds of the model per real second. */
  readonly timeScale: number;
  /** Unix second that is second 0 of the model. */
  readonly epochSecond: number;
}

export function deliberationTime({ timeScale, epochSecond }: ModelClock, unixSecond: number): DeliberationTime {
  return { second: (unixSecond - epochSecond) * timeScale, unixSecond };
}

/** Measurements that are older are not decided on; in a lab, where all goes faster, they age as much faster. */
const staleAfterModelSeconds = 120;
const leastStaleAfterSeconds = 5;

/** Age in real seconds from which on a measurement is not decided on. */
export function staleAfterRealSeconds({ timeScale }: Pick<ModelClock, 'timeScale'>): number {
  return Math.max(leastStaleAfterSeconds, staleAfterModelSeconds / timeScale);
}
