/** Keys to reconcile: at once or later, one at a time per key, with back-off after failures. */
import { Counter, Gauge, Histogram } from 'prom-client';
import { KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import { aborted, createSharedAborter } from '../../env/service/waiting.ts';
import { type Backoff, backoffMilliseconds } from './backoff.ts';
import { type OperatorContext, type Reconcile, TerminalError, type WorkQueue } from './contract.ts';
import { perRegistry } from './metrics.ts';

export interface WorkQueueOptions {
  /** The controller's name, in logs and metrics. */
  readonly name: string;
  readonly reconcile: Reconcile;
  /** Keys under way at once. */
  readonly concurrency?: number;
  /** Per key, after failures in a row. */
  readonly backoff?: Backoff;
  /** How long reconciles under way may go on after `run` was aborted before their own signal is aborted. */
  readonly graceMilliseconds?: number;
  readonly context: Pick<OperatorContext, 'logger' | 'metrics'>;
  /** In [0, 1); of the back-off. */
  readonly random?: () => number;
}

const queueMetrics = perRegistry((registry) => ({
  depth: new Gauge({
    name: 'duoloop_queue_depth',
    help: 'Keys waiting or under way',
    labelNames: ['queue'],
    registers: [registry],
  }),
  waiting: new Histogram({
    name: 'duoloop_queue_wait_seconds',
    help: 'From a key being due to its reconcile',
    labelNames: ['queue'],
    buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60],
    registers: [registry],
  }),
  working: new Histogram({
    name: 'duoloop_reconcile_seconds',
    help: 'Duration of reconciles',
    labelNames: ['queue'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 15, 60],
    registers: [registry],
  }),
  reconciles: new Counter({
    name: 'duoloop_reconciles_total',
    help: 'Reconciles by result: success, error (tried again) or terminal (waits for a change)',
    labelNames: ['queue', 'result'],
    registers: [registry],
  }),
}));

interface Delayed {
  readonly atMilliseconds: number;
  readonly timer: NodeJS.Timeout;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { name, reconcile, concurrency = 4, graceMilliseconds = 3_000, random = Math.random } = options;
  const { logger } = options.context;
  const backoff = options.backoff ?? { initialMilliseconds: 500, maxMilliseconds: 60_000 };
  const metrics = queueMetrics(options.context.metrics);
  /** Key → when it became due; a Map keeps the order. */
  const waiting = new Map<string, number>();
  const underWay = new Map<string, Promise<void>>();
  /** Added while under way. */
  const again = new Set<string>();
  const delayed = new Map<string, Delayed>();
  const failures = new Map<string, number>();
  let workSignal: AbortSignal | undefined;

  const showDepth = () => metrics.depth.set({ queue: name }, waiting.size + underWay.size);

  const addNow = (key: string) => {
    if (underWay.has(key)) again.add(key);
    else if (!waiting.has(key)) waiting.set(key, performance.now());
    showDepth();
    startNext();
  };

  const addLater = (key: string, milliseconds: number) => {
    const atMilliseconds = performance.now() + milliseconds;
    const earlier = delayed.get(key);
    if (earlier !== undefined) {
      if (earlier.atMilliseconds <= atMilliseconds) return;
      clearTimeout(earlier.timer);
    }
    const timer = setTimeout(() => {
      delayed.delete(key);
      addNow(key);
    }, milliseconds);
    delayed.set(key, { atMilliseconds, timer });
  };

  const add = (key: string, afterMilliseconds = 0) => {
    if (afterMilliseconds > 0) addLater(key, afterMilliseconds);
    else addNow(key);
  };

  const startNext = () => {
    while (workSignal !== undefined && underWay.size < concurrency) {
      const [next] = waiting;
      if (next === undefined) return;
      const [key, dueMilliseconds] = next;
      waiting.delete(key);
      metrics.waiting.observe({ queue: name }, (performance.now() - dueMilliseconds) / 1000);
      underWay.set(key, work(key, workSignal));
    }
  };

  const work = async (key: string, signal: AbortSignal) => {
    // Lets `underWay` know of this key first, also where the reconcile does not wait for anything.
    await undefined;
    const started = performance.now();
    try {
      const result = await reconcile(key, signal);
      failures.delete(key);
      metrics.reconciles.inc({ queue: name, result: 'success' });
      if (result?.requeueAfterMilliseconds !== undefined) add(key, result.requeueAfterMilliseconds);
    } catch (error) {
      onFailure(key, error);
    } finally {
      metrics.working.observe({ queue: name }, (performance.now() - started) / 1000);
      underWay.delete(key);
      if (again.delete(key)) waiting.set(key, performance.now());
      showDepth();
      startNext();
    }
  };

  const onFailure = (key: string, error: unknown) => {
    if (error instanceof TerminalError) {
      failures.delete(key);
      metrics.reconciles.inc({ queue: name, result: 'terminal' });
      logger.warn({ queue: name, key, code: error.code, error: error.message }, 'not tried again before it is changed');
      return;
    }
    const attempt = failures.get(key) ?? 0;
    failures.set(key, attempt + 1);
    metrics.reconciles.inc({ queue: name, result: 'error' });
    const asked = error instanceof KubernetesError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const waitMilliseconds = Math.max(asked, backoffMilliseconds(attempt, backoff, random));
    const fields = { queue: name, key, attempt: attempt + 1, retryInSeconds: Math.round(waitMilliseconds) / 1000 };
    // A refusal by the API server explains itself; of anything else the place matters.
    if (error instanceof KubernetesError) logger.warn({ ...fields, error: error.message }, 'reconcile failed');
    else logger.error({ ...fields, err: error }, 'reconcile failed');
    addLater(key, waitMilliseconds);
  };

  return {
    add,
    get size() {
      return waiting.size + underWay.size;
    },
    async run(signal) {
      const stopWork = createSharedAborter();
      workSignal = stopWork.signal;
      startNext();
      await aborted(signal);
      workSignal = undefined;
      for (const { timer } of delayed.values()) clearTimeout(timer);
      delayed.clear();
      const grace = setTimeout(() => stopWork.abort(signal.reason), graceMilliseconds);
      await Promise.allSettled(underWay.values());
      clearTimeout(grace);
      // A later `run` begins with what the caches then say.
      for (const { timer } of delayed.values()) clearTimeout(timer);
      delayed.clear();
      waiting.clear();
      again.clear();
      failures.clear();
      showDepth();
    },
  };
}
