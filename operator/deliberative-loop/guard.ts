/**
 * What becomes of proposals: those that are fresh and sound go in, no further than the guardrails let them; everything else
 * is refused with a reason. Pure; whoever proposes (agent, lastTen, randomGroup) goes through it.
 */
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import { adoptRanks, type LoopState, proposeSetPoint } from '../../policies/reactive/loop-state.ts';
import { clampTo } from '../../policies/reactive/targets.ts';
import type { DeliberativeLoopSpec, Guardrails, Proposal } from '../../policies/resources/deliberative-loop.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import { type GrowthRequest, shareBudget } from './budget.ts';

export type Mode = DeliberativeLoopSpec['mode'];
export type GuardClamp = 'maxReplicas' | 'minReplicas' | 'maxStep' | 'maxReplicaBudget';
export type RefusalReason =
  | 'UnknownLoop'
  | 'TargetMissing'
  | 'UnknownMetric'
  | 'IncompleteRanking'
  | 'RankChangesPerHour'
  | 'Stale'
  | 'FutureDated'
  | 'Superseded';

/** Clocks of one cluster differ by less; a proposal dated later than this is not believed. */
export const clockToleranceSeconds = 5;

/** A closed loop that may be tuned, as it is now. */
export interface GuardedLoop {
  readonly name: string;
  readonly behavior: { readonly minReplicas: number; readonly maxReplicas: number };
  readonly state: LoopState;
  /** Group size in force; undefined when its target does not exist. */
  readonly size: number | undefined;
}

export interface GuardInput {
  readonly mode: Mode;
  readonly guardrails: Guardrails;
  readonly proposals: readonly Proposal[];
  /** Every loop that may be tuned: the budget counts them all. */
  readonly loops: readonly GuardedLoop[];
  /** Unix seconds. */
  readonly now: number;
}

/** What is to be done about one proposal; in Observe and Recommend, what would be. */
export interface Verdict {
  readonly closedLoop: string;
  /** The proposal's own, its identity. */
  readonly time: string;
  readonly setPoint?: { readonly asked: number; readonly size: number; readonly clampedBy: readonly GuardClamp[] };
  /** The ranking that is taken over. */
  readonly ranks?: Readonly<Record<string, number>>;
  readonly refusals: readonly { readonly reason: RefusalReason; readonly message: string }[];
  /** All or part of it was taken in before. */
  readonly takenInBefore: boolean;
  /** It was taken in and is too old to count by now. */
  readonly expired: boolean;
  /** What the loop remembers with it; absent when nothing changes, which in Observe and Recommend is always. */
  readonly state?: LoopState;
}

/** One verdict per proposal, in their order. */
export function guardProposals(input: GuardInput): Verdict[] {
  const { loops, proposals } = input;
  const byName = new Map(loops.map((loop) => [loop.name, loop]));
  const drafts = newestFirst(proposals).map((proposal) => ({ proposal, draft: examine(input, proposal, byName) }));
  const granted = withinBudget(
    input,
    drafts.map(({ draft }) => draft),
  );
  const verdicts = new Map(drafts.map(({ proposal, draft }) => [proposal, conclude(input, draft, granted)]));
  return proposals.map((proposal) => verdicts.get(proposal) ?? superseded(proposal));
}

interface Draft extends Pick<Verdict, 'closedLoop' | 'time' | 'takenInBefore' | 'expired'> {
  readonly loop: GuardedLoop | undefined;
  readonly second: number;
  readonly size?: { readonly asked: number; readonly size: number; readonly clampedBy: readonly GuardClamp[] };
  readonly ranks?: Readonly<Record<string, number>>;
  readonly refusals: Verdict['refusals'];
}

/** The last proposal per loop; of several of one moment the first. */
function newestFirst(proposals: readonly Proposal[]): Proposal[] {
  const newest = new Map<string, Proposal>();
  for (const proposal of proposals) {
    const other = newest.get(proposal.closedLoop);
    if (other === undefined || fromTimestamp(proposal.time) > fromTimestamp(other.time)) {
      newest.set(proposal.closedLoop, proposal);
    }
  }
  return [...newest.values()];
}

