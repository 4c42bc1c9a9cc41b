/**
 * Keeps a source that is gone from holding up every tick to its end. After some failures in a row a cheap probe tells whether
 * it is the source or the questions; while the probe fails nothing else is asked.
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
  /** A probe without an answer has failed after this time. */
  readonly probeSeconds?: number;
  /** Between two probes: shorter than any tick, so that the first tick after the source came back finds it. */
  readonly pauseSeconds?: number;
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
  const { now, probe, outage, failuresToProbe = 3, probeSeconds = 2, pauseSeconds = 0.5 } = options;
  let failures = 0;
  let isOpen = false;
  let lastReason = '';
  /** Unix seconds. */
  let pausedUntil = 0;
  let probing: Promise<void> | undefined;

  function closeAgain() {
    failures = 0;
    isOpen = false;
  }

  async function runProbe(tick: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([tick, AbortSignal.timeout(probeSeconds * 1000)]);
    try {
      await untilAborted(probe(signal), signal);
      closeAgain();
    } catch (error) {
      const reason = outage(error);
      if (reason === undefined) {
        closeAgain();
        return;
      }
      lastReason = reason;
      pausedUntil = now() + pauseSeconds;
      isOpen = true;
    }
  }

  return {
    get isOpen() {
      return isOpen;
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
