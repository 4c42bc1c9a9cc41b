/**
 * Keeps a source that is gone from holding up every tick. After some failures in a row a cheap probe tells whether it is
 * the source or the questions; while the probe fails nothing is asked, with longer and longer pauses between probes.
 */

export interface CircuitBreakerOptions {
  /** Unix seconds. */
  readonly now: () => number;
  /** A question that a source that is there answers at once. */
  readonly probe: (signal: AbortSignal) => Promise<unknown>;
  /** Why an error may mean that the source is gone, in words; undefined when it is about the question only. */
  readonly outage: (error: unknown) => string | undefined;
  /** Outages in a row, without an answer between, that call for a probe. */
  readonly failuresToProbe?: number;
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
   * Asks, unless the source is known to be gone; waits while a probe is under way.
   * @throws CircuitOpenError; whatever `ask` throws; the reason of the signal
   */
  run<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T>;
  /** Whether the last probe failed. */
  readonly isOpen: boolean;
}

export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { now, probe, outage, failuresToProbe = 3, firstPauseSeconds = 1, longestPauseSeconds = 15 } = options;
  let failures = 0;
  let failedProbes = 0;
  let lastReason = '';
  /** Unix seconds. */
  let pausedUntil = 0;
  let probing: Promise<void> | undefined;

  function closeAgain() {
    failures = 0;
    failedProbes = 0;
  }

  async function runProbe(signal: AbortSignal): Promise<void> {
    try {
      await probe(signal);
      closeAgain();
    } catch (error) {
      const reason = outage(error);
      if (reason === undefined) {
        closeAgain();
        return;
      }
      lastReason = reason;
      pausedUntil = now() + Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** Math.min(failedProbes, 16));
      failedProbes++;
    }
  }

  return {
    get isOpen() {
      return failedProbes > 0;
    },
    async run(signal, ask) {
      while (failures >= failuresToProbe) {
        signal.throwIfAborted();
        if (probing === undefined) {
          if (now() < pausedUntil) throw new CircuitOpenError(lastReason);
          probing = runProbe(signal).finally(() => {
            probing = undefined;
          });
        }
        await untilAborted(probing, signal);
      }
      try {
        const answer = await ask();
        failures = 0;
        return answer;
      } catch (error) {
        const reason = outage(error);
        if (reason === undefined) failures = 0;
        else {
          failures++;
          lastReason = reason;
        }
        throw error;
      }
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
