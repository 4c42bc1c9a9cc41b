/** One curve of a measured app model: latency, CPU and memory of so many pods against load, each with its uncertainty. */
import { mean } from 'simple-statistics';
import type { MeasuredCurve } from '../apps/app-model.ts';
import type { Draw } from '../random.ts';
import type { ServiceHistory } from './history.ts';
import { interpolate, type Neighbourhood, neighbourhoods, robustWeights, smooth } from './local-regression.ts';
import { drawMultiplicity, interval95, isotonic } from './robust-statistics.ts';
import { isMeasured } from './steady-steps.ts';

/** What so many pods were seen to do at one step. */
export interface MeasuredSample {
  readonly step: number;
  /** Of all pods together, requests/s. */
  readonly load: number;
  readonly p95Milliseconds: number;
  readonly cpuPercent: number;
  readonly memory: number;
}

export interface Estimate {
  readonly value: number;
  /** 95 % interval, by bootstrap. */
  readonly low: number;
  readonly high: number;
}

export interface FittedPoint {
  readonly load: number;
  readonly p95Milliseconds: Estimate;
  readonly cpuPercent: Estimate;
  readonly memory: Estimate;
  /** Samples near it. */
  readonly samples: number;
  /** Enough samples near it, and p95 and CPU known to 10 %. */
  readonly trusted: boolean;
}

export interface FittedCurve {
  readonly replicas: number;
  readonly samples: readonly MeasuredSample[];
  readonly points: readonly FittedPoint[];
  /** Median deviation of a sample from the curve, percent of the curve's value. */
  readonly scatterPercent: Readonly<Record<Quantity, number>>;
}

export type Quantity = 'p95Milliseconds' | 'cpuPercent' | 'memory';
export const quantities = ['p95Milliseconds', 'cpuPercent', 'memory'] as const satisfies readonly Quantity[];

/** A replica count of fewer samples, or of hardly any difference in load, has no curve of its own. */
export const fewestSamples = 8;
export const smallestLoadSpread = 0.05;
const mostPoints = 40;
const fewestPerPoint = 3;
/** Samples farther apart than so many points are of different groups. */
const widestGap = 3;
/** What a point is fitted to, at least, and the share of all samples that it is fitted to where those are many. */
const fewestNear = 5;
const shareNear = 0.04;
const resamples = 100;
/** Of a short history less, or nothing would be left to draw from. */
const longestBlockSteps = 5;
const fewestBlocks = 12;

/** Samples of the steps marked in `steady`, by replica count; those that lack a measurement are left out. */
export function samplesByReplicas(service: ServiceHistory, steady: Uint8Array): Map<number, MeasuredSample[]> {
  const byReplicas = new Map<number, MeasuredSample[]>();
  for (let step = 0; step < steady.length; step++) {
    const load = service.requestsPerSecond[step];
    const p95Milliseconds = service.p95Milliseconds[step];
    const cpuPercent = service.cpuPercent[step];
    const memory = service.memoryPercent[step];
    if (steady[step] !== 1 || !(load > 0) || !(p95Milliseconds > 0)) continue;
    if (![load, p95Milliseconds, cpuPercent, memory].every(isMeasured)) continue;
    const replicas = service.readyPods[step];
    const samples = byReplicas.get(replicas) ?? [];
    samples.push({ step, load, p95Milliseconds, cpuPercent, memory });
    byReplicas.set(replicas, samples);
  }
  return byReplicas;
}

/** Whether there are enough samples, of loads that differ enough, for a curve. */
export function hasCurve(samples: readonly MeasuredSample[]): boolean {
  if (samples.length < fewestSamples) return false;
  const loads = samples.map(({ load }) => load).sort((a, b) => a - b);
  const [low, high] = usualRange(loads);
  return high - low >= smallestLoadSpread * high;
}

/** Of increasing loads, without the outermost ones: a single wild sample is no range. */
function usualRange(loads: readonly number[]): [number, number] {
  const outermost = Math.min(2, Math.floor(loads.length / 10));
  return [loads[outermost], loads[loads.length - 1 - outermost]];
}

