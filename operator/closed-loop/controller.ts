/** The reactive loop's controller: from ClosedLoop objects to scaled targets. */
import type { Runnable } from '../../env/service/run-all.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { OperatorContext, Reconcile, ResourceCache, WorkQueue } from '../runtime/contract.ts';
import type { Workloads } from '../workloads/contract.ts';
import { createActuator } from './actuate.ts';
import { createChoose } from './choose.ts';
import type { DecisionExecutor, LoopTable, MetricReader, StagePublisher } from './contract.ts';
import { createExecutor } from './execute.ts';
import { createLoopMemories } from './loop-memory.ts';
import { createLoopTable } from './loop-table.ts';
import { createClosedLoopMetrics } from './metrics.ts';
import { createPolicyEngine } from './opa.ts';
import { createPodSizing } from './pod-sizing.ts';
import { createReconcile } from './reconcile.ts';
import { createAssess, keyOf } from './standing.ts';
import { createLoopStatusWriter } from './status-writer.ts';
import { createTick } from './tick.ts';
import { createTickScheduler, systemTimers, type Timers } from './tick-scheduler.ts';
import { createViewPods } from './vertical-view.ts';

export interface ClosedLoopControllerOptions {
  readonly context: OperatorContext;
  readonly cache: ResourceCache<ClosedLoop>;
  readonly workloads: Workloads;
  readonly reader: MetricReader;
  /** The runtime's work queue, made for a reconcile. */
  readonly createQueue: (reconcile: Reconcile) => WorkQueue;
  /** For the bounds and members of groups; without it a group is a target like any other. */
  readonly scalingGroups?: ResourceCache<ScalingGroup>;
  /** Gets what Distributed loops measured; without it they run inline. */
  readonly stages?: StagePublisher;
  /** Patterns of the host names of policy engines that may be asked; undefined: all. */
  readonly policyHosts?: readonly RegExp[];
  /** Real time when left out. */
  readonly timers?: Timers;
}

export interface ClosedLoopController extends Runnable, DecisionExecutor {
  readonly table: LoopTable;
}

/** Starts nothing before `run`, which is to be called while this process leads. Listens to the cache from the start. */
export function createClosedLoopController(options: ClosedLoopControllerOptions): ClosedLoopController {
  const { context, cache, workloads, reader, scalingGroups, stages, policyHosts, timers = systemTimers } = options;
  const { logger } = context;
  const metrics = createClosedLoopMetrics(context.metrics);
  const table = createLoopTable((error) => logger.error({ err: error }, 'a listener to decisions failed'));
  const memories = createLoopMemories();
  const assess = createAssess({ table, workloads, scalingGroups });
  const statusWriter = createLoopStatusWriter(context, metrics);
  const podSizing = createPodSizing({ api: context.api, workloads, scalingGroups });
  const actuator = createActuator({ context, workloads, podSizing, metrics });
  const choose = createChoose(createPolicyEngine({ hosts: policyHosts }), metrics);

  let signal = AbortSignal.abort();
  const executor = createExecutor({
    context,
    table,
    memories,
    assess,
    viewPods: createViewPods(podSizing),
    actuator,
    statusWriter,
    metrics,
    signal: () => signal,
  });
  const scheduler = createTickScheduler({
    timers,
    intervals: () => table.intervals(),
    onTick: createTick({ context, table, memories, reader, assess, choose, executor, stages, metrics }),
    onLateness: (seconds) => metrics.tickLateness.observe(seconds),
    onSkipped: (ticks) => metrics.skippedTicks.inc({ reason: 'late' }, ticks),
  });
  const queue = options.createQueue(
    createReconcile({
      context,
      cache,
      table,
      memories,
      assess,
      executor,
      statusWriter,
      metrics,
      onIntervals: () => scheduler.intervalsChanged(),
    }),
  );
  cache.onChange((_, object) => queue.add(keyOf(object)));

  return {
    table,
    executeDecision: executor.executeDecision,
    async choose(loop, measured, now) {
      const standing = await assess(loop, signal);
      if ('refusal' in standing) return null;
      const { chosen, finding } = await choose(loop, standing, measured, now, signal);
      if (finding !== undefined) memories.of(loop.key, loop.object).policyEngine = finding;
      return chosen;
    },
    async run(stop) {
      signal = stop;
      await cache.synced(stop).catch(() => {});
      if (stop.aborted) return;
      // A former leader's statuses may have changed since this process last led: start from what is stored.
      for (const { key } of table.list()) {
        table.remove(key);
        memories.forget(key);
      }
      for (const object of cache.list()) queue.add(keyOf(object));
      try {
        await Promise.all([queue.run(stop), scheduler.run(stop)]);
      } finally {
        metrics.forgetAll();
      }
    },
  };
}
