/** What monitoring makes of the truth: lag, averaging over a window, noise and gaps. */
import type { FleetMetrics } from '../ports.ts';
import type { LaneRandom } from './lane-random.ts';
import type { PodFleet } from './pod-fleet.ts';
import type { ServingOutput } from './serving-kernel.ts';
import type { LaneParameters } from './simulator.ts';

export interface MetricsPipeline {
  readonly metrics: FleetMetrics;
  resetLane(lane: number, parameters: LaneParameters, tick: number): void;
  /** Stores the truth of `tick`. */
  record(tick: number): void;
  /** Refreshes the lane's `metrics` with what is known at the start of `tick`. */
  observe(lane: number, tick: number): void;
}

interface MetricsPipelineOptions {
  lanes: number;
  services: number;
  tickSeconds: number;
  random: LaneRandom;
  load: Float32Array;
  truth: ServingOutput;
  pods: PodFleet;
  second: Float64Array;
  memorySize: Float32Array;
  /** Ring length: longest lag plus window in ticks, plus one. */
  maxTicks: number;
  /** As in `SimulatorOptions`. */
  measuredThroughout: boolean;
}

export function createMetricsPipeline(options: MetricsPipelineOptions): MetricsPipeline {
  const { lanes, services, tickSeconds, random, load, truth, pods, second, memorySize, measuredThroughout } = options;
  const size = services * lanes;
  const ring = options.maxTicks + 1;
  const history = {
    load: new Float32Array(ring * lanes),
    p95: new Float32Array(ring * lanes),
    requests: new Float32Array(ring * size),
    cpu: new Float32Array(ring * size),
    memory: new Float32Array(ring * size),
    ready: new Int32Array(ring * size),
  };
  const metrics = {
    lanes,
    services,
    second,
    load: new Float32Array(lanes),
    p95Milliseconds: new Float32Array(lanes),
    requestsPerSecond: new Float32Array(size),
    cpuPercent: new Float32Array(size),
    memory: new Float32Array(size),
    measuredReady: new Int32Array(size),
    ready: pods.ready,
    desired: pods.desired,
    memorySize,
  };
  const lagTicks = new Int32Array(lanes);
  const windowTicks = new Int32Array(lanes).fill(1);
  const noise = new Float32Array(lanes);
  const gapProbability = new Float32Array(lanes); // per tick
  const gapTicks = new Int32Array(lanes);
  // Ticks as integers: the remainder of a double, which finds a tick's place in the ring, costs a call.
  const gapEndTick = new Int32Array(lanes);
  const firstTick = new Int32Array(lanes);
  const lastObserved = new Int32Array(lanes);

  /** Mean of a history over the last `count` ticks up to the one at `slot` of the ring. */
  function average(values: Float32Array, stride: number, i: number, slot: number, count: number): number {
    if (count === 1) return values[slot * stride + i];
    let sum = 0;
    for (let k = 0, at = slot; k < count; k++) {
      sum += values[at * stride + i];
      at = at === 0 ? ring - 1 : at - 1;
    }
    return sum / count;
  }

  /** Fewest pods ready over the last `count` ticks up to the one at `slot`. */
  function fewestReady(i: number, slot: number, count: number): number {
    let fewest = history.ready[slot * size + i];
    for (let k = 1, at = slot; k < count; k++) {
      at = at === 0 ? ring - 1 : at - 1;
      const ready = history.ready[at * size + i];
      if (ready < fewest) fewest = ready;
    }
    return fewest;
  }

  function noisy(lane: number, value: number): number {
    const factor = 1 + noise[lane] * random.normal(lane);
    return value * (factor > 0 ? factor : 0);
  }

  /** Whether the lane's metrics are missing at `tick`: before the first tick, or in a gap. */
  function missing(lane: number, tick: number): boolean {
    if (tick <= firstTick[lane]) return true;
    if (gapProbability[lane] > 0 && tick >= gapEndTick[lane]) {
      const ticks = tick - lastObserved[lane];
      if (random.uniform(lane) < gapProbability[lane] * ticks) gapEndTick[lane] = tick + gapTicks[lane];
    }
    lastObserved[lane] = tick;
    return tick < gapEndTick[lane];
  }

  return {
    metrics,
    resetLane(lane, parameters, tick) {
      lagTicks[lane] = Math.max(1, Math.ceil(parameters.metricLagSeconds / tickSeconds));
      windowTicks[lane] = Math.max(1, Math.round(parameters.metricAveragingSeconds / tickSeconds));
      if (lagTicks[lane] + windowTicks[lane] > ring) {
        throw new RangeError(`metric lag and window of lane ${lane} exceed the simulator's maxMetricDelaySeconds`);
      }
      noise[lane] = parameters.metricNoise;
      gapProbability[lane] = (parameters.metricGapsPerHour * tickSeconds) / 3600;
      gapTicks[lane] = Math.ceil(parameters.metricGapSeconds / tickSeconds);
      gapEndTick[lane] = tick;
      firstTick[lane] = tick;
      lastObserved[lane] = tick;
    },
    record(tick) {
      const slot = tick % ring;
      history.load.set(load, slot * lanes);
      history.p95.set(truth.p95Milliseconds, slot * lanes);
      history.requests.set(truth.requestsPerSecond, slot * size);
      history.cpu.set(truth.cpuPercent, slot * size);
      history.memory.set(truth.memory, slot * size);
      history.ready.set(pods.ready, slot * size);
    },
    observe(lane, tick) {
      const gone = missing(lane, tick);
      const from = firstTick[lane];
      // Before the trace the application was steady under its first load, so its first tick stands for the past.
      const lagged = tick - lagTicks[lane];
      const at = lagged > from ? lagged : from;
      const slot = at % ring;
      const known = at - from + 1;
      const count = windowTicks[lane] < known ? windowTicks[lane] : known;
      const loud = noise[lane] > 0;
      let value = gone ? Number.NaN : average(history.load, lanes, lane, slot, count);
      metrics.load[lane] = loud ? noisy(lane, value) : value;
      value = gone ? Number.NaN : average(history.p95, lanes, lane, slot, count);
      metrics.p95Milliseconds[lane] = loud ? noisy(lane, value) : value;
      for (let service = 0; service < services; service++) {
        const i = service * lanes + lane;
        value = gone ? Number.NaN : average(history.requests, size, i, slot, count);
        metrics.requestsPerSecond[i] = loud ? noisy(lane, value) : value;
        value = gone ? Number.NaN : average(history.cpu, size, i, slot, count);
        metrics.cpuPercent[i] = loud ? noisy(lane, value) : value;
        metrics.memory[i] = gone ? Number.NaN : average(history.memory, size, i, slot, count);
        const measured = measuredThroughout ? fewestReady(i, slot, count) : history.ready[slot * size + i];
        metrics.measuredReady[i] = tick <= from ? pods.ready[i] : measured;
      }
    },
  };
}
