/** How long to wait before another attempt. */

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
