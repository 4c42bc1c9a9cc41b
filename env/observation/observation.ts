/**
 * The observation of the deliberative loop: one definition of every feature, for simulator, live cluster and agent.
 * Ratios are logarithms, so that a policy sees the same numbers for a small application and a large one.
 */
import type { AppModel } from '../apps/app-model.ts';
import { setPointMoves } from '../deliberative-action.ts';
import type { FleetMetrics, ReactiveLoopState } from '../ports.ts';
import { createCapacityEstimate } from './capacity-estimate.ts';
import { createDemandModel, type DemandModel } from './demand-model.ts';
import { createLoadTracker, loadFeatureNames } from './load-tracker.ts';

export interface ObservationOptions {
  app: AppModel;
  lanes: number;
  metricNames: readonly string[];
  intervalSeconds: number;
  /** Of `app`; for builders that share one, since making it takes a while. */
  model?: DemandModel;
}

export interface ObservationBuilder {
  readonly names: readonly string[];
  /** Forgets the lane's history. The delays are those that calibration found for it. */
  resetLane(lane: number, delays: { coldStartSeconds: number; metricLagSeconds: number }): void;
  /** Tells a lane of a load before its episode began, oldest first, a decision interval apart: history gives the slow features their meaning. */
  remember(lane: number, load: number, second: number): void;
  /** Writes `lanes × names.length` features, lane-major. Call once every decision interval. */
  observe(metrics: FleetMetrics, loop: ReactiveLoopState, out: Float32Array): void;
  /** `observe` for one lane: for lanes that have been reset since. */
  observeLane(metrics: FleetMetrics, loop: ReactiveLoopState, lane: number, out: Float32Array): void;
}

const metricFeatures = ['overThreshold', 'breach', 'rank', 'sinceReaction', 'recentReactions'] as const;
const daySeconds = 86_400;
const missingValue = -1;
const shortfallLimit = 4;

const groupFeatureNames = [
  ...setPointMoves.map((move) => `group.demandAt${move < 0 ? move : `+${move}`}`),
  ...setPointMoves.map((move) => `group.shortfallAt${move < 0 ? move : `+${move}`}`),
  'group.demandOfReady',
  'group.size',
  'group.sizeOfMaximum',
  'group.pendingShare',
  'group.sinceChange',
  'capacity.fast',
  'capacity.change',
  'latency.overSla',
  'latency.trend',
  'memory.size',
  'delay.coldStart',
  'delay.metricLag',
  'delay.metricsMissing',
  'time.daySine',
  'time.dayCosine',
];

const clamp = (value: number, low: number, high: number) => (value < low ? low : value > high ? high : value);

