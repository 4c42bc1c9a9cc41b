/** Measurements of live applications in the arrays that observation and reactive loop read from the simulator, a lane per system. */
import type { AppModel } from '../../apps/app-model.ts';
import type { FleetMetrics, SystemMeasurement } from '../../ports.ts';

export interface LiveFleet {
  readonly metrics: FleetMetrics;
  /**
   * Takes what was measured of a lane's system; undefined: nothing. What is missing is NaN, pod counts then stay as they were
   * last known. `second` as the app model counts (Unix time, or the trace's in a lab), `memorySize` relative to the app
   * model's standard pod.
   * @throws RangeError when the measurement is of another number of services than the app model has
   */
  write(lane: number, measurement: SystemMeasurement | undefined, second: number, memorySize?: number): void;
  /** Forgets what was known of a lane, for another system. */
  clear(lane: number): void;
}

export function createLiveFleet(app: AppModel, lanes: number): LiveFleet {
  const services = app.services.length;
  const size = services * lanes;
  const missing = (length: number) => new Float32Array(length).fill(Number.NaN);
  const metrics = {
    lanes,
    services,
    second: new Float64Array(lanes),
    load: missing(lanes),
    p95Milliseconds: missing(lanes),
    requestsPerSecond: missing(size),
    cpuPercent: missing(size),
    memory: missing(size),
    measuredReady: new Int32Array(size),
    ready: new Int32Array(size),
    desired: new Int32Array(size),
    memorySize: new Float32Array(lanes).fill(1),
  } satisfies FleetMetrics;

  function writeRates(lane: number, measurement: SystemMeasurement | undefined): void {
    metrics.load[lane] = measurement?.load ?? Number.NaN;
    metrics.p95Milliseconds[lane] = measurement?.p95Milliseconds ?? Number.NaN;
    for (let service = 0; service < services; service++) {
      const i = service * lanes + lane;
      metrics.requestsPerSecond[i] = measurement?.requestsPerSecond[service] ?? Number.NaN;
      metrics.cpuPercent[i] = measurement?.cpuPercent[service] ?? Number.NaN;
      metrics.memory[i] = measurement?.memoryPercent[service] ?? Number.NaN;
    }
  }

  /** In the simulator pods are counted even in a metric gap, so a gap in kube-state-metrics must not look like lost pods. */
  function writePods(lane: number, measurement: SystemMeasurement): void {
    for (let service = 0; service < services; service++) {
      const i = service * lanes + lane;
      const [ready, desired] = [measurement.ready[service], measurement.desired[service]];
      if (ready >= 0) metrics.ready[i] = ready;
      if (desired >= 0) metrics.desired[i] = desired;
      const measured = measurement.measuredReady[service];
      if (measured >= 0) metrics.measuredReady[i] = measured;
      else if (ready >= 0) metrics.measuredReady[i] = ready;
    }
  }

  return {
    metrics,
    write(lane, measurement, second, memorySize = 1) {
      if (measurement !== undefined && measurement.ready.length !== services) {
        throw new RangeError(
          `${measurement.key} was measured with ${measurement.ready.length} services, not ${services}`,
        );
      }
      metrics.second[lane] = second;
      metrics.memorySize[lane] = memorySize;
      writeRates(lane, measurement);
      if (measurement !== undefined) writePods(lane, measurement);
    },
    clear(lane) {
      metrics.second[lane] = 0;
      metrics.memorySize[lane] = 1;
      writeRates(lane, undefined);
      for (let i = lane; i < size; i += lanes) {
        metrics.measuredReady[i] = 0;
        metrics.ready[i] = 0;
        metrics.desired[i] = 0;
      }
    },
  };
}
