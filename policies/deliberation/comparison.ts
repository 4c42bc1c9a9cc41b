/** The two loops and the HPA's twin on the same traffic, per closed loop: running sums and the last interval's rewards. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { RewardWeights } from '../../env/reward/reward.ts';
import { createHpaShadow, type HpaShadow, type ShadowHpa } from './hpa-shadow.ts';
import { createIntervalReward, createLiveIntervals, type IntervalReward, type LiveIntervals } from './live-reward.ts';
import type { LoopBlock, LoopMemory } from './loop-block.ts';

/** Sums since the closed loop was first observed here; they only grow. */
export interface RunningOutcome {
  readonly seconds: number;
  readonly violationSeconds: number;
  readonly podSeconds: number;
  readonly scalingActions: number;
  readonly podChanges: number;
}

export interface LoopComparison {
  readonly live: RunningOutcome;
  readonly hpa: RunningOutcome;
  /** Of the last interval; undefined when there was none or it was not measured. */
  readonly reward: { readonly live: IntervalReward; readonly hpa: IntervalReward } | undefined;
}

export interface ComparisonOptions {
  readonly app: AppModel;
  readonly intervalSeconds: number;
  readonly weights: RewardWeights;
  readonly hpa: ShadowHpa;
}

export interface Comparison {
  /** Takes an observation into account: the interval that it ends. */
  update(memories: readonly LoopMemory[], second: number): void;
  hpaWouldBe(memory: LoopMemory, behavior: { minReplicas: number; maxReplicas: number }): number;
  of(key: string): LoopComparison | undefined;
  forget(key: string): void;
}

interface Beside {
  readonly shadow: HpaShadow;
  readonly intervals: LiveIntervals;
}

/** A loop that was silent for longer was not observed in between. */
const longestIntervals = 4;

type Sums = { -readonly [Name in keyof RunningOutcome]: number };
interface MutableComparison {
  readonly live: Sums;
  readonly hpa: Sums;
  lastSecond: number;
  reward: LoopComparison['reward'];
}

export function createComparison({ app, intervalSeconds, weights, hpa }: ComparisonOptions): Comparison {
  const rewardOf = createIntervalReward(app, weights);
  const blocks = new Map<LoopBlock, Beside>();
  const outcomes = new Map<string, MutableComparison>();

  function besideOf(block: LoopBlock): Beside {
    let beside = blocks.get(block);
    if (beside === undefined) {
      beside = {
        shadow: createHpaShadow(app, block, intervalSeconds, hpa),
        intervals: createLiveIntervals(app, block),
      };
      blocks.set(block, beside);
    }
    return beside;
  }

  function outcomeOf(key: string): MutableComparison {
    let outcome = outcomes.get(key);
    if (outcome === undefined) {
      outcome = { live: emptySums(), hpa: emptySums(), lastSecond: Number.NaN, reward: undefined };
      outcomes.set(key, outcome);
    }
    return outcome;
  }

  function updateLoop({ key, block, lane }: LoopMemory, second: number): void {
    const { shadow, intervals } = besideOf(block);
    const outcome = outcomeOf(key);
    const elapsed = second - outcome.lastSecond;
    outcome.lastSecond = second;
    const live = intervals.next(lane);
    const twin = shadow.interval(lane);
    // Both sides or none, so that the sums are of the same time.
    if (live === undefined || twin.ticks === 0 || !(elapsed > 0 && elapsed <= longestIntervals * intervalSeconds))
      return;
    add(outcome.live, live, elapsed);
    add(outcome.hpa, twin, elapsed / twin.ticks);
    outcome.reward = { live: rewardOf(live), hpa: rewardOf(twin) };
  }

  return {
    update(memories, second) {
      for (const outcome of outcomes.values()) outcome.reward = undefined;
      for (const block of new Set(memories.map((memory) => memory.block))) besideOf(block).shadow.advance(second);
      for (const memory of memories) updateLoop(memory, second);
    },
    hpaWouldBe: ({ block, lane }, { minReplicas, maxReplicas }) =>
      besideOf(block).shadow.wouldBe(lane, minReplicas, maxReplicas),
    of: (key) => outcomes.get(key),
    forget: (key) => void outcomes.delete(key),
  };
}

/** Of one interval: means over the closed loops that it was measured for, for a `RewardAccumulator`; undefined when for none. */
export function meanReward(
  comparisons: Iterable<LoopComparison | undefined>,
): { readonly reward: number; readonly advantage: number } | undefined {
  let loops = 0;
  let live = 0;
  let hpa = 0;
  for (const comparison of comparisons) {
    if (comparison?.reward === undefined) continue;
    loops++;
    live += comparison.reward.live.reward;
    hpa += comparison.reward.hpa.reward;
  }
  return loops === 0 ? undefined : { reward: live / loops, advantage: (live - hpa) / loops };
}

function emptySums(): Sums {
  return { seconds: 0, violationSeconds: 0, podSeconds: 0, scalingActions: 0, podChanges: 0 };
}

interface Interval {
  readonly ticks: number;
  readonly podTicks: number;
  readonly violationTicks: number;
  readonly podChanges: number;
  readonly scalingActions: number;
}

function add(sums: Sums, interval: Interval, secondsPerTick: number): void {
  sums.seconds += interval.ticks * secondsPerTick;
  sums.violationSeconds += interval.violationTicks * secondsPerTick;
  sums.podSeconds += interval.podTicks * secondsPerTick;
  sums.scalingActions += interval.scalingActions;
  sums.podChanges += interval.podChanges;
}
