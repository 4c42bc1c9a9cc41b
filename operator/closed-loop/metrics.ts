/** What the reactive loop tells Prometheus. Series per loop go when the loop goes; everything else has a fixed set of labels. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { LoopDecision } from '../../policies/reactive/decide.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { Measured, RunningLoop } from './contract.ts';
import { createLoopSeries } from './loop-series.ts';

export type LoopStanding = 'running' | 'refused' | 'invalid';

export interface ClosedLoopMetrics {
  readonly tickLateness: Histogram;
  readonly tickDuration: Histogram;
  readonly skippedTicks: Counter<'reason'>;
  readonly policyEngineFailures: Counter;
  refused(reason: string): void;
  scalingFailed(reason: string): void;
  missing(sources: readonly string[]): void;
  /** @param changed whether the target was really scaled or resized */
  decided(loop: RunningLoop, decision: LoopDecision, from: number, measured: Measured, changed: boolean): void;
  standing(key: string, standing: LoopStanding): void;
  conditions(key: string, conditions: readonly Condition[]): void;
  forget(key: string): void;
  /** At the end of a term of leadership: from then on another process tells of the loops. */
  forgetAll(): void;
}

export function createClosedLoopMetrics(registry: Registry): ClosedLoopMetrics {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const series = createLoopSeries(registry);

  const decisions = counter('duoloop_decisions_total', 'Decisions of closed loops, by outcome', 'outcome');
  const reactions = counter(
    'duoloop_reactions_total',
    'Changes of targets that were carried out, by kind and direction',
    'kind',
    'direction',
  );
  const clamps = counter('duoloop_clamps_total', 'Decisions that a safety rule held back or changed, by rule', 'clamp');
  const missing = counter('duoloop_missing_metrics_total', 'Metrics without a usable value, by source', 'source');
  const refusals = counter('duoloop_refusals_total', 'Ticks in which a target was refused, by reason', 'reason');
  const failures = counter('duoloop_scaling_failures_total', 'Scalings and resizes that failed, by reason', 'reason');

  const standings = new Map<string, LoopStanding>();
  new Gauge({
    name: 'duoloop_closed_loops',
    help: 'Closed loops by standing: running, refused (their target may not be scaled), invalid (their spec is wrong)',
    labelNames: ['standing'],
    registers,
    collect() {
      const counts: Record<LoopStanding, number> = { running: 0, refused: 0, invalid: 0 };
      for (const standing of standings.values()) counts[standing]++;
      for (const [standing, count] of Object.entries(counts)) this.set({ standing }, count);
    },
  });

  return {
    tickLateness: new Histogram({
      name: 'duoloop_tick_lateness_seconds',
      help: 'From the moment a tick was due until it started',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    tickDuration: new Histogram({
      name: 'duoloop_tick_duration_seconds',
      help: 'From the start of a tick until its last loop was done',
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30],
      registers,
    }),
    skippedTicks: counter('duoloop_ticks_skipped_total', 'Ticks left out: late, or the loop still busy', 'reason'),
    policyEngineFailures: counter('duoloop_policy_engine_failures_total', 'Questions to OPA without a usable answer'),
    refused: (reason) => refusals.inc({ reason }),
    scalingFailed: (reason) => failures.inc({ reason }),
    missing(sources) {
      for (const source of sources) missing.inc({ source });
    },
    decided(loop, decision, from, measured, changed) {
      const { winner, clampedBy, groupSize, vertical } = decision;
      const isHeld = clampedBy.includes('paused') || clampedBy.includes('rollingOut');
      decisions.inc({ outcome: isHeld ? 'held' : winner === null ? 'none' : 'reaction' });
      for (const clamp of clampedBy) clamps.inc({ clamp });
      if (changed && groupSize !== from) {
        reactions.inc({ kind: 'horizontal', direction: groupSize > from ? 'up' : 'down' });
      }
      if (changed && vertical !== null) {
        const breach = decision.breaches.find(({ name }) => name === winner)?.breach;
        reactions.inc({ kind: 'vertical', direction: breach === -1 ? 'down' : 'up' });
      }
      series.decided(loop, decision, from, measured, changed);
    },
    standing(key, standing) {
      standings.set(key, standing);
      if (standing !== 'running') series.notRunning(key);
    },
    conditions: series.conditions,
    forget(key) {
      standings.delete(key);
      series.forget(key);
    },
    forgetAll() {
      standings.clear();
      series.forgetAll();
    },
  };
}
