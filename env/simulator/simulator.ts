/**
 * The simulator: a batch of applications, tick by tick. A tick is
 *   startTick()   pods that have finished starting become ready, faults strike;
 *   observe() … apply()   (on the ticks at which a controller decides) lagged metrics out, wanted replicas in;
 *   endTick()     the load of the tick is served, measured and accounted.
 * A pod ordered at second t is billed from t and ready from t + cold start. No step allocates.
 */
import type { AppModel } from '../apps/app-model.ts';
import type { FleetActions, FleetMetrics } from '../ports.ts';
import { createServingKernel } from './create-kernel.ts';
import { createLaneRandom } from './lane-random.ts';
import { createMetricsPipeline, type MetricsPipeline } from './metrics-pipeline.ts';
import { createPodFleet, type PodFleet } from './pod-fleet.ts';
import type { ServingKernel, ServingOutput } from './serving-kernel.ts';

/** What may differ from lane to lane and from episode to episode. Seconds are rounded up to ticks. */
export interface LaneParameters {
  seed: number;
  initialGroupSize: number;
  /** Second of the trace at which the episode begins. */
  startSecond: number;
  coldStartSeconds: number;
  metricLagSeconds: number;
  metricAveragingSeconds: number;
  /** Standard deviation of a measurement relative to its value. */
  metricNoise: number;
  /** Expected metric gaps per hour, and their length. */
  metricGapsPerHour: number;
  metricGapSeconds: number;
  /** Expected losses per ready pod and hour (the workload's controller starts a new pod at once). */
  podLossesPerHour: number;
  /** Probability that an order of pods takes `slowStartFactor` times the cold start. */
  slowStartProbability: number;
  slowStartFactor: number;
  /** Seconds for which a removed pod is still billed while it ends its requests. */
  graceSeconds: number;
  /** Factor on each service's CPU demand (queueing models; a measured curve takes `capacity` instead). */
  demandFactor: number;
}

export function defaultLaneParameters(app: AppModel): LaneParameters {
  return {
    seed: 0,
    initialGroupSize: app.minGroupSize,
    startSecond: 0,
    coldStartSeconds: app.coldStartSeconds,
    metricLagSeconds: app.metricLagSeconds,
    metricAveragingSeconds: app.metricAveragingSeconds,
    metricNoise: 0,
    metricGapsPerHour: 0,
    metricGapSeconds: 60,
    podLossesPerHour: 0,
    slowStartProbability: 0,
    slowStartFactor: 3,
    graceSeconds: 0,
    demandFactor: 1,
  };
}

export interface SimulatorOptions {
  app: AppModel;
  lanes: number;
  tickSeconds?: number;
  /** Upper bounds for what lanes may ask for; they size the ring buffers. A slow start and the grace count as cold starts. */
  maxColdStartSeconds?: number;
  maxMetricDelaySeconds?: number;
  /**
   * Whether `measuredReady` counts the pods that were ready throughout the averaging window, as an HPA does, which knows no
   * usage of younger ones; else (default) those at its end, as the live queries do.
   */
  measuredThroughout?: boolean;
}

/** Sums since the caller last cleared them, per lane. */
export interface LaneTotals {
  readonly ticks: Int32Array;
  readonly violationTicks: Int32Array;
  /** Sum over ticks of min(1, p95 / SLA − 1) where positive: how far above the SLA. */
  readonly violationDepth: Float64Array;
  /** Ready and pending pods (and removed ones in their grace), sized by memory, summed over ticks. */
  readonly podTicks: Float64Array;
  /** Sum of |change of desired replicas|. */
  readonly podChanges: Int32Array;
  /** Number of changes of a service's desired replicas. */
  readonly scalingActions: Int32Array;
}

export interface Simulator {
  readonly app: AppModel;
  readonly lanes: number;
  readonly services: number;
  readonly tickSeconds: number;
  /** Inputs that the driver sets before `endTick`: offered requests/s and capacity factor, per lane. */
  readonly load: Float32Array;
  readonly capacity: Float32Array;
  /** Lagged view for controllers; refreshed by `observe`. */
  readonly metrics: FleetMetrics;
  readonly actions: FleetActions;
  /** What really happened in the last tick. */
  readonly truth: ServingOutput;
  readonly pods: Pick<PodFleet, 'desired' | 'ready'>;
  readonly totals: LaneTotals;
  /** Starts the lane's episode at the next tick with all pods of the initial size ready. */
  resetLane(lane: number, parameters: LaneParameters): void;
  startTick(): void;
  observe(): void;
  /** `observe` for a lane that has been reset since. */
  observeLane(lane: number): void;
  apply(): void;
  endTick(): void;
}

