/** How sure a difference between two policies is: paired, by the bootstrap over windows of time. Pure. */
import { quantileSorted } from 'simple-statistics';
import type { Draw } from '../../env/random.ts';

/** What a policy came to in one window of one trace. */
export interface WindowOutcome {
  readonly ticks: number;
  readonly violationTicks: number;
  /** Pods, billed, summed over the ticks. */
  readonly podTicks: number;
}

/** One-sided bounds at `confidence`: the true difference is above `low`, and below `high`. */
export interface Spread {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface Difference {
  /** Candidate − rival, percentage points of the time. */
  readonly violationPoints: Spread;
  /** Candidate ÷ rival − 1, percent. */
  readonly podHoursPercent: Spread;
}

export const confidence = 0.95;
const resamples = 2000;

/**
 * The differences over all windows, and how they scatter when windows are drawn with replacement (Efron 1979). A window is
 * as long as what happens in it is one event, so windows are taken to be independent; a policy's are those of the other.
 */
export function differenceOf(
  candidate: readonly WindowOutcome[],
  rival: readonly WindowOutcome[],
  draw: Draw,
): Difference {
  const count = candidate.length;
  const all = differenceOver(candidate, rival, (i) => i);
  const violationPoints = new Float64Array(resamples);
  const podHoursPercent = new Float64Array(resamples);
  const drawn = new Int32Array(count);
  for (let resample = 0; resample < resamples; resample++) {
    for (let i = 0; i < count; i++) drawn[i] = Math.floor(draw.uniform(0, count));
    const difference = differenceOver(candidate, rival, (i) => drawn[i]);
    violationPoints[resample] = difference.violationPoints;
    podHoursPercent[resample] = difference.podHoursPercent;
  }
  return {
    violationPoints: spreadOf(all.violationPoints, violationPoints),
    podHoursPercent: spreadOf(all.podHoursPercent, podHoursPercent),
  };
}

function differenceOver(
  candidate: readonly WindowOutcome[],
  rival: readonly WindowOutcome[],
  pick: (i: number) => number,
): { violationPoints: number; podHoursPercent: number } {
  let ticks = 0;
  let violationTicks = 0;
  let podTicks = 0;
  let rivalPodTicks = 0;
  for (let i = 0; i < candidate.length; i++) {
    const ours = candidate[pick(i)];
    const theirs = rival[pick(i)];
    ticks += ours.ticks;
    violationTicks += ours.violationTicks - theirs.violationTicks;
    podTicks += ours.podTicks;
    rivalPodTicks += theirs.podTicks;
  }
  return { violationPoints: (100 * violationTicks) / ticks, podHoursPercent: 100 * (podTicks / rivalPodTicks - 1) };
}

function spreadOf(mean: number, values: Float64Array): Spread {
  const sorted = Array.from(values.sort());
  return { mean, low: quantileSorted(sorted, 1 - confidence), high: quantileSorted(sorted, confidence) };
}

/** How far above the rival the upper bound may be where the mean is not: wider spreads need more traffic. */
export const margins = { violationPoints: 0.5, podHoursPercent: 2 } as const;

/**
 * The rule: on average neither more violations nor more pod-hours than the rival, neither possibly so by more than the
 * margin, and one of the two surely less. Fewer violations bought with pods do not count, nor pods saved by violations.
 */
export function beats({ violationPoints, podHoursPercent }: Difference): boolean {
  const isNoWorse = ({ mean, high }: Spread, margin: number) => mean <= 0 && high <= margin;
  return (
    isNoWorse(violationPoints, margins.violationPoints) &&
    isNoWorse(podHoursPercent, margins.podHoursPercent) &&
    (violationPoints.high < 0 || podHoursPercent.high < 0)
  );
}
