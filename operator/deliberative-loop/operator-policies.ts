/** The policies that run in the operator itself, so that two loops work before there is a checkpoint. Pure. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { type LastTenAnswer, lastTenDecision } from '../../policies/last-ten.ts';
import { type LoopState, ranksWithRaised } from '../../policies/reactive/loop-state.ts';
import type { Guardrails, Proposal } from '../../policies/resources/deliberative-loop.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';

/** A rank raise that was proposed last, applied or not. */
export interface ProposedRaise {
  readonly metric: string;
  /** Unix seconds. */
  readonly second: number;
}

/**
 * Last-ten, to be asked after every reaction. A raise that was proposed counts as made for the pause of a minute, so that one
 * that is refused does not come back with every reaction; one that was only shown counts as made altogether.
 */
export function askLastTen(
  state: Pick<LoopState, 'increaseRank' | 'increaseTime'>,
  reactionEpochs: Readonly<Record<string, readonly number[]>>,
  proposed: ProposedRaise | undefined,
  isShownOnly: boolean,
  now: number,
): LastTenAnswer {
  const isLater = proposed !== undefined && proposed.second > (state.increaseTime ?? Number.NEGATIVE_INFINITY);
  return lastTenDecision({
    reactionEpochs,
    increaseRank: isLater && isShownOnly ? proposed.metric : state.increaseRank,
    increaseTime: isLater ? proposed.second : state.increaseTime,
    now,
  });
}

/** The ranking with a metric raised, as a proposal; undefined when it is first already or unknown. */
export function raiseProposal(
  closedLoop: string,
  ranks: LoopState['ranks'],
  metric: string,
  second: number,
): Proposal | undefined {
  const raised = ranksWithRaised(ranks, metric);
  if (raised === undefined || raised[metric] === ranks[metric]) return undefined;
  return { closedLoop, ranks: { ...raised }, time: toTimestamp(second) };
}

export interface RandomGroupInput {
  readonly closedLoop: string;
  readonly seed: number;
  readonly intervalSeconds: number;
  readonly guardrails: Pick<Guardrails, 'minReplicas' | 'maxReplicas'>;
  readonly behavior: { readonly minReplicas: number; readonly maxReplicas: number };
  readonly now: number;
}

/**
 * The coordinated scaler's policy: a uniformly random size within the bounds every interval. The decision belongs to the
 * interval's start and follows from seed, name and that alone, so a restart or another leader proposes the same once more.
 */
export function randomGroupProposal(input: RandomGroupInput): Proposal {
  const { closedLoop, seed, intervalSeconds, guardrails, behavior, now } = input;
  const decision = Math.floor(now / intervalSeconds);
  const minimum = Math.max(behavior.minReplicas, guardrails.minReplicas ?? 0);
  const maximum = Math.min(behavior.maxReplicas, guardrails.maxReplicas ?? Number.POSITIVE_INFINITY);
  const generator = xoroshiro128plus(hash(`${seed}/${closedLoop}/${decision}`));
  return {
    closedLoop,
    setPoint: uniformInt(generator, Math.min(minimum, maximum), maximum),
    time: toTimestamp(decision * intervalSeconds),
  };
}

/** FNV-1a with MurmurHash3's finish: the generator's first numbers are alike for seeds that are. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