/** A proposal by itself: everything but the budget. */
function examine(input: GuardInput, proposal: Proposal, loops: ReadonlyMap<string, GuardedLoop>): Draft {
  const { guardrails, mode, now } = input;
  const { closedLoop, time } = proposal;
  const second = fromTimestamp(time);
  const loop = loops.get(closedLoop);
  const refusals: { reason: RefusalReason; message: string }[] = [];
  const refuse = (reason: RefusalReason, message: string) => void refusals.push({ reason, message });
  const base = { closedLoop, time, second, loop, refusals, takenInBefore: false, expired: false };
  if (loop === undefined) {
    refuse('UnknownLoop', 'is not among the closed loops that it tunes: add it to spec.closedLoops');
    return base;
  }
  // In Observe and Recommend nothing is ever taken in, whatever was before.
  const applies = appliesProposals(mode);
  const isRepeated = (last: number | null | undefined) => applies && last != null && second <= last;
  const hasSetPoint = proposal.setPoint !== undefined;
  const setPointBefore = hasSetPoint && isRepeated(loop.state.setPoint?.second);
  const ranksBefore = proposal.ranks !== undefined && isRepeated(loop.state.increaseTime);
  const takenInBefore = setPointBefore || ranksBefore;
  if (Number.isNaN(second) || now - second >= guardrails.staleAfterSeconds) {
    const limit = `${guardrails.staleAfterSeconds} s`;
    if (takenInBefore) return { ...base, takenInBefore, expired: true };
    refuse('Stale', `was proposed ${limit} ago or earlier: see whether the agent runs, or raise staleAfterSeconds`);
    return base;
  }
  if (second - now > clockToleranceSeconds) {
    refuse('FutureDated', `is dated ${time}, which is still to come: set the clock of its writer`);
    return base;
  }
  const size = hasSetPoint && !setPointBefore ? boundedSize(input, loop, proposal.setPoint as number) : undefined;
  if (hasSetPoint && !setPointBefore && size === undefined) {
    refuse('TargetMissing', 'has no target that could be scaled: see the conditions of the ClosedLoop');
  }
  const ranks = proposal.ranks === undefined || ranksBefore ? undefined : proposal.ranks;
  const adoption = ranks && adoptRanks({ guardrails }, loop.state, ranks, second);
  if (adoption?.refusedBy === 'unknownMetric') {
    refuse('UnknownMetric', `has no metric of some name in the ranking ${said(ranks)}: rank those that it has`);
  } else if (adoption?.refusedBy === 'incomplete') {
    refuse('IncompleteRanking', `needs every metric once, ranked 1 to ${metricCount(loop)}, but got ${said(ranks)}`);
  } else if (adoption?.refusedBy === 'rankChangesPerHour') {
    refuse(
      'RankChangesPerHour',
      `has had its ${guardrails.rankChangesPerHour} rank changes of the hour: raise the limit`,
    );
  }
  return {
    ...base,
    takenInBefore,
    ...(size === undefined ? {} : { size }),
    ...(adoption?.adopted ? { ranks: adoption.state.ranks } : {}),
  };
}

/** Bounds, then the step: a bound further away than a step is approached a step at a time, as the reactive loop does it. */
function boundedSize({ guardrails, mode }: GuardInput, loop: GuardedLoop, asked: number): Draft['size'] {
  if (loop.size === undefined) return undefined;
  const { minimum, maximum } = boundsOf(guardrails, loop);
  const clampedBy: GuardClamp[] = [];
  let size = asked;
  if (size > maximum) {
    size = maximum;
    clampedBy.push('maxReplicas');
  }
  if (size < minimum) {
    size = minimum;
    clampedBy.push('minReplicas');
  }
  if (mode !== 'Autonomous' && Math.abs(size - loop.size) > guardrails.maxStep) {
    size = clampTo(size, loop.size - guardrails.maxStep, loop.size + guardrails.maxStep);
    clampedBy.push('maxStep');
  }
  // A bound and the step can cancel out.
  return { asked, size, clampedBy: size === asked ? [] : clampedBy };
}

