/** What the object form of the loop remembers: plain JSON, so that a process that restarts can carry on. */
import type { LoopSpec, VerticalResource } from './loop-spec.ts';

/** Reactions that are remembered, per metric and for the loop as a whole. */
export const rememberedReactions = 10;

export interface TimedSize {
  readonly second: number;
  readonly size: number;
}

export interface SetPoint {
  readonly size: number;
  /** When it was proposed: its identity and the start of its age. */
  readonly second: number;
  /** Set once the loop has made it its target; `size` is then what the guardrails left of it. */
  readonly applied: boolean;
}

export interface LoopState {
  /** Second of the first decision; null before. */
  readonly startSecond: number | null;
  /** 1 is first; a permutation of 1…n. */
  readonly ranks: Readonly<Record<string, number>>;
  /** Per metric its last 10 reactions, oldest first. */
  readonly reactionEpochs: Readonly<Record<string, readonly number[]>>;
  /** Metrics of the loop's last 10 reactions, oldest first. */
  readonly recentReactions: readonly string[];
  readonly increaseRank: string | null;
  readonly increaseTime: number | null;
  /** Seconds of the rank changes of the last hour. */
  readonly rankChangeSeconds: readonly number[];
  /** What the reactions recommended within the stabilisation windows, oldest first. */
  readonly recommendations: readonly TimedSize[];
  /** Replicas added and removed within the rate limits' periods (size is the change, positive). */
  readonly added: readonly TimedSize[];
  readonly removed: readonly TimedSize[];
  /** Last second at which a resource was not wanted smaller. */
  readonly notSmallerSecond: Readonly<Record<VerticalResource, number | null>>;
  /** Ticks in a row in which a metric was missing. */
  readonly missingTicks: number;
  readonly setPoint: SetPoint | null;
}

/** Ranks of the spec made 1…n, in their order. */
export function initialRanks(spec: LoopSpec): Record<string, number> {
  const ordered = [...spec.metrics].sort((a, b) => a.rank - b.rank);
  return Object.fromEntries(spec.metrics.map((metric) => [metric.name, ordered.indexOf(metric) + 1]));
}

export function initialLoopState(spec: LoopSpec): LoopState {
  return {
    startSecond: null,
    ranks: initialRanks(spec),
    reactionEpochs: Object.fromEntries(spec.metrics.map(({ name }) => [name, []])),
    recentReactions: [],
    increaseRank: null,
    increaseTime: null,
    rankChangeSeconds: [],
    recommendations: [],
    added: [],
    removed: [],
    notSmallerSecond: { cpu: null, memory: null },
    missingTicks: 0,
    setPoint: null,
  };
}

/**
 * Takes in a set-point; the next decision applies it. A proposal that is not newer than the last is the same one seen
 * again (reconciles repeat) or late, and changes nothing; nor does a size that is no number.
 */
export function proposeSetPoint(state: LoopState, size: number, second: number): LoopState {
  if (!Number.isFinite(size) || (state.setPoint !== null && second <= state.setPoint.second)) return state;
  return { ...state, setPoint: { size: Math.round(size), second, applied: false } };
}

export interface RankRaise {
  readonly state: LoopState;
  readonly raised: boolean;
  /** Why not: `firstAlready`, or the guardrail. */
  readonly refusedBy: 'firstAlready' | 'unknownMetric' | 'rankChangesPerHour' | null;
}

export const secondsPerHour = 3600;

/** Moves a metric one rank up, the one above it down, unless the hour's rank changes are used up. */
export function raiseRank(spec: LoopSpec, state: LoopState, metric: string, second: number): RankRaise {
  const rank = state.ranks[metric];
  if (rank === undefined) return { state, raised: false, refusedBy: 'unknownMetric' };
  if (rank === 1) return { state, raised: false, refusedBy: 'firstAlready' };
  const rankChangeSeconds = state.rankChangeSeconds.filter((changed) => changed > second - secondsPerHour);
  if (rankChangeSeconds.length >= spec.guardrails.rankChangesPerHour) {
    return { state, raised: false, refusedBy: 'rankChangesPerHour' };
  }
  const ranks = Object.fromEntries(
    Object.entries(state.ranks).map(([name, other]) => [
      name,
      name === metric ? rank - 1 : other === rank - 1 ? rank : other,
    ]),
  );
  return {
    state: {
      ...state,
      ranks,
      increaseRank: metric,
      increaseTime: second,
      rankChangeSeconds: [...rankChangeSeconds, second],
    },
    raised: true,
    refusedBy: null,
  };
}
