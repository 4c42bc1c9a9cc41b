/**
 * Keeps a source that is gone from holding up every tick to its end. After a failure a cheap probe tells, beside the ticks,
 * whether it is the source or the question; once a probe has failed nothing is asked until one succeeds.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface CircuitBreakerOptions {
  /** A question that a source that is there answers at once. */
  readonly probe: (signal: AbortSignal) => Promise<unknown>;
  /** Why an error may mean that the source is gone, in words; undefined when it is about the question only. */
  readonly outage: (error: unknown) => string | undefined;
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
   * Asks, unless the source is known to be gone; never waits for a probe.
   * @throws CircuitOpenError; whatever `ask` throws
   */
  run<T>(ask: () => Promise<T>): Promise<T>;
  /** Whether the last probe failed. */
  readonly isOpen: boolean;
}

export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { probe, outage, probeSeconds = 1, pauseSeconds = 0.5 } = options;
  /** Of the last probe, when it failed. */
  let reason: string | undefined;
  let isProbing = false;

  async function failureOfProbe(): Promise<string | undefined> {
    const signal = AbortSignal.timeout(probeSeconds * 1000);
    try {
      await untilAborted(probe(signal), signal);
      return undefined;
    } catch (error) {
      return outage(error);
    }
  }

  /** Until one succeeds, also while nobody asks: a loop that ticks once an hour must not find it gone for another hour. */
  async function probeUntilBack(): Promise<void> {
    if (isProbing) return;
    isProbing = true;
    for (;;) {
      reason = await failureOfProbe();
      if (reason === undefined) break;
      // No process goes on for its sake.
      await delay(pauseSeconds * 1000, undefined, { ref: false });
    }
    isProbing = false;
  }

  return {
    get isOpen() {
      return reason !== undefined;
    },
    async run(ask) {
      if (reason !== undefined) throw new CircuitOpenError(reason);
      try {
        return await ask();
      } catch (error) {
        if (outage(error) !== undefined) void probeUntilBack();
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
