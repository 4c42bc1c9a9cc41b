/** From the choices of the two heads to a proposal that keeps to the closed loop's own bounds. Pure. */
import { holdChoice, noRaiseChoice, setPointMoves } from '../../env/deliberative-action.ts';
import { ranksWithRaised } from '../reactive/loop-state.ts';
import { clampTo } from '../reactive/targets.ts';
import type { Proposal } from '../resources/deliberative-loop.ts';
import type { LoopView } from './contract.ts';
import { ranksInForce } from './loop-standing.ts';

export interface PolicyChoice {
  /** Indices into the heads of env/deliberative-action.ts. */
  readonly raise: number;
  readonly move: number;
  readonly confidence: number;
  /** Undefined for a policy without a critic. */
  readonly value: number | undefined;
}

export interface ProposalContext {
  /** In the order of the rank head. */
  readonly metricNames: readonly string[];
  /** Of the app model: what is larger was never trained. */
  readonly maxGroupSize: number;
  readonly unixSecond: number;
  readonly hpaWouldBe: number | undefined;
}

export function makeProposal(view: LoopView, choice: PolicyChoice, context: ProposalContext): Proposal {
  const { raise, move, confidence, value } = choice;
  const ranks = raise === noRaiseChoice ? undefined : raisedRanks(view, context.metricNames[raise - 1]);
  const setPoint = move === holdChoice ? undefined : boundedSize(view, setPointMoves[move], context.maxGroupSize);
  return {
    closedLoop: view.key.slice(view.key.indexOf('/') + 1),
    ...(ranks === undefined ? {} : { ranks }),
    ...(setPoint === undefined ? {} : { setPoint }),
    time: new Date(Math.round(context.unixSecond * 1000)).toISOString(),
    confidence,
    ...(value === undefined ? {} : { value }),
    ...(context.hpaWouldBe === undefined ? {} : { hpaWouldBe: context.hpaWouldBe }),
  };
}

/** Undefined when the metric is first already. */
function raisedRanks({ spec, status }: LoopView, metric: string): Record<string, number> | undefined {
  const ranks = ranksInForce(spec, status);
  if (!(ranks[metric] > 1)) return undefined;
  return { ...ranksWithRaised(ranks, metric) };
}

function boundedSize({ spec, groupSize }: LoopView, by: number, maxGroupSize: number): number {
  const { minReplicas, maxReplicas } = spec.behavior;
  return clampTo(Math.round(groupSize) + by, minReplicas, Math.max(minReplicas, Math.min(maxReplicas, maxGroupSize)));
}