/** For samples of which `hasCurve` holds. */
export function fitCurve(replicas: number, unsorted: readonly MeasuredSample[], draw: Draw): FittedCurve {
  const samples = [...unsorted].sort((a, b) => a.load - b.load);
  const loads = samples.map(({ load }) => load);
  const around = placesOf(loads);
  const places = around.map(({ at }) => at);
  const steps = samples.map(({ step }) => step);
  const blockSteps = Math.max(1, Math.min(longestBlockSteps, Math.floor(samples.length / fewestBlocks)));
  const multiplicities = Array.from({ length: resamples }, () => drawMultiplicity(steps, blockSteps, draw));
  const counts = around.map(({ from, to }) => to - from);
  const fits = quantities.map((quantity) => {
    const values = samples.map((sample) => sample[quantity]);
    const first = smooth(loads, values, new Float64Array(values.length).fill(1), around);
    const { weights, medianDeviation } = robustWeights(loads, values, places, first);
    const finish = (curve: number[]) => (quantity === 'cpuPercent' ? isotonic(curve, counts) : curve);
    // Where every sample is an outlier to its neighbours, they are what there is.
    const curve = finish(
      smooth(loads, values, weights, around).map((value, i) => (Number.isNaN(value) ? first[i] : value)),
    );
    const drawn = multiplicities.map((multiplicity) =>
      finish(
        smooth(
          loads,
          values,
          multiplicity.map((times, i) => times * weights[i]),
          around,
        ),
      ),
    );
    const estimates = curve.map((value, i): Estimate => {
      const { low, high } = interval95(drawn.map((one) => one[i]));
      return { value: Math.max(value, quantity === 'p95Milliseconds' ? lowest(values) : 0), low, high };
    });
    return { estimates, scatterPercent: 100 * medianDeviation };
  });
  const points = around.map(({ at }, i): FittedPoint => {
    const [p95Milliseconds, cpuPercent, memory] = fits.map(({ estimates }) => estimates[i]);
    const trusted = counts[i] >= fewestNear && isKnown(p95Milliseconds) && isKnown(cpuPercent);
    return { load: at, p95Milliseconds, cpuPercent, memory, samples: counts[i], trusted };
  });
  const [p95Milliseconds, cpuPercent, memory] = fits.map(({ scatterPercent }) => scatterPercent);
  return { replicas, samples, points, scatterPercent: { p95Milliseconds, cpuPercent, memory } };
}

/**
 * Where the samples are: at the mean of each group of neighbours that spans a fortieth of the range and has a few samples.
 * Between groups that lie apart the curve is a straight line, and nothing is fitted where nothing was seen.
 */
function placesOf(loads: readonly number[]): Neighbourhood[] {
  const [low, high] = usualRange(loads);
  const spacing = (high - low) / mostPoints;
  const groups: number[][] = [[]];
  for (const [i, load] of loads.entries()) {
    const group = groups[groups.length - 1];
    const apart = i > 0 && load - loads[i - 1] > widestGap * spacing;
    const full = group.length >= fewestPerPoint && load - group[0] >= spacing;
    if (apart || full) groups.push([load]);
    else group.push(load);
  }
  const known = groups.filter((group) => group.length >= fewestPerPoint);
  // Where all samples are far from each other they are all that there is.
  const places = (known.length >= 2 ? known : groups).map((group) => mean(group));
  return neighbourhoods(loads, places, Math.max(fewestNear, shareNear * loads.length), spacing);
}

const lowest = (values: readonly number[]) =>
  values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);

const isKnown = ({ value, low, high }: Estimate) => high - low <= 0.2 * value;

/** As an app model has it. */
export function toMeasuredCurve({ replicas, points }: FittedCurve): MeasuredCurve {
  const values = (quantity: Quantity) => points.map((point) => point[quantity].value);
  return {
    replicas,
    load: points.map(({ load }) => load),
    p95Milliseconds: values('p95Milliseconds'),
    cpuPercent: values('cpuPercent'),
    memory: values('memory'),
  };
}

/** Value of a curve at a total load within it. */
export function valueAt(curve: MeasuredCurve, quantity: Quantity, load: number): number {
  return interpolate(curve.load, curve[quantity], load);
}
