/** The whole controller on stand-ins for cluster, clock and metrics. */
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { StagePublisher } from './contract.ts';
import { createClosedLoopController } from './controller.ts';
import {
  createManualTimers,
  createMemoryCache,
  createMemoryContext,
  createMemoryReader,
  createMemoryWorkloads,
  createSerialQueue,
} from './doubles.fixture.ts';

export const start = 1_800_000_000;
/** Ticks are those of an interval of 15 s. */
export async function running(...objects: ClosedLoop[]) {
  return runningWith({}, ...objects);
}

export interface RunningOptions {
  readonly stages?: StagePublisher;
}

/** Ticks are those of an interval of 15 s. */
export async function runningWith({ stages }: RunningOptions, ...objects: ClosedLoop[]) {
  const cache = createMemoryCache<ClosedLoop>();
  const cluster = createMemoryWorkloads();
  const metrics = createMemoryReader();
  const time = createManualTimers(start);
  const memory = createMemoryContext(time.timers.now);
  const stop = new AbortController();
  let idle = async (): Promise<unknown> => undefined;
  cluster.put('web', { replicas: 30, ready: 30 });
  const controller = createClosedLoopController({
    context: memory.context,
    cache,
    workloads: cluster.workloads,
    reader: metrics.reader,
    timers: time.timers,
    ...(stages ? { stages } : {}),
    createQueue(reconcile) {
      const serial = createSerialQueue(reconcile);
      idle = serial.idle;
      return serial.queue;
    },
  });
  for (const object of objects) cache.put(object);
  void controller.run(stop.signal);
  const settle = async () => {
    await idle();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };
  await settle();
  let now = start;
  return {
    ...memory,
    cache,
    cluster,
    metrics,
    controller,
    settle,
    stop: () => stop.abort(),
    async tick() {
      now += 15;
      time.jumpTo(now);
      await settle();
      return memory.writes.at(-1)?.status;
    },
    /** A message of the managed system, measured now. */
    push(cpu: number, memoryValue: number) {
      metrics.set('cpu', { value: cpu, time: now });
      metrics.set('memory', { value: memoryValue, time: now });
    },
    sample: async (name: string) => (await memory.context.metrics.getSingleMetric(name)?.get())?.values ?? [],
  };
}

export function conditionOf(status: { conditions: readonly { type: string }[] } | undefined, type: string) {
  return status?.conditions.find((condition) => condition.type === type);
}
