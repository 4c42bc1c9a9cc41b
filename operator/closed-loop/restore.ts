/**
 * What a loop remembers, to its status and back, so that a new leader carries on. Not kept: the stabilisation windows (they
 * start anew, as after every start) and the count of ticks with missing metrics.
 */
import type { LoopSpec } from '../../policies/reactive/loop-spec.ts';
import { initialLoopState, initialRanks, type LoopState, type TimedSize } from '../../policies/reactive/loop-state.ts';
import type { ClosedLoopStatus } from '../../policies/resources/closed-loop.ts';
import { fromTimestamp, toTimestamp } from '../../policies/resources/timestamp.ts';

export type RememberedStatus = Pick<
  ClosedLoopStatus,
  | 'ranks'
  | 'ranking'
  | 'reactionEpochs'
  | 'recentReactions'
  | 'increaseRank'
  | 'increaseTime'
  | 'rankChanges'
  | 'recentChanges'
  | 'setPoint'
>;

// The bounds of the status schema.
const keptRankChanges = 60;
const keptSizeChanges = 64;

export function rememberedStatus(state: LoopState): RememberedStatus {
  const { ranks, increaseRank, increaseTime, setPoint } = state;
  const changes = [
    ...state.added.map(({ second, size }) => ({ second, by: size })),
    ...state.removed.map(({ second, size }) => ({ second, by: -size })),
  ].sort((a, b) => a.second - b.second);
  return {
    ranks: { ...ranks },
    ranking: Object.keys(ranks)
      .sort((a, b) => ranks[a] - ranks[b])
      .join(','),
    reactionEpochs: Object.fromEntries(Object.entries(state.reactionEpochs).map(([name, all]) => [name, [...all]])),
    recentReactions: [...state.recentReactions],
    ...(increaseRank === null ? {} : { increaseRank }),
    ...(increaseTime === null ? {} : { increaseTime: toTimestamp(increaseTime) }),
    rankChanges: state.rankChangeSeconds.slice(-keptRankChanges).map(toTimestamp),
    recentChanges: changes.slice(-keptSizeChanges).map(({ second, by }) => ({ time: toTimestamp(second), by })),
    ...(setPoint === null
      ? {}
      : { setPoint: { size: setPoint.size, time: toTimestamp(setPoint.second), applied: setPoint.applied } }),
  };
}

/**
 * @param sameSpec whether the status was written for this very spec; else the ranks are the spec's, since somebody may just
 *   have set them
 */
export function restoreState(spec: LoopSpec, status: ClosedLoopStatus | undefined, sameSpec: boolean): LoopState {
  const initial = initialLoopState(spec);
  if (status === undefined) return initial;
  const ofSign = (sign: 1 | -1): TimedSize[] =>
    status.recentChanges
      .filter(({ by }) => Math.sign(by) === sign)
      .map(({ time, by }) => ({ second: fromTimestamp(time), size: Math.abs(by) }));
  const { setPoint } = status;
  return {
    ...initial,
    ...rememberedOf(spec, { ...initial, ...status, increaseRank: status.increaseRank ?? null }),
    ranks: sameSpec && isRanking(status.ranks, initial.ranks) ? status.ranks : initial.ranks,
    increaseTime: status.increaseTime === undefined ? null : fromTimestamp(status.increaseTime),
    rankChangeSeconds: status.rankChanges.map(fromTimestamp),
    added: ofSign(1),
    removed: ofSign(-1),
    setPoint:
      setPoint === undefined
        ? null
        : { size: setPoint.size, second: fromTimestamp(setPoint.time), applied: setPoint.applied },
  };
}

/** The state under a changed spec: ranks start anew when a name or rank was changed, metrics that are gone are forgotten. */
export function rebaseState(state: LoopState, before: LoopSpec, after: LoopSpec): LoopState {
  const asSpecified = (spec: LoopSpec) => JSON.stringify(spec.metrics.map(({ name, rank }) => [name, rank]));
  if (asSpecified(before) === asSpecified(after)) return state;
  return { ...state, ...rememberedOf(after, state), ranks: initialRanks(after) };
}

function rememberedOf(
  spec: LoopSpec,
  from: Pick<LoopState, 'reactionEpochs' | 'recentReactions' | 'increaseRank'>,
): Pick<LoopState, 'reactionEpochs' | 'recentReactions' | 'increaseRank'> {
  const names = spec.metrics.map(({ name }) => name);
  const known = (name: string) => names.includes(name);
  return {
    reactionEpochs: Object.fromEntries(names.map((name) => [name, from.reactionEpochs[name] ?? []])),
    recentReactions: from.recentReactions.filter(known),
    increaseRank: from.increaseRank !== null && known(from.increaseRank) ? from.increaseRank : null,
  };
}

/** Whether it ranks the same metrics, 1…n. */
function isRanking(ranks: Readonly<Record<string, number>>, initial: Readonly<Record<string, number>>): boolean {
  const places = (all: Readonly<Record<string, number>>) => JSON.stringify(Object.values(all).sort((a, b) => a - b));
  const names = (all: Readonly<Record<string, number>>) => JSON.stringify(Object.keys(all).sort());
  return names(ranks) === names(initial) && places(ranks) === places(initial);
}
