import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import { createLogger } from '../../env/service/logger.ts';
import { type ReconcileResult, TerminalError } from './contract.ts';
import { createWorkQueue, type WorkQueueOptions } from './work-queue.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const backoff = { initialMilliseconds: 100, maxMilliseconds: 1_000 };

function start(reconcile: WorkQueueOptions['reconcile'], options: Partial<WorkQueueOptions> = {}) {
  const metrics = new Registry();
  const context = { logger: createLogger({ level: 'silent' }), metrics };
  const queue = createWorkQueue({ name: 'test', reconcile, context, backoff, random: () => 1, ...options });
  const ending = new AbortController();
  const running = queue.run(ending.signal);
  return { queue, metrics, running, stop: () => ending.abort() };
}

/** A reconcile that takes a while; notes when it began, by fake time. */
function slowly(milliseconds: number, runs: { key: string; at: number }[]) {
  return async (key: string) => {
    runs.push({ key, at: Date.now() });
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return undefined;
  };
}

describe('whatever is added when', () => {
  const additions = fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      at: fc.nat({ max: 500 }),
      after: fc.oneof(fc.constant(0), fc.nat({ max: 300 })),
    }),
    { minLength: 1, maxLength: 40 },
  );
  const outcomes = fc.array(fc.constantFrom('ok', 'fail', 'terminal', 'requeue'), { maxLength: 30 });

  test('a key never runs twice at a time, the limit holds, and after the last addition it runs once more', async () => {
    await fc.assert(
      fc.asyncProperty(additions, outcomes, fc.integer({ min: 1, max: 3 }), async (added, script, concurrency) => {
        const underWay = new Set<string>();
        const lastStart = new Map<string, number>();
        const pending = [...script];
        let most = 0;
        let isDoubled = false;
        const reconcile = async (key: string): Promise<ReconcileResult | undefined> => {
          isDoubled ||= underWay.has(key);
          underWay.add(key);
          most = Math.max(most, underWay.size);
          lastStart.set(key, Date.now());
          const outcome = pending.shift() ?? 'ok';
          await new Promise((resolve) => setTimeout(resolve, 20));
          underWay.delete(key);
          if (outcome === 'fail') throw new Error('failed');
          if (outcome === 'terminal') throw new TerminalError('BAD', 'bad');
          return outcome === 'requeue' ? { requeueAfterMilliseconds: 50 } : undefined;
        };
        const { queue, running, stop } = start(reconcile, { concurrency });
        const begin = Date.now();
        for (const { key, at, after } of added) setTimeout(() => queue.add(key, after), at);
        await vi.advanceTimersByTimeAsync(60_000);
        for (const { key, at, after } of added) {
          // A delayed one may come earlier with an addition that was due before it, never be forgotten.
          const due = after > 0 ? Math.min(...added.filter((other) => other.key === key).map((o) => o.at)) : at;
          expect(lastStart.get(key)).toBeGreaterThanOrEqual(begin + due);
        }
        expect(isDoubled).toBe(false);
        expect(most).toBeLessThanOrEqual(concurrency);
        expect(queue.size).toBe(0);
        stop();
        await running;
      }),
      { numRuns: 60 },
    );
  });
});

test('a key waits once however often it is added, and in the order of its first addition', async () => {
  const runs: { key: string; at: number }[] = [];
  const { queue, running, stop } = start(slowly(10, runs), { concurrency: 1 });
  for (const key of ['a', 'b', 'c', 'b', 'c']) queue.add(key);
  await vi.advanceTimersByTimeAsync(100);
  expect(runs.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  stop();
  await running;
});

test('added while it runs, it runs once more', async () => {
  const runs: { key: string; at: number }[] = [];
  const { queue, running, stop } = start(slowly(10, runs));
  queue.add('a');
  await vi.advanceTimersByTimeAsync(5);
  for (let i = 0; i < 3; i += 1) queue.add('a');
  expect(queue.size).toBe(1);
  await vi.advanceTimersByTimeAsync(100);
  expect(runs).toHaveLength(2);
  stop();
  await running;
});

test('the earlier of two delays counts', async () => {
  const runs: { key: string; at: number }[] = [];
  const { queue, running, stop } = start(slowly(0, runs));
  const begin = Date.now();
  queue.add('a', 1_000);
  queue.add('a', 200);
  queue.add('a', 500);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(runs.map(({ at }) => at - begin)).toEqual([200]);
  stop();
  await running;
});

test('failures come back later each time up to the maximum; a success forgets them; a terminal one does not come back', async () => {
  const begin = Date.now();
  const times: number[] = [];
  const { queue, running, stop } = start(async () => {
    times.push(Date.now() - begin);
    if (times.length === 7) return undefined;
    if (times.length === 9) throw new TerminalError('BAD', 'bad');
    throw new Error('failed');
  });
  queue.add('a');
  await vi.advanceTimersByTimeAsync(6_000);
  expect(times).toEqual([0, 100, 300, 700, 1_500, 2_500, 3_500]);
  queue.add('a');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(times.slice(7)).toEqual([6_000, 6_100]);
  stop();
  await running;
});

test('the API server may ask for a longer pause', async () => {
  const begin = Date.now();
  const times: number[] = [];
  const { queue, running, stop } = start(async () => {
    times.push(Date.now() - begin);
    if (times.length === 1) throw new KubernetesError(429, 'TooManyRequests', 'slow down', { retryAfterSeconds: 7 });
    return undefined;
  });
  queue.add('a');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(times).toEqual([0, 7_000]);
  stop();
  await running;
});

test('told to stop: begins nothing new, lets what runs end, and aborts it when that takes too long', async () => {
  const runs: string[] = [];
  const ends: string[] = [];
  const reconcile = async (key: string, signal: AbortSignal) => {
    runs.push(key);
    await new Promise<void>((resolve) => {
      if (key === 'quick') setTimeout(resolve, 1_000);
      else signal.addEventListener('abort', () => resolve());
    });
    ends.push(`${key} ${signal.aborted}`);
    return undefined;
  };
  const { queue, running, stop } = start(reconcile, { concurrency: 2, graceMilliseconds: 3_000 });
  for (const key of ['quick', 'hanging', 'never']) queue.add(key);
  queue.add('later', 500);
  await vi.advanceTimersByTimeAsync(10);
  stop();
  await vi.advanceTimersByTimeAsync(10_000);
  await running;
  expect(runs).toEqual(['quick', 'hanging']);
  expect(ends).toEqual(['quick false', 'hanging true']);
  expect(vi.getTimerCount()).toBe(0);
});

test('reconciles are counted by result', async () => {
  const { queue, metrics, running, stop } = start(async (key) => {
    if (key === 'bad') throw new TerminalError('BAD', 'bad');
    return undefined;
  });
  queue.add('good');
  queue.add('bad');
  await vi.advanceTimersByTimeAsync(10);
  const text = await metrics.metrics();
  expect(text).toContain('duoloop_reconciles_total{queue="test",result="success"} 1');
  expect(text).toContain('duoloop_reconciles_total{queue="test",result="terminal"} 1');
  expect(text).toContain('duoloop_queue_depth{queue="test"} 0');
  stop();
  await running;
});
