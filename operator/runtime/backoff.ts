/** Waiting before another attempt, and waiting to be told to stop. */
import { setMaxListeners } from 'node:events';

export interface Backoff {
  readonly initialMilliseconds: number;
  readonly maxMilliseconds: number;
}

/**
 * Doubles with every attempt up to the maximum; the actual wait is a random part between half and the whole of that, so
 * that what failed together does not come back together.
 * @param attempt 0 for the wait after the first failure
 * @param random in [0, 1)
 */
export function backoffMilliseconds(attempt: number, backoff: Backoff, random: () => number): number {
  // 2 ** 1024 is Infinity, which the minimum takes away again.
  const whole = Math.min(backoff.maxMilliseconds, backoff.initialMilliseconds * 2 ** attempt);
  return whole * (0.5 + random() / 2);
}

/** Resolves after the time or as soon as `signal` is aborted, whichever is first; never rejects. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Resolves when `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** For a signal that many parts of a process listen to at a time; Node takes more than ten for a leak. */
export function createSharedAborter(): AbortController {
  const aborter = new AbortController();
  setMaxListeners(0, aborter.signal);
  return aborter;
}
