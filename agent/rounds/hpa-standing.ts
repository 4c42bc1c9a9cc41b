/** How the closed loops of a DeliberativeLoop fare beside the HPA's twin, as figures. */
import { rewardTermNames } from '../../env/reward/reward.ts';
import { type LoopComparison, meanReward } from '../../policies/deliberation/comparison.ts';
import type { LoopFigures } from '../agent-metrics.ts';
import type { ComparedTime, Outcome } from '../compared-sums.ts';
import type { Job } from './decide.ts';

export interface HpaStanding {
  /** Of the interval that ends now; undefined when it was measured for none. */
  readonly interval: ReturnType<typeof meanReward>;
  readonly figures: Pick<LoopFigures, 'reward' | 'rewardAdvantage' | 'hpaDifference'>;
  /** Since this was asked last. */
  readonly compared: ComparedTime;
}

/** What was taken before of comparisons, which go on growing. */
export interface CountedComparisons {
  /** Of a loop that was not measured this time the last reward is still there. */
  readonly rewards: WeakSet<object>;
  readonly times: WeakMap<LoopComparison, ComparedTime>;
}

export function createCountedComparisons(): CountedComparisons {
  return { rewards: new WeakSet(), times: new WeakMap() };
}

export function standingBesideHpa(
  { tuner, loops }: Pick<Job, 'tuner' | 'loops'>,
  counted: CountedComparisons,
): HpaStanding {
  const { deliberation } = tuner.incumbent;
  const comparisons = loops.flatMap(({ key }) => deliberation?.comparison(key) ?? []);
  const fresh = comparisons.filter(({ reward }) => reward !== undefined && !counted.rewards.has(reward));
  const rewards = fresh.flatMap(({ reward }) => reward?.live ?? []);
  for (const { reward } of fresh) if (reward !== undefined) counted.rewards.add(reward);
  const difference = (name: 'violationSeconds' | 'podSeconds' | 'scalingActions') =>
    comparisons.reduce((sum, { live, hpa }) => sum + live[name] - hpa[name], 0);
  const interval = meanReward(fresh);
  return {
    interval,
    compared: sum(comparisons.map((comparison) => newTime(comparison, counted))),
    figures: {
      rewardAdvantage: interval?.advantage,
      reward:
        rewards.length === 0
          ? undefined
          : Object.fromEntries(
              rewardTermNames.map((term) => [
                term,
                -rewards.reduce((sum, { terms }) => sum + terms[term], 0) / rewards.length,
              ]),
            ),
      hpaDifference:
        comparisons.length === 0
          ? undefined
          : {
              violationSeconds: difference('violationSeconds'),
              podSeconds: difference('podSeconds'),
              scalingActions: difference('scalingActions'),
            },
    },
  };
}

/** A new deliberation begins with comparisons of its own, from zero. */
function newTime(comparison: LoopComparison, { times }: CountedComparisons): ComparedTime {
  const before = times.get(comparison) ?? noTime;
  const now = {
    seconds: comparison.live.seconds,
    live: outcomeOf(comparison.live),
    hpa: outcomeOf(comparison.hpa),
  };
  times.set(comparison, now);
  return combined(now, before, -1);
}

function sum(times: readonly ComparedTime[]): ComparedTime {
  return times.reduce((all, time) => combined(all, time, 1), noTime);
}

function combined(a: ComparedTime, b: ComparedTime, sign: 1 | -1): ComparedTime {
  const outcome = (one: Outcome, other: Outcome): Outcome => ({
    violationSeconds: one.violationSeconds + sign * other.violationSeconds,
    podSeconds: one.podSeconds + sign * other.podSeconds,
    scalingActions: one.scalingActions + sign * other.scalingActions,
  });
  return { seconds: a.seconds + sign * b.seconds, live: outcome(a.live, b.live), hpa: outcome(a.hpa, b.hpa) };
}

function outcomeOf({ violationSeconds, podSeconds, scalingActions }: Outcome): Outcome {
  return { violationSeconds, podSeconds, scalingActions };
}

const nothing: Outcome = { violationSeconds: 0, podSeconds: 0, scalingActions: 0 };
const noTime: ComparedTime = { seconds: 0, live: nothing, hpa: nothing };
