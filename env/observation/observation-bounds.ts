/** Between which values a feature of the observation can lie, for learners that are told by their spaces. */
import type { AppModel } from '../apps/app-model.ts';

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

const between = (low: number, high: number): Bounds => ({ low, high });
const share = between(0, 1);
const unbounded = between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
const atLeastZero = between(0, Number.POSITIVE_INFINITY);
/** Capacity is estimated between a fifth of the app model's and five times it. */
const capacityLimit = Math.log(5);

/** By the feature's name without the numbers in it; a metric's features without the metric's name. */
const boundsByFeature: Readonly<Record<string, Bounds>> = {
  overThreshold: between(-1, 3),
  breach: between(-1, 2),
  rank: share,
  sinceReaction: share,
  recentReactions: share,
  'group.demandAt': between(-2, 2),
  'group.shortfallAt': between(-4, 4),
  'group.demandOfReady': between(-2, 2),
  'group.sizeOfMaximum': share,
  'group.pendingShare': share,
  'group.sinceChange': share,
  'capacity.fast': between(-capacityLimit, capacityLimit),
  'capacity.change': between(-2 * capacityLimit, 2 * capacityLimit),
  'latency.overSla': between(-2, 2),
  'latency.trend': between(-4, 4),
  'memory.size': between(-1, Number.POSITIVE_INFINITY),
  'delay.coldStart': atLeastZero,
  'delay.metricLag': atLeastZero,
  'delay.metricsMissing': share,
  'time.daySine': between(-1, 1),
  'time.dayCosine': between(-1, 1),
  'load.overLevel': unbounded,
  'load.forecastTrend': unbounded,
  'load.peak': unbounded,
  'load.trough': unbounded,
  'load.forecastBest': unbounded,
  'load.forecastDeviation': unbounded,
  'load.volatilityFast': atLeastZero,
  'load.volatilitySlow': atLeastZero,
  'load.largestRise': atLeastZero,
  'load.sinceRiseShort': share,
  'load.sinceRiseLong': share,
  'load.sinceFallShort': share,
  'load.risePhase': between(0, 2),
  'load.riseRegularity': share,
};

/**
 * Bounds of each of an observation builder's `names`.
 * @throws RangeError for a feature that is not known here
 */
export function observationBounds(names: readonly string[], app: AppModel): Bounds[] {
  return names.map((name) => {
    if (name === 'group.size') return between(0, Math.log2(app.maxGroupSize));
    const family = name.replace(/[-+]?\d+s?$/, '');
    const bounds = boundsByFeature[family] ?? boundsByFeature[name.slice(name.lastIndexOf('.') + 1)];
    if (bounds === undefined) throw new RangeError(`observation ${name}: its bounds are not known`);
    return bounds;
  });
}
