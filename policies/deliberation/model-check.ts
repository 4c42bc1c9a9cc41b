/**
 * Whether p95 goes with what the app model makes of the same load and pods. The features cannot tell: latency is cut off
 * at a few times the SLA, and every level of it is met in training.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import { createServingKernel } from '../../env/simulator/create-kernel.ts';
import type { ServingKernel, ServingOutput } from '../../env/simulator/serving-kernel.ts';
import type { LoopBlock } from './loop-block.ts';
import type { Finding } from './measurement-check.ts';

export interface ModelCheck {
  /** Takes the newest measurements of a block into account, all lanes; call once per observation. */
  update(): void;
  finding(lane: number): Finding | undefined;
}

const residualSeconds = 600;
/** Logarithm of measured over expected p95, averaged: 2.5 is twelve times as slow, or as fast. */
const largestResidual = 2.5;
const residualLimit = 4;
/** As many identical values in a row, while the app model expects p95 to move by a tenth, are no measurements. */
const fewestRepeats = 20;
const expectedMovement = 1.1;

export function createModelCheck(app: AppModel, block: LoopBlock, intervalSeconds: number): ModelCheck {
  const { lanes, fleet, starts } = block;
  const { metrics } = fleet;
  const services = app.services.length;
  // Pods as strong as calibrated, and as strong as their CPU says: p95 may go with either.
  const asCalibrated = createModel(app, lanes, intervalSeconds);
  const asEstimated = createModel(app, lanes, intervalSeconds);
  const calibratedCapacity = new Float32Array(lanes).fill(1);
  const ready = new Int32Array(services * lanes);
  const weight = 1 - Math.exp(-intervalSeconds / residualSeconds);
  const slack = app.slaP95Milliseconds * 0.02;
  const residual = new Float64Array(lanes);
  const seenStarts = new Int32Array(lanes).fill(-1);
  const seenSecond = new Float64Array(lanes);
  const last = new Float64Array(lanes);
  const repeats = new Int32Array(lanes);
  const lowest = new Float64Array(lanes);
  const highest = new Float64Array(lanes);

  function restart(lane: number): void {
    seenStarts[lane] = starts[lane];
    seenSecond[lane] = Number.NaN;
    for (const { kernel } of [asCalibrated, asEstimated]) kernel.resetLane(lane);
    residual[lane] = 0;
    last[lane] = Number.NaN;
    repeats[lane] = 0;
  }

  function logRatio(measured: number, expected: number): number {
    const ratio = Math.log((measured + slack) / (expected + slack));
    return Math.min(residualLimit, Math.max(-residualLimit, ratio));
  }

  function compare(lane: number): void {
    // Lanes that were not observed this time show what they showed before.
    if (seenSecond[lane] === metrics.second[lane]) return;
    seenSecond[lane] = metrics.second[lane];
    const measured = metrics.p95Milliseconds[lane];
    if (Number.isNaN(measured) || Number.isNaN(metrics.load[lane])) return;
    const expected = asCalibrated.out.p95Milliseconds[lane];
    const one = logRatio(measured, expected);
    const other = logRatio(measured, asEstimated.out.p95Milliseconds[lane]);
    residual[lane] += weight * ((Math.abs(one) < Math.abs(other) ? one : other) - residual[lane]);
    if (measured !== last[lane]) {
      last[lane] = measured;
      repeats[lane] = 0;
      lowest[lane] = expected;
      highest[lane] = expected;
    } else {
      repeats[lane]++;
      lowest[lane] = Math.min(lowest[lane], expected);
      highest[lane] = Math.max(highest[lane], expected);
    }
  }

  return {
    update() {
      for (let lane = 0; lane < lanes; lane++) if (seenStarts[lane] !== starts[lane]) restart(lane);
      // Live systems can have more pods than the app model knows curves for.
      for (let service = 0; service < services; service++) {
        const { maxReplicas } = app.services[service];
        for (let i = service * lanes; i < (service + 1) * lanes; i++) {
          ready[i] = Math.min(maxReplicas, metrics.measuredReady[i]);
        }
      }
      for (const [model, capacity] of [
        [asCalibrated, calibratedCapacity],
        [asEstimated, block.capacity],
      ] as const) {
        model.kernel.tick(metrics.second, block.load, capacity, ready, metrics.memorySize, model.out);
      }
      for (let lane = 0; lane < lanes; lane++) compare(lane);
    },
    finding(lane) {
      const off = residual[lane];
      if (Math.abs(off) > largestResidual) {
        const [factor, direction] = [Math.exp(Math.abs(off)).toFixed(0), off > 0 ? 'above' : 'below'];
        return {
          reason: 'OutOfDistribution',
          message: `p95 has been about ${factor} times ${direction} what app model ${app.name} expects at this load: check that the query yields milliseconds, or calibrate again`,
        };
      }
      if (repeats[lane] >= fewestRepeats && highest[lane] > expectedMovement * lowest[lane]) {
        return {
          reason: 'OutOfDistribution',
          message: `p95 has been exactly ${last[lane].toPrecision(4)} ms ${repeats[lane] + 1} times in a row although load and pods changed: see where the query of p95 takes it from`,
        };
      }
      return undefined;
    },
  };
}

interface Model {
  readonly kernel: ServingKernel;
  readonly out: ServingOutput;
}

function createModel(app: AppModel, lanes: number, tickSeconds: number): Model {
  const size = app.services.length * lanes;
  return {
    kernel: createServingKernel(app, lanes, tickSeconds, new Float32Array(lanes).fill(1)),
    out: {
      p95Milliseconds: new Float32Array(lanes),
      requestsPerSecond: new Float32Array(size),
      cpuPercent: new Float32Array(size),
      memory: new Float32Array(size),
    },
  };
}
