/** Statistics that a few wild samples do not move, and whose uncertainty allows for samples that depend on each other. */
import { quantileSorted } from 'simple-statistics';
import type { Draw } from '../random.ts';

/**
 * Slope of y = slope × x by least absolute deviations: the median of y ÷ x, weighted by x. Samples without x are left out.
 * To be asked again and again, with how often each sample counts; NaN without samples.
 */
export function slopeThroughOrigin(x: readonly number[], y: readonly number[]): (times?: ArrayLike<number>) => number {
  const ratios = x.map((value, i) => y[i] / value);
  const order = x
    .map((_, i) => i)
    .filter((i) => x[i] > 0)
    .sort((a, b) => ratios[a] - ratios[b]);
  return (times) => {
    const weight = (i: number) => x[i] * (times?.[i] ?? 1);
    let half = 0;
    for (const i of order) half += weight(i) / 2;
    let below = 0;
    for (const i of order) {
      below += weight(i);
      if (below >= half && below > 0) return ratios[i];
    }
    return Number.NaN;
  };
}

/**
 * Non-decreasing values closest to those given in least squares: pool adjacent violators (Barlow et al. 1972).
 */
export function isotonic(values: readonly number[], weights: readonly number[]): number[] {
  const pools: { value: number; weight: number; count: number }[] = [];
  for (const [i, value] of values.entries()) {
    let pool = { value, weight: weights[i], count: 1 };
    for (let last = pools.at(-1); last !== undefined && last.value > pool.value; last = pools.at(-1)) {
      pools.pop();
      const weight = last.weight + pool.weight;
      const mean = weight > 0 ? (last.value * last.weight + pool.value * pool.weight) / weight : last.value;
      pool = { value: mean, weight, count: last.count + pool.count };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ value, count }) => new Array<number>(count).fill(value));
}

/** The middle 95 % of what was drawn. */
export function interval95(values: readonly number[]): { low: number; high: number } {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return { low: Number.NaN, high: Number.NaN };
  return { low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975) };
}

/**
 * A bootstrap's way to count samples: whole stretches of `blockSteps` steps are drawn with replacement, because
 * neighbours in time have the same rate window, and the same state of the application, in common.
 *
 * @param steps of the samples
 * @returns how often each sample counts
 */
export function drawMultiplicity(steps: readonly number[], blockSteps: number, draw: Draw): Float64Array {
  const blockOf = steps.map((step) => Math.floor(step / blockSteps));
  const blocks = [...new Set(blockOf)];
  const times = new Map<number, number>();
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[Math.floor(draw.uniform(0, blocks.length))];
    times.set(block, (times.get(block) ?? 0) + 1);
  }
  return Float64Array.from(blockOf, (block) => times.get(block) ?? 0);
}
