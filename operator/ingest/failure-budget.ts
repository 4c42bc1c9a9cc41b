/** How many failures a source may cause before it has to wait: a token bucket per key, in bounded memory. */
import { LRUCache } from 'lru-cache';

export interface FailureBudgetOptions {
  /** Failures at once. */
  readonly capacity: number;
  readonly refillPerSecond: number;
  /** Keys that are remembered; the one not seen for longest is forgotten first. */
  readonly maxKeys: number;
  /** Monotonic seconds. */
  readonly nowSeconds: () => number;
}

export interface FailureBudget {
  /** Seconds until the key may cause another failure; 0 when it may now. */
  waitSeconds(key: string): number;
  charge(key: string): void;
}

export function createFailureBudget({
  capacity,
  refillPerSecond,
  maxKeys,
  nowSeconds,
}: FailureBudgetOptions): FailureBudget {
  const buckets = new LRUCache<string, { level: number; second: number }>({ max: maxKeys });

  function levelOf(key: string): number {
    const bucket = buckets.get(key);
    if (bucket === undefined) return capacity;
    return Math.min(capacity, bucket.level + (nowSeconds() - bucket.second) * refillPerSecond);
  }

  return {
    waitSeconds(key) {
      const level = levelOf(key);
      return level >= 1 ? 0 : (1 - level) / refillPerSecond;
    },
    charge(key) {
      buckets.set(key, { level: levelOf(key) - 1, second: nowSeconds() });
    },
  };
}
