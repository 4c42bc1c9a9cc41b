/** What a live closed loop knows, as the state of the reactive loop that features are made of: from its spec, status and size. */
import { breachCode, overThreshold, readMetric } from '../reactive/breaches.ts';
import { initialRanks, rememberedReactions } from '../reactive/loop-state.ts';
import type { ClosedLoopSpec, ClosedLoopStatus } from '../resources/closed-loop.ts';
import type { DeliberationTime, LoopView } from './contract.ts';

/** Per metric of the policy, in its order: how the metrics stood to their thresholds at one moment. */
export interface MetricStanding {
  readonly second: number;
  readonly overThreshold: readonly number[];
  readonly breaches: readonly number[];
}

/** What is remembered of past reactions, per metric of the policy. */
export interface ReactionStanding {
  /** As the clock of the observation counts; −Infinity when never. */
  readonly lastReactionSecond: readonly number[];
  readonly recentReactions: readonly number[];
}

/** Value of each metric per lane, NaN when missing, as the batched reactive loop reads them. */
export type MetricValues = readonly { readonly values: Float32Array; readonly incomplete: Uint8Array }[];

/** By the definitions of the reactive loop (`readMetric`, `overThreshold`), which the batched form shares. */
export function metricStanding(
  spec: ClosedLoopSpec,
  metricNames: readonly string[],
  all: MetricValues,
  lane: number,
  groupSize: number,
  second: number,
): MetricStanding {
  const over: number[] = [];
  const breaches: number[] = [];
  for (const [m, name] of metricNames.entries()) {
    const metric = spec.metrics.find((candidate) => candidate.name === name);
    const value = all[m].values[lane];
    over.push(metric === undefined ? Number.NaN : overThreshold(metric, value, groupSize));
    breaches.push(
      metric === undefined
        ? breachCode.none
        : readMetric(metric, value, all[m].incomplete[lane] === 1, groupSize).breach,
    );
  }
  return { second, overThreshold: over, breaches };
}

/** Ranks in force by metric, a permutation of 1…n; the spec's when the status has none or is of other metrics. */
export function ranksInForce(spec: ClosedLoopSpec, status: ClosedLoopStatus | undefined): Record<string, number> {
  const initial = initialRanks(spec);
  const names = Object.keys(initial);
  const ranks = status?.ranks ?? {};
  const taken = new Set(names.map((name) => (Object.hasOwn(ranks, name) ? ranks[name] : undefined)));
  const isRanking = Object.keys(ranks).length === names.length && names.every((_, i) => taken.has(i + 1));
  return isRanking ? { ...ranks } : initial;
}

/**
 * A status is not written for a reaction that only repeats the last decision, so while its winner is still in breach the loop
 * has reacted to it in every tick since.
 */
export function reactionStanding(
  { spec, status }: LoopView,
  metricNames: readonly string[],
  breaches: readonly number[],
  { second, unixSecond }: DeliberationTime,
  timeScale: number,
): ReactionStanding {
  const winner = status?.lastDecision?.winner;
  const winnerIndex = winner === undefined ? -1 : metricNames.indexOf(winner);
  const isRepeating = winnerIndex >= 0 && breaches[winnerIndex] !== breachCode.none;
  let repeats = 0;
  const lastReactionSecond = metricNames.map((name, m) => {
    let epoch = lastEpoch(status, name, unixSecond);
    if (m === winnerIndex && isRepeating && epoch > Number.NEGATIVE_INFINITY) {
      // The tick of this very moment is still to come.
      repeats = Math.max(0, Math.ceil((unixSecond - epoch) / spec.intervalSeconds) - 1);
      epoch += repeats * spec.intervalSeconds;
    }
    return second - (unixSecond - epoch) * timeScale;
  });
  const known = status?.recentReactions ?? [];
  const repeated = Math.min(rememberedReactions, repeats);
  const recent = [...known, ...new Array<string>(repeated).fill(winner ?? '')].slice(-rememberedReactions);
  return {
    lastReactionSecond,
    recentReactions: metricNames.map((name) => recent.filter((reaction) => reaction === name).length),
  };
}

/** Reactions dated later than now are a clock's fault; they count as of now. */
function lastEpoch(status: ClosedLoopStatus | undefined, name: string, unixSecond: number): number {
  const epochs = status?.reactionEpochs ?? {};
  const last = Object.hasOwn(epochs, name) ? epochs[name].at(-1) : undefined;
  return last === undefined || !Number.isFinite(last) ? Number.NEGATIVE_INFINITY : Math.min(last, unixSecond);
}

/** Memory size of the pods relative to the template: the last one that a decision wanted; undefined when none shows one. */
export function wantedMemorySize(status: ClosedLoopStatus | undefined): number | undefined {
  if (status === undefined) return undefined;
  for (const decision of [status.lastDecision, ...status.recentDecisions]) {
    if (decision?.vertical?.resource === 'memory' && decision.vertical.to > 0) return decision.vertical.to;
  }
  return undefined;
}
