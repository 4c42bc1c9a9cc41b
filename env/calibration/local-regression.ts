/**
 * Locally weighted linear regression (Cleveland 1979): a curve through scattered samples without a formula for it. In each
 * neighbourhood a line is fitted with tricube weights; samples far from the curve lose their weight.
 */
import { median } from 'simple-statistics';

export interface Neighbourhood {
  readonly at: number;
  /** First and one past the last sample within it. */
  readonly from: number;
  readonly to: number;
  readonly halfWidth: number;
}

/** The nearest `count` samples of increasing `x` around each place, or all that lie within `halfWidth` if those are more. */
export function neighbourhoods(
  x: readonly number[],
  places: readonly number[],
  count: number,
  halfWidth: number,
): Neighbourhood[] {
  return places.map((at) => {
    let from = lowerBound(x, at);
    let to = from;
    while (to - from < Math.min(count, x.length)) {
      if (from > 0 && (to === x.length || at - x[from - 1] <= x[to] - at)) from--;
      else to++;
    }
    // A little wider than its farthest sample, which would have no weight otherwise.
    const reach = 1.05 * Math.max(at - x[from], x[to - 1] - at);
    const width = Math.max(halfWidth, reach, Number.MIN_VALUE);
    while (from > 0 && at - x[from - 1] < width) from--;
    while (to < x.length && x[to] - at < width) to++;
    return { at, from, to, halfWidth: width };
  });
}

/** Of samples close together, or few, the slope is mostly noise; this much less than theirs, at most, is the error of damping it. */
const slopeDamping = 0.02;

/** Value of the curve at the middle of each neighbourhood; NaN where all weights are 0. */
export function smooth(
  x: readonly number[],
  y: readonly number[],
  weights: ArrayLike<number>,
  around: readonly Neighbourhood[],
): number[] {
  return around.map(({ at, from, to, halfWidth }) => {
    let sum = 0;
    let sumX = 0;
    let sumY = 0;
    let sumXX = 0;
    let sumXY = 0;
    for (let i = from; i < to; i++) {
      const distance = Math.min(1, Math.abs(x[i] - at) / halfWidth);
      const weight = weights[i] * (1 - distance ** 3) ** 3;
      const dx = x[i] - at;
      sum += weight;
      sumX += weight * dx;
      sumY += weight * y[i];
      sumXX += weight * dx * dx;
      sumXY += weight * dx * y[i];
    }
    const [meanX, meanY] = [sumX / sum, sumY / sum];
    const variance = sumXX / sum - meanX * meanX;
    const slope = (sumXY / sum - meanX * meanY) / (variance + slopeDamping * halfWidth * halfWidth);
    return meanY - slope * meanX;
  });
}

/** Smaller deviations are never held against a sample: where there is no noise the curve's own bends deviate most. */
const smallestOutlier = 0.3;

/**
 * Weights that leave out what is far from the curve (bisquare at six median deviations, taken relative to the curve,
 * since noise of latency and CPU grows with them).
 */
export function robustWeights(
  x: readonly number[],
  y: readonly number[],
  places: readonly number[],
  curve: readonly number[],
) {
  const deviations = x.map((load, i) => {
    const expected = interpolate(places, curve, load);
    return expected > 0 ? Math.abs(y[i] / expected - 1) : Math.abs(y[i] - expected);
  });
  const medianDeviation = median(deviations);
  const limit = Math.max(smallestOutlier, 6 * medianDeviation);
  const weights = deviations.map((deviation) => (deviation < limit ? (1 - (deviation / limit) ** 2) ** 2 : 0));
  return { weights, medianDeviation };
}

/** Linear between places; held beyond the first and the last. */
export function interpolate(places: readonly number[], values: readonly number[], at: number): number {
  const right = lowerBound(places, at);
  if (right === 0) return values[0];
  if (right === places.length) return values[places.length - 1];
  const share = (at - places[right - 1]) / (places[right] - places[right - 1]);
  return values[right - 1] + share * (values[right] - values[right - 1]);
}

/** Index of the first value that is at least `limit`. */
function lowerBound(increasing: readonly number[], limit: number): number {
  let low = 0;
  let high = increasing.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (increasing[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
