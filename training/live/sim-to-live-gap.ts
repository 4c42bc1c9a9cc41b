/** How far a run of the lab was from what the simulator predicts of it, policy by policy. */
import type { ComparisonRow } from '../comparison.ts';
import { groupInOrder, type PolicySummary, summarizePolicies } from '../report/policy-summary.ts';
import { simulatorSuffix } from './prediction.ts';

/** Means over the traces that both have. */
export interface GapFigure {
  readonly live: number;
  readonly simulated: number;
  /** live ÷ simulated − 1, percent; NaN where the simulator says 0. */
  readonly percent: number;
}

export interface SimToLiveGap {
  readonly policy: string;
  readonly p95Milliseconds: GapFigure;
  readonly meanReplicas: GapFigure;
  readonly violationPercent: GapFigure;
  readonly podHours: GapFigure;
}

/** One per policy that has rows of both kinds, in order. */
export function simToLiveGaps(rows: readonly ComparisonRow[]): SimToLiveGap[] {
  const byTrace = groupInOrder(rows, ({ trace, policy }) => `${trace}\n${livePolicy(policy)}`);
  const paired = [...byTrace.values()].filter((pair) => pair.length === 2).flat();
  if (paired.length === 0) return [];
  const summaries = new Map(summarizePolicies(paired).map((summary) => [summary.policy, summary]));
  return [...summaries.values()].flatMap((live) => {
    const simulated = summaries.get(`${live.policy}${simulatorSuffix}`);
    return simulated === undefined ? [] : [gapOf(live, simulated)];
  });
}

export function isPrediction({ policy }: Pick<ComparisonRow, 'policy'>): boolean {
  return policy.endsWith(simulatorSuffix);
}

function livePolicy(policy: string): string {
  return isPrediction({ policy }) ? policy.slice(0, -simulatorSuffix.length) : policy;
}

function gapOf(live: PolicySummary, simulated: PolicySummary): SimToLiveGap {
  const figure = (pick: (summary: PolicySummary) => number): GapFigure => {
    const [a, b] = [pick(live), pick(simulated)];
    return { live: a, simulated: b, percent: b === 0 ? Number.NaN : 100 * (a / b - 1) };
  };
  return {
    policy: live.policy,
    p95Milliseconds: figure(({ p95Milliseconds }) => p95Milliseconds.mean),
    meanReplicas: figure(({ meanReplicas }) => meanReplicas.mean),
    violationPercent: figure(({ violationPercent }) => violationPercent.mean),
    podHours: figure(({ podHours }) => podHours.mean),
  };
}
