/**
 * From a p95 to the buckets of a request histogram, such that `histogram_quantile(0.95, …)` gives that p95 back.
 *
 * The model says no more of a latency than its p95. Its shape here is lognormal, as in the queueing model, with a fixed
 * spread. Bounds are ten to the decade (the R10 series), each at most 28 % above the last, and interpolating straight
 * through a bucket of a lognormal would read up to 3 % too high; so the distribution is shifted until PromQL's own
 * interpolation hits the p95. A p95 that holds still is thus reproduced exactly, and one that moves within the query's
 * window is some mean of its values, at most a bucket (28 %) beside the 95th percentile of what was served.
 */
import { errorFunction } from 'simple-statistics';

/** Standard deviation of ln(latency): the p95 is 2.3 times the median. */
const spread = 0.5;
const z95 = 1.6448536269514722;

/** Upper bounds of the buckets but the last (+Inf), milliseconds: 0.1 to 31,500 by R10. */
export const bucketBoundsMilliseconds: readonly number[] = boundsBetween(0.1, 31_500);

export interface LatencyDistribution {
  /** Share of the requests in each bucket, the last being +Inf; they add up to 1. */
  readonly shares: Float64Array;
  readonly meanMilliseconds: number;
}

/** A distribution to be filled by `distributeLatency` again and again. */
export function createLatencyDistribution(): { shares: Float64Array; meanMilliseconds: number } {
  return { shares: new Float64Array(bucketBoundsMilliseconds.length + 1), meanMilliseconds: 0 };
}

/** Fills `into` with the distribution whose interpolated 95th percentile is `p95Milliseconds` (positive). */
export function distributeLatency(p95Milliseconds: number, into: { shares: Float64Array; meanMilliseconds: number }) {
  // Above the highest bound PromQL answers with that bound, whatever the shape.
  const reachable = Math.min(p95Milliseconds, bucketBoundsMilliseconds[bucketBoundsMilliseconds.length - 1]);
  let median = p95Milliseconds * Math.exp(-z95 * spread);
  for (let round = 0; round < 12; round++) {
    fillShares(median, into.shares);
    const read = interpolatedQuantile(0.95, into.shares);
    if (Math.abs(read / reachable - 1) < 1e-6) break;
    // What is read grows nearly in proportion to the median, so this converges within a few rounds.
    median *= reachable / read;
  }
  into.meanMilliseconds = median * Math.exp((spread * spread) / 2);
}

/** What PromQL's histogram_quantile makes of bucket counts (in milliseconds); NaN when they are all 0. */
export function interpolatedQuantile(quantile: number, counts: Readonly<Float64Array>): number {
  const bounds = bucketBoundsMilliseconds;
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket];
  if (!(total > 0)) return Number.NaN;
  const rank = quantile * total;
  let below = 0;
  for (let bucket = 0; bucket < bounds.length; bucket++) {
    const inside = counts[bucket];
    if (below + inside >= rank) {
      const low = bucket === 0 ? 0 : bounds[bucket - 1];
      return low + (bounds[bucket] - low) * ((rank - below) / inside);
    }
    below += inside;
  }
  return bounds[bounds.length - 1];
}

function fillShares(medianMilliseconds: number, shares: Float64Array): void {
  let below = 0;
  for (const [bucket, bound] of bucketBoundsMilliseconds.entries()) {
    const upTo = (1 + errorFunction(Math.log(bound / medianMilliseconds) / (spread * Math.SQRT2))) / 2;
    shares[bucket] = Math.max(0, upTo - below);
    below = Math.max(below, upTo);
  }
  shares[shares.length - 1] = Math.max(0, 1 - below);
}

function boundsBetween(lowest: number, highest: number): number[] {
  const steps = [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8];
  const bounds: number[] = [];
  for (let decade = -1; decade <= 4; decade++) {
    for (const step of steps) {
      const bound = Number((step * 10 ** decade).toPrecision(3));
      if (bound >= lowest && bound <= highest) bounds.push(bound);
    }
  }
  return bounds;
}
