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
export function initialRanks(spec: Pick<LoopSpec, 'metrics'>): Record<string, number> {
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

/** The part of a spec that limits rank changes. */
export interface RankLimits {
  readonly guardrails: Pick<LoopSpec['guardrails'], 'rankChangesPerHour'>;
}

/** Moves a metric one rank up, the one above it down, unless the hour's rank changes are used up. */
export function raiseRank(limits: RankLimits, state: LoopState, metric: string, second: number): RankRaise {
  const ranks = ranksWithRaised(state.ranks, metric);
  if (ranks === undefined) return { state, raised: false, refusedBy: 'unknownMetric' };
  const { state: next, adopted, refusedBy } = adoptRanks(limits, state, ranks, second);
  if (adopted) return { state: next, raised: true, refusedBy: null };
  return { state, raised: false, refusedBy: refusedBy === 'unchanged' ? 'firstAlready' : 'rankChangesPerHour' };
}

/** The ranking in which a metric has changed places with the one above it; undefined when there is no such metric. */
export function ranksWithRaised(
  ranks: Readonly<Record<string, number>>,
  metric: string,
): Readonly<Record<string, number>> | undefined {
  if (!Object.hasOwn(ranks, metric)) return undefined;
  const rank = ranks[metric];
  if (rank === 1) return ranks;
  return Object.fromEntries(
    Object.entries(ranks).map(([name, other]) => [
      name,
      name === metric ? rank - 1 : other === rank - 1 ? rank : other,
    ]),
  );
}

export interface RankAdoption {
  readonly state: LoopState;
  readonly adopted: boolean;
  /** `incomplete`: a metric of the loop has no rank, or two have the same, or one is not of 1…n. */
  readonly refusedBy: 'unknownMetric' | 'incomplete' | 'unchanged' | 'rankChangesPerHour' | null;
}

/**
 * Takes over a whole ranking, a permutation of 1…n over the loop's metrics. However many metrics change places, it is one of
 * the hour's rank changes, and `increaseRank` is the metric that rose furthest (of several, the one that is now first).
 */
export function adoptRanks(
  limits: RankLimits,
  state: LoopState,
  ranks: Readonly<Record<string, number>>,
  second: number,
): RankAdoption {
  const refused = (refusedBy: RankAdoption['refusedBy']) => ({ state, adopted: false, refusedBy });
  const names = Object.keys(state.ranks);
  if (Object.keys(ranks).some((name) => !Object.hasOwn(state.ranks, name))) return refused('unknownMetric');
  const taken = new Set(names.map((name) => (Object.hasOwn(ranks, name) ? ranks[name] : undefined)));
  if (!names.every((_, index) => taken.has(index + 1))) return refused('incomplete');
  const risen = (name: string) => state.ranks[name] - ranks[name];
  const [furthest] = [...names].sort((a, b) => risen(b) - risen(a) || ranks[a] - ranks[b]);
  if (furthest === undefined || risen(furthest) === 0) return refused('unchanged');
  const rankChangeSeconds = state.rankChangeSeconds.filter((changed) => changed > second - secondsPerHour);
  if (rankChangeSeconds.length >= limits.guardrails.rankChangesPerHour) return refused('rankChangesPerHour');
  return {
    state: {
      ...state,
      ranks: Object.fromEntries(names.map((name) => [name, ranks[name]])),
      increaseRank: furthest,
      increaseTime: second,
      rankChangeSeconds: [...rankChangeSeconds, second],
    },
    adopted: true,
    refusedBy: null,
  };
}
