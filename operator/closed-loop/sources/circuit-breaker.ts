/**
 * Keeps a source that is gone from holding up every tick: after some failures in a row nothing is asked for a while, then
 * one question tries it, and the others wait for what becomes of that one.
 */

export interface CircuitBreakerOptions {
  /** Unix seconds. */
  readonly now: () => number;
  /** Why an error means that the source itself is gone, in words; undefined when it is about the question only. */
  readonly outage: (error: unknown) => string | undefined;
  /** Outages in a row, without an answer between, that open it. */
  readonly failuresToOpen?: number;
  /** Of the first pause; each further one is twice as long. */
  readonly firstPauseSeconds?: number;
  readonly longestPauseSeconds?: number;
}

/** Nothing was asked; the message is that of the last outage. */
export class CircuitOpenError extends Error {
  readonly code = 'circuit-open';
}

export interface CircuitBreaker {
  /**
   * Asks, unless the source is known to be gone. While another question tries it, waits for what becomes of that.
   * @throws CircuitOpenError; whatever `ask` throws; the reason of the signal
   */
  run<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T>;
  readonly isOpen: boolean;
}

export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { now, outage, failuresToOpen = 3, firstPauseSeconds = 1, longestPauseSeconds = 15 } = options;
  let failures = 0;
  let lastReason = '';
  /** Unix seconds; undefined while closed. */
  let pausedUntil: number | undefined;
  let trial: Promise<void> | undefined;

  function opened(isTrial: boolean, reason: string) {
    lastReason = reason;
    // Questions that were under way when it opened say nothing new.
    if (pausedUntil !== undefined && !isTrial) return;
    failures++;
    if (failures < failuresToOpen) return;
    const pauseSeconds = firstPauseSeconds * 2 ** Math.min(failures - failuresToOpen, 16);
    pausedUntil = now() + Math.min(longestPauseSeconds, pauseSeconds);
  }

  async function attempt<T>(isTrial: boolean, ask: () => Promise<T>): Promise<T> {
    try {
      const answer = await ask();
      failures = 0;
      pausedUntil = undefined;
      return answer;
    } catch (error) {
      const reason = outage(error);
      if (reason !== undefined) opened(isTrial, reason);
      else if (isTrial) {
        // It refused this one question: it is there.
        failures = 0;
        pausedUntil = undefined;
      }
      throw error;
    }
  }

  return {
    get isOpen() {
      return pausedUntil !== undefined;
    },
    async run(signal, ask) {
      while (pausedUntil !== undefined) {
        signal.throwIfAborted();
        if (trial === undefined) {
          if (now() < pausedUntil) throw new CircuitOpenError(lastReason);
          const tried = attempt(true, ask);
          trial = tried.then(
            () => {},
            () => {},
          );
          try {
            return await tried;
          } finally {
            trial = undefined;
          }
        }
        await untilAborted(trial, signal);
      }
      return attempt(false, ask);
    },
  };
}

/** @throws the reason of the signal */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