export function createObservationBuilder(options: ObservationOptions): ObservationBuilder {
  const { app, lanes, metricNames, intervalSeconds, model = createDemandModel(app) } = options;
  const names = [
    ...metricNames.flatMap((metric) => metricFeatures.map((feature) => `${metric}.${feature}`)),
    ...groupFeatureNames,
    ...loadFeatureNames,
  ];
  const width = names.length;
  const tracker = createLoadTracker(lanes, intervalSeconds);
  const capacity = createCapacityEstimate(model, lanes, intervalSeconds);
  const coldStartSeconds = new Float64Array(lanes);
  const metricLagSeconds = new Float64Array(lanes);
  const lastSize = new Int32Array(lanes);
  const changeSecond = new Float64Array(lanes);
  const latency = new Float64Array(lanes);
  const latencyBefore = new Float64Array(lanes);
  const missingSince = new Float64Array(lanes).fill(Number.NaN);

  /** Largest group size whose members are all ready. */
  function readySize(metrics: FleetMetrics, lane: number, size: number): number {
    let complete = size;
    for (; complete > app.minGroupSize; complete--) {
      let all = true;
      for (let service = 0; service < metrics.services && all; service++) {
        all = metrics.ready[service * metrics.lanes + lane] >= model.members(service, complete);
      }
      if (all) break;
    }
    return complete;
  }

  function logCapacity(lane: number, groupSize: number): number {
    const within = groupSize < 1 ? 1 : groupSize > app.maxGroupSize ? app.maxGroupSize : groupSize;
    return Math.log(capacity.fast[lane] * model.capacities[within - 1] + 1);
  }

  function shortfall(lane: number, groupSize: number): number {
    return clamp(
      (tracker.logForecast[lane] - logCapacity(lane, groupSize)) / tracker.forecastDeviation[lane],
      -shortfallLimit,
      shortfallLimit,
    );
  }

  function observeLane(metrics: FleetMetrics, loop: ReactiveLoopState, lane: number, out: Float32Array): void {
    const second = metrics.second[lane];
    // Before its first decision the loop knows no size yet.
    const size = Math.max(loop.minGroupSize, loop.groupSize[lane]);
    if (Number.isNaN(metrics.load[lane])) {
      if (Number.isNaN(missingSince[lane])) missingSince[lane] = second;
    } else {
      missingSince[lane] = Number.NaN;
    }
    capacity.update(lane, metrics);
    tracker.update(lane, metrics.load[lane], second);
    if (size !== lastSize[lane]) {
      lastSize[lane] = size;
      changeSecond[lane] = second;
    }
    const p95 = metrics.p95Milliseconds[lane];
    if (p95 >= 0) {
      latencyBefore[lane] = latency[lane];
      latency[lane] = clamp(Math.log(p95 / app.slaP95Milliseconds + 1e-3), -2, 2);
    }
    let at = lane * width;
    for (let metric = 0; metric < metricNames.length; metric++) {
      const i = metric * lanes + lane;
      const over = loop.overThreshold[i];
      out[at++] = Number.isNaN(over) ? missingValue : clamp(over, 0, 3);
      out[at++] = loop.breaches[i];
      out[at++] = (loop.ranks[i] - 1) / Math.max(1, metricNames.length - 1);
      out[at++] = Math.exp((loop.lastReactionSecond[i] - second) / 300);
      // The last 10 stay the last 10 for days in calm traffic; what they say fades with their age.
      out[at++] = (loop.recentReactions[i] / 10) * Math.exp((loop.lastReactionSecond[i] - second) / 1800);
    }
    const served = capacity.fast[lane];
    const logLoad = Math.log(tracker.load[lane] + 1);
    for (let k = 0; k < setPointMoves.length; k++)
      out[at++] = clamp(logLoad - logCapacity(lane, size + setPointMoves[k]), -2, 2);
    for (let k = 0; k < setPointMoves.length; k++) out[at++] = shortfall(lane, size + setPointMoves[k]);
    const ready = readySize(metrics, lane, size);
    out[at++] = clamp(logLoad - logCapacity(lane, ready), -2, 2);
    out[at++] = Math.log2(size);
    out[at++] = size / app.maxGroupSize;
    out[at++] = (size - ready) / size;
    out[at++] = Math.exp((changeSecond[lane] - second) / 180);
    out[at++] = Math.log(served);
    out[at++] = Math.log(served / capacity.slow[lane]);
    out[at++] = latency[lane];
    out[at++] = latency[lane] - latencyBefore[lane];
    out[at++] = metrics.memorySize[lane] - 1;
    out[at++] = coldStartSeconds[lane] / 60;
    out[at++] = metricLagSeconds[lane] / 60;
    out[at++] = Number.isNaN(missingSince[lane])
      ? 0
      : Math.min(1, (second - missingSince[lane] + intervalSeconds) / 300);
    const angle = (2 * Math.PI * second) / daySeconds;
    out[at++] = Math.sin(angle);
    out[at++] = Math.cos(angle);
    tracker.write(lane, second, out, at);
  }

  return {
    names,
    resetLane(lane, delays) {
      coldStartSeconds[lane] = delays.coldStartSeconds;
      metricLagSeconds[lane] = delays.metricLagSeconds;
      tracker.resetLane(lane, delays.metricLagSeconds + delays.coldStartSeconds + intervalSeconds);
      capacity.resetLane(lane);
      lastSize[lane] = 0;
      changeSecond[lane] = 0;
      latency[lane] = 0;
      latencyBefore[lane] = 0;
      missingSince[lane] = Number.NaN;
    },
    remember: tracker.update,
    observe(metrics, loop, out) {
      for (let lane = 0; lane < lanes; lane++) observeLane(metrics, loop, lane, out);
    },
    observeLane,
  };
}