function boundsOf(guardrails: Guardrails, { behavior }: GuardedLoop): { minimum: number; maximum: number } {
  return {
    minimum: Math.max(behavior.minReplicas, guardrails.minReplicas ?? 0),
    maximum: Math.min(behavior.maxReplicas, guardrails.maxReplicas ?? Number.POSITIVE_INFINITY),
  };
}

/** Sizes by loop that the budget leaves; empty without a budget. */
function withinBudget({ guardrails, loops, now }: GuardInput, drafts: readonly Draft[]): ReadonlyMap<string, number> {
  if (guardrails.maxReplicaBudget === undefined) return new Map();
  const requests: GrowthRequest[] = [];
  for (const { loop, size } of drafts) {
    if (loop?.size === undefined || size === undefined) continue;
    const { minimum } = boundsOf(guardrails, loop);
    requests.push({
      closedLoop: loop.name,
      // The reactive loop would lift a set-point to the smallest size allowed anyway.
      floor: Math.max(loop.size, Math.min(size.size, minimum)),
      wanted: size.size,
    });
  }
  const asking = new Set(requests.map(({ closedLoop }) => closedLoop));
  const others = loops
    .filter(({ name }) => !asking.has(name))
    .reduce((sum, loop) => sum + headingFor(loop, guardrails, now), 0);
  return shareBudget(requests, others, guardrails.maxReplicaBudget);
}

/** A fresh set-point that is not reached yet is as good as spent. */
function headingFor({ size, state }: GuardedLoop, { staleAfterSeconds }: Guardrails, now: number): number {
  if (size === undefined) return 0;
  const isFresh = state.setPoint !== null && Math.abs(now - state.setPoint.second) < staleAfterSeconds;
  return isFresh && state.setPoint !== null ? Math.max(size, state.setPoint.size) : size;
}

function conclude({ mode }: GuardInput, draft: Draft, granted: ReadonlyMap<string, number>): Verdict {
  const { closedLoop, time, second, loop, refusals, takenInBefore, expired, ranks } = draft;
  const grantedSize = granted.get(closedLoop);
  const isCut = draft.size !== undefined && grantedSize !== undefined && grantedSize < draft.size.size;
  const setPoint: Verdict['setPoint'] =
    draft.size && isCut
      ? { ...draft.size, size: grantedSize, clampedBy: [...draft.size.clampedBy, 'maxReplicaBudget'] }
      : draft.size;
  const verdict = {
    closedLoop,
    time,
    refusals,
    takenInBefore,
    expired,
    ...(setPoint === undefined ? {} : { setPoint }),
    ...(ranks === undefined ? {} : { ranks }),
  };
  if (loop === undefined || !appliesProposals(mode) || (setPoint === undefined && ranks === undefined)) return verdict;
  const withSize = setPoint === undefined ? loop.state : proposeSetPoint(loop.state, setPoint.size, second);
  // The hour's limit was looked at above; the state is that of the same moment.
  const unlimited = { guardrails: { rankChangesPerHour: Number.POSITIVE_INFINITY } };
  return { ...verdict, state: ranks === undefined ? withSize : adoptRanks(unlimited, withSize, ranks, second).state };
}

function superseded({ closedLoop, time }: Proposal): Verdict {
  const message = 'has a newer proposal in the same list: propose once per closed loop';
  return { closedLoop, time, takenInBefore: false, expired: false, refusals: [{ reason: 'Superseded', message }] };
}

function metricCount({ state }: GuardedLoop): number {
  return Object.keys(state.ranks).length;
}

function said(ranks: Readonly<Record<string, number>> | undefined): string {
  return JSON.stringify(ranks).slice(0, 300);
}