export const defaultTickSeconds = 5;
/** A pod resized to twice its standard memory is billed as 1.5 pods. */
export const memoryCostShare = 0.5;

export function createSimulator(options: SimulatorOptions): Simulator {
  const { app, lanes, tickSeconds = defaultTickSeconds } = options;
  const services = app.services.length;
  const maxColdStartSeconds = options.maxColdStartSeconds ?? Math.max(app.coldStartSeconds, 1) * 4;
  const maxDelaySeconds = options.maxMetricDelaySeconds ?? app.metricLagSeconds + app.metricAveragingSeconds;
  const size = services * lanes;
  const load = new Float32Array(lanes);
  const capacity = new Float32Array(lanes).fill(1);
  const memorySize = new Float32Array(lanes).fill(1);
  const demandFactor = new Float32Array(lanes).fill(1);
  const second = new Float64Array(lanes);
  const truth: ServingOutput = {
    p95Milliseconds: new Float32Array(lanes),
    requestsPerSecond: new Float32Array(size),
    cpuPercent: new Float32Array(size),
    memory: new Float32Array(size),
  };
  const totals: LaneTotals = {
    ticks: new Int32Array(lanes),
    violationTicks: new Int32Array(lanes),
    violationDepth: new Float64Array(lanes),
    podTicks: new Float64Array(lanes),
    podChanges: new Int32Array(lanes),
    scalingActions: new Int32Array(lanes),
  };
  const random = createLaneRandom(lanes);
  const pods = createPodFleet({ app, lanes, random, maxTicks: Math.ceil(maxColdStartSeconds / tickSeconds) + 1 });
  const kernel: ServingKernel = createServingKernel(app, lanes, tickSeconds, demandFactor);
  const pipeline: MetricsPipeline = createMetricsPipeline({
    lanes,
    services,
    tickSeconds,
    random,
    load,
    truth,
    pods,
    second,
    memorySize,
    maxTicks: Math.ceil(maxDelaySeconds / tickSeconds) + 2,
    measuredThroughout: options.measuredThroughout ?? false,
  });
  const actions: FleetActions = { replicas: new Int32Array(size), memorySize: new Float32Array(lanes) };
  const slaP95 = app.slaP95Milliseconds;
  let tick = 0;

  return {
    app,
    lanes,
    services,
    tickSeconds,
    load,
    capacity,
    truth,
    totals,
    actions,
    pods,
    metrics: pipeline.metrics,
    resetLane(lane, parameters) {
      random.seed(lane, parameters.seed);
      pods.resetLane(lane, parameters, tickSeconds);
      pipeline.resetLane(lane, parameters, tick);
      kernel.resetLane(lane);
      demandFactor[lane] = parameters.demandFactor;
      memorySize[lane] = 1;
      second[lane] = parameters.startSecond;
    },
    startTick() {
      pods.startTick(tick);
    },
    observe() {
      for (let lane = 0; lane < lanes; lane++) pipeline.observe(lane, tick);
      actions.replicas.set(pods.desired);
      actions.memorySize.set(memorySize);
    },
    observeLane(lane) {
      pipeline.observe(lane, tick);
      for (let i = lane; i < size; i += lanes) actions.replicas[i] = pods.desired[i];
      actions.memorySize[lane] = memorySize[lane];
    },
    apply() {
      pods.scaleTo(actions.replicas, tick, totals);
      for (let lane = 0; lane < lanes; lane++) {
        const wanted = actions.memorySize[lane];
        if (wanted !== memorySize[lane] && wanted > 0) {
          memorySize[lane] = wanted;
          totals.scalingActions[lane]++;
        }
      }
    },
    endTick() {
      kernel.tick(second, load, capacity, pods.ready, memorySize, truth);
      const p95 = truth.p95Milliseconds;
      const { ticks, violationTicks, violationDepth } = totals;
      for (let lane = 0; lane < lanes; lane++) {
        ticks[lane]++;
        second[lane] += tickSeconds;
        const excess = p95[lane] / slaP95 - 1;
        if (excess > 0) {
          violationTicks[lane]++;
          violationDepth[lane] += excess < 1 ? excess : 1;
        }
      }
      pods.bill(totals.podTicks, memorySize, memoryCostShare);
      pipeline.record(tick);
      tick++;
    },
  };
}
