/** Fits one service by measured curves. */
import type { AppModel, MeasuredServing } from '../apps/app-model.ts';
import { UserError } from '../errors.ts';
import type { Draw } from '../random.ts';
import { type CompletedCurves, completeCurves } from './complete-curves.ts';
import {
  type FittedCurve,
  fewestSamples,
  fitCurve,
  hasCurve,
  type MeasuredSample,
  samplesByReplicas,
  toMeasuredCurve,
} from './fit-curve.ts';
import type { History } from './history.ts';
import { settledBlocks } from './settled-blocks.ts';
import { isMeasured } from './steady-steps.ts';

export interface MeasuredFit {
  readonly kind: 'measured';
  readonly service: AppModel['services'][number];
  readonly serving: MeasuredServing;
  /** Those that were seen, by increasing replicas. */
  readonly curves: readonly FittedCurve[];
  readonly completed: CompletedCurves;
  readonly warnings: readonly string[];
}

/** Digits of an app model's numbers: more than any measurement has. */
const digits = 5;

/** @throws UserError CALIBRATION_REFUSED when too little was seen: what is missing and how to get it */
export function fitMeasured(history: History, slaP95Milliseconds: number, draw: Draw): MeasuredFit {
  const blocks = settledBlocks(history);
  const [measured] = blocks.history.services;
  const service = measured.memoryPercent.some(isMeasured)
    ? measured
    : { ...measured, memoryPercent: new Float64Array(measured.memoryPercent.length) };
  const byReplicas = new Map([...samplesByReplicas(service, blocks.steady[0])].sort(([a], [b]) => a - b));
  const enough = [...byReplicas].filter(([, samples]) => hasCurve(samples));
  if (enough.length < 2) throw tooFew(service.name, byReplicas, blocks.history.stepSeconds);
  const curves = enough.map(([replicas, samples]) => fitCurve(replicas, samples, draw));
  const completed = completeCurves(curves.map(toMeasuredCurve), slaP95Milliseconds);
  const minReplicas = curves[0].replicas;
  const maxReplicas = curves[curves.length - 1].replicas;
  return {
    kind: 'measured',
    service: { name: service.name, minReplicas, maxReplicas, ratio: 1 },
    serving: {
      kind: 'measured',
      curves: completed.curves.map(({ curve }) => ({
        replicas: curve.replicas,
        load: curve.load.map(rounded),
        p95Milliseconds: curve.p95Milliseconds.map(rounded),
        cpuPercent: curve.cpuPercent.map(rounded),
        memory: curve.memory.map(rounded),
      })),
    },
    curves,
    completed,
    warnings: [
      ...warningsOf(curves, completed),
      ...leftOut(byReplicas, curves),
      ...(service === measured
        ? []
        : ['memory is not known (no limits, or no metrics): it is 0 in the model, so let no metric of memory decide']),
    ],
  };
}

const rounded = (value: number) => Number(value.toPrecision(digits));
const short = (value: number) => String(Number(value.toPrecision(3)));

function tooFew(
  name: string,
  byReplicas: ReadonlyMap<number, readonly MeasuredSample[]>,
  stepSeconds: number,
): UserError {
  const seen = [...byReplicas].map(([replicas, samples]) => `${replicas} (${describeLoads(samples)})`);
  const minutes = Math.ceil((fewestSamples * stepSeconds) / 60);
  return new UserError(
    'CALIBRATION_REFUSED',
    `${name} was seen long enough under different loads at fewer than two replica counts; steady with all measurements: ${seen.length > 0 ? seen.join(', ') : 'none'}. At least two need ${fewestSamples} steps of ${stepSeconds} s each while the load changes: record a longer or busier time, or scale by hand and keep each size for ${minutes} minutes or more while the load rises or falls`,
  );
}

function describeLoads(samples: readonly MeasuredSample[]): string {
  const loads = samples.map(({ load }) => load);
  const low = loads.reduce((least, load) => Math.min(least, load), Number.POSITIVE_INFINITY);
  const high = loads.reduce((most, load) => Math.max(most, load), 0);
  return `${samples.length} steps at ${short(low)} to ${short(high)} requests/s`;
}

function warningsOf(curves: readonly FittedCurve[], completed: CompletedCurves): string[] {
  const warnings: string[] = [];
  const first = curves[0].replicas;
  if (first > 1) {
    warnings.push(
      `fewer than ${first} replicas were never seen: their curves are that of ${first} in load per pod, and minReplicas is ${first}`,
    );
  }
  const between = completed.curves.filter(({ origin }) => origin === 'between').map(({ curve }) => curve.replicas);
  if (between.length > 0) {
    warnings.push(`${between.join(', ')} replicas were not seen long enough: interpolated by load per pod`);
  }
  const highest = completed.highestLoadPerPod;
  if (completed.assumedEnd) {
    warnings.push(
      `no pod was seen above ${short(highest)} requests/s, where the SLA still held: beyond it the model assumes that the SLA breaks; record a busier hour or scale down by hand to learn more`,
    );
  }
  const early = curves
    .map(({ replicas, points }) => ({ replicas, reach: points[points.length - 1].load }))
    .filter(({ replicas, reach }) => reach / replicas < 0.5 * highest)
    .map(({ replicas, reach }) => `${replicas} above ${short(reach)}`);
  if (early.length > 0) {
    warnings.push(
      `never seen, in replicas and requests/s: ${early.join(', ')}: beyond, these curves go on by those of fewer pods; record a busier hour, or scale by hand at the peak`,
    );
  }
  const thin = curves
    .map(({ replicas, points }) => ({
      replicas,
      all: points.length,
      thin: points.filter(({ trusted }) => !trusted).length,
    }))
    .filter((one) => one.thin > 0);
  if (thin.length > 0) {
    const counts = thin.map(({ replicas, thin: few, all }) => `${replicas}: ${few} of ${all}`).join(', ');
    warnings.push(`points of the curves that are not known to 10 %, by replicas: ${counts}`);
  }
  return warnings;
}

/** Counts above the highest with a curve are not part of the model at all. */
function leftOut(byReplicas: ReadonlyMap<number, readonly MeasuredSample[]>, curves: readonly FittedCurve[]): string[] {
  const highest = curves[curves.length - 1].replicas;
  return [...byReplicas]
    .filter(([replicas]) => replicas > highest)
    .map(
      ([replicas, samples]) =>
        `${replicas} replicas were seen too shortly (${describeLoads(samples)}) and are left out: maxReplicas is ${highest}`,
    );
}
