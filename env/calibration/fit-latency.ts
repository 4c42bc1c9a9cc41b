/**
 * Fixed time and variation of a service's visits from p95 against utilisation, CPU times being known: Levenberg–Marquardt
 * on the simulator's own kernel. What a service calls is fitted before it, so that each fit has two unknowns.
 */
import { levenbergMarquardt } from 'ml-levenberg-marquardt';
import { median } from 'simple-statistics';
import type { Draw } from '../random.ts';
import type { ApplicationPart, ServiceDemand } from './application-part.ts';
import type { Estimate } from './fit-curve.ts';
import { drawMultiplicity, interval95 } from './robust-statistics.ts';

export interface LatencyFit {
  readonly fixedMilliseconds: Estimate;
  readonly squaredVariation: Estimate;
  /** Median deviation of measured from modelled p95, percent. */
  readonly scatterPercent: number;
}

const highestSquaredVariation = 25;
const iterations = 20;
/** Of a resample, which begins at the solution of all samples. */
const resampleIterations = 6;
const resamples = 15;
const blockSteps = 5;
/** Where data tell nothing of the variation it stays near that of an exponential time: one sample's worth of belief. */
const priorWeight = 0.025;

/**
 * @param root index of the service among those of the application
 * @param steps of the part's lanes
 * @param p95Milliseconds as measured, per lane
 */
export function fitLatency(
  part: ApplicationPart,
  root: number,
  demands: readonly ServiceDemand[],
  steps: readonly number[],
  p95Milliseconds: readonly number[],
  draw: Draw,
): LatencyFit {
  const lowest = p95Milliseconds.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const model = ([fixedShare, squaredVariation]: readonly number[]) =>
    part.run(
      demands.map((demand, i) =>
        i === root ? { ...demand, fixedMilliseconds: fixedShare * lowest, squaredVariation } : demand,
      ),
    ).p95Milliseconds;
  const solve = (weights: ArrayLike<number>, start: readonly number[], maxIterations = iterations) => {
    const lanes = p95Milliseconds.length;
    const used = Array.from({ length: lanes }, (_, lane) => lane).filter((lane) => weights[lane] > 0);
    const result = levenbergMarquardt(
      { x: [...used, lanes], y: [...used.map(() => 1), 1] },
      (parameters) => {
        const modelled = model(parameters);
        // Relative to what was measured; the last point is the belief about the variation.
        return (lane) =>
          lane < lanes ? modelled[lane] / p95Milliseconds[lane] : 1 + priorWeight * (parameters[1] - 1);
      },
      {
        initialValues: start,
        minValues: [0, 0],
        maxValues: [1, highestSquaredVariation],
        gradientDifference: [1e-3, 1e-2],
        weights: [...used.map((lane) => 1 / Math.sqrt(weights[lane])), 1],
        maxIterations,
        errorTolerance: 1e-9,
      },
    );
    return { parameters: result.parameterValues, error: result.parameterError };
  };
  const all = new Float64Array(p95Milliseconds.length).fill(1);
  const starts = [0.3, 1, 4].map((variation) => [0.2, variation]);
  const first = starts.map((start) => solve(all, start)).reduce((best, one) => (one.error < best.error ? one : best));
  const weights = withoutOutliers(model(first.parameters), p95Milliseconds);
  const { parameters } = solve(weights, first.parameters);
  const drawn = Array.from({ length: resamples }, () => {
    const times = drawMultiplicity(steps, blockSteps, draw);
    return solve(
      times.map((count, lane) => count * weights[lane]),
      parameters,
      resampleIterations,
    ).parameters;
  });
  const estimate = (index: number, scale: number): Estimate => {
    const { low, high } = interval95(drawn.map((one) => scale * one[index]));
    return { value: scale * parameters[index], low, high };
  };
  const deviations = [...model(parameters)].map((modelled, lane) => Math.abs(p95Milliseconds[lane] / modelled - 1));
  return {
    fixedMilliseconds: estimate(0, lowest),
    squaredVariation: estimate(1, 1),
    scatterPercent: 100 * median(deviations),
  };
}

/** 0 for what is more than five median deviations off: a release, a cold cache, a neighbour. */
function withoutOutliers(modelled: Float32Array, measured: readonly number[]): Float64Array {
  const deviations = measured.map((value, lane) => Math.abs(modelled[lane] / value - 1));
  const limit = Math.max(5 * median(deviations), 1e-6);
  return Float64Array.from(deviations, (deviation) => (deviation <= limit ? 1 : 0));
}
