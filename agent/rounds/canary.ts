/** What a canary would have proposed, summed up beside the policy in force. Pure. */
import type { DeliberativeLoopStatus } from '../../policies/resources/deliberative-loop.ts';

export type CanarySummary = NonNullable<DeliberativeLoopStatus['canary']>;

/** One closed loop at one moment; sizes are those that the target would have, undefined when a policy abstains. */
export interface CanaryComparison {
  readonly canarySize: number | undefined;
  readonly incumbentSize: number | undefined;
}

export function newCanary(sha256: string, since: string): CanarySummary {
  return { sha256, since, decisions: 0, abstentions: 0 };
}

/**
 * The summary after one more interval. Means run over intervals, each with equal weight, so that they can go on from what a
 * status holds after a restart.
 */
export function addToCanary(before: CanarySummary, comparisons: readonly CanaryComparison[]): CanarySummary {
  if (comparisons.length === 0) return before;
  const decisions = before.decisions + 1;
  const abstentions = comparisons.filter(({ canarySize }) => canarySize === undefined).length;
  const both = comparisons.filter((pair) => pair.canarySize !== undefined && pair.incumbentSize !== undefined);
  const agreeing = both.filter(({ canarySize, incumbentSize }) => canarySize === incumbentSize).length;
  const running = (mean: number | undefined, value: number | undefined) => {
    if (value === undefined) return mean;
    return mean === undefined ? value : mean + (value - mean) / decisions;
  };
  return defined({
    ...before,
    decisions,
    abstentions: before.abstentions + abstentions,
    agreementPercent: running(before.agreementPercent, both.length > 0 ? (100 * agreeing) / both.length : undefined),
    meanSetPoint: running(before.meanSetPoint, meanOf(both.map(({ canarySize }) => canarySize))),
    incumbentMeanSetPoint: running(
      before.incumbentMeanSetPoint,
      meanOf(both.map(({ incumbentSize }) => incumbentSize)),
    ),
  });
}

function meanOf(sizes: readonly (number | undefined)[]): number | undefined {
  if (sizes.length === 0) return undefined;
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) / sizes.length;
}

function defined(summary: CanarySummary): CanarySummary {
  return Object.fromEntries(Object.entries(summary).filter(([, value]) => value !== undefined)) as CanarySummary;
}
