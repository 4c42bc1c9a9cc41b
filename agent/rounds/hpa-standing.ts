/** How the closed loops of a DeliberativeLoop fare beside the HPA's twin, as figures. */
import { rewardTermNames } from '../../env/reward/reward.ts';
import { meanReward } from '../../policies/deliberation/comparison.ts';
import type { LoopFigures } from '../agent-metrics.ts';
import type { Job } from './decide.ts';

export interface HpaStanding {
  /** Of the interval that ends now; undefined when it was measured for none. */
  readonly interval: ReturnType<typeof meanReward>;
  readonly figures: Pick<LoopFigures, 'reward' | 'hpaDifference'>;
}

/** @param counted rewards that were taken before: of a loop that was not measured this time the last one is still there */
export function standingBesideHpa(
  { tuner, loops }: Pick<Job, 'tuner' | 'loops'>,
  counted: WeakSet<object>,
): HpaStanding {
  const { deliberation } = tuner.incumbent;
  const comparisons = loops.flatMap(({ key }) => deliberation?.comparison(key) ?? []);
  const fresh = comparisons.filter(({ reward }) => reward !== undefined && !counted.has(reward));
  const rewards = fresh.flatMap(({ reward }) => reward?.live ?? []);
  for (const { reward } of fresh) if (reward !== undefined) counted.add(reward);
  const difference = (name: 'violationSeconds' | 'podSeconds' | 'scalingActions') =>
    comparisons.reduce((sum, { live, hpa }) => sum + live[name] - hpa[name], 0);
  return {
    interval: meanReward(fresh),
    figures: {
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
