/** Service-ticks per second of the simulator driven bare: metrics out and unchanged replicas in on every third tick. */
import type { AppModel, MeasuredServing } from '../env/apps/app-model.ts';
import { loadApp } from '../env/apps/load-app.ts';
import { createSimulator, defaultLaneParameters, defaultTickSeconds } from '../env/simulator/simulator.ts';
import { generateTrace, workloadFamilies } from '../env/workload/families.ts';
import { loadPerTick } from '../env/workload/trace.ts';
import { against, type Benchmark, type BenchmarkOptions, type Measurement, measureRate } from './measurement.ts';
import { createObjectSimulation } from './object-simulation.ts';

const batches = [1, 256, 4096] as const;
const apps = ['frontend', 'teastore', 'boutique'] as const;
const requiredAtLargestBatch = 20e6;
const unit = 'ticks/s';
const ticksPerDecision = 3;
const ticksPerCall = 720;

export const simulatorBenchmark: Benchmark = {
  name: 'simulator',
  description: 'service-ticks/s of the bare simulator',
  async run(options) {
    const measurements: Measurement[] = [];
    for (const name of apps) {
      const app = await loadApp(name);
      const baseline = app.serving.kind === 'measured' ? objectRate(app, app.serving, options) : undefined;
      if (baseline) measurements.push(baseline);
      for (const lanes of batches) {
        const measurement = batchedRate(app, lanes, options);
        if (name === 'frontend' && lanes === batches[batches.length - 1]) {
          measurement.required = { value: requiredAtLargestBatch, is: 'at least' };
        }
        measurements.push(baseline ? against(measurement, 'plain', baseline) : measurement);
      }
    }
    return measurements;
  },
};

/** Offered load of every lane at each of an hour's ticks: one trace per family, each lane at its own time of the day. */
function loadTable(app: AppModel, lanes: number): Float32Array[] {
  const level = app.nominalLoad;
  const traces = workloadFamilies.map((family) =>
    loadPerTick(generateTrace({ family, seed: 1, nominalLoad: level }), defaultTickSeconds),
  );
  return Array.from({ length: ticksPerCall }, (_, tick) =>
    Float32Array.from({ length: lanes }, (_, lane) => {
      const trace = traces[lane % traces.length];
      return trace[(lane * 101 + tick) % trace.length];
    }),
  );
}

function batchedRate(app: AppModel, lanes: number, options: BenchmarkOptions): Measurement {
  const loads = loadTable(app, lanes);
  const simulator = createSimulator({ app, lanes });
  for (let lane = 0; lane < lanes; lane++) {
    const initialGroupSize = app.minGroupSize + (lane % (app.maxGroupSize - app.minGroupSize + 1));
    simulator.resetLane(lane, { ...defaultLaneParameters(app), seed: lane, initialGroupSize });
  }
  return measureRate({
    ...options,
    name: `simulator ${app.name}, batch ${lanes}`,
    unit,
    itemsPerCall: ticksPerCall * lanes * app.services.length,
    work() {
      for (let tick = 0; tick < ticksPerCall; tick++) {
        simulator.startTick();
        if (tick % ticksPerDecision === 0) {
          simulator.observe();
          simulator.apply();
        }
        simulator.load.set(loads[tick]);
        simulator.endTick();
      }
    },
  });
}

function objectRate(app: AppModel, serving: MeasuredServing, options: BenchmarkOptions): Measurement {
  const loads = loadTable(app, 1).map((row) => row[0]);
  checkAgreement(app, serving, loads);
  const simulation = createObjectSimulation(app, serving.curves, app.minGroupSize);
  return measureRate({
    ...options,
    name: `plain objects ${app.name}`,
    unit,
    itemsPerCall: ticksPerCall,
    work() {
      for (let tick = 0; tick < ticksPerCall; tick++) {
        if (tick % ticksPerDecision === 0) simulation.scaleTo(simulation.observe().desired);
        simulation.tick(loads[tick]);
      }
    },
  });
}

/** A baseline that computes something else would be no baseline: both must agree tick for tick while pods come and go. */
function checkAgreement(app: AppModel, serving: MeasuredServing, loads: readonly number[]): void {
  const simulation = createObjectSimulation(app, serving.curves, app.minGroupSize);
  const simulator = createSimulator({ app, lanes: 1 });
  simulator.resetLane(0, { ...defaultLaneParameters(app), initialGroupSize: app.minGroupSize });
  for (const [tick, load] of loads.entries()) {
    simulator.startTick();
    if (tick % ticksPerDecision === 0) {
      const wanted = app.minGroupSize + ((Math.floor(tick / 24) * 5) % app.maxGroupSize);
      simulator.observe();
      if (simulator.metrics.p95Milliseconds[0] !== Math.fround(simulation.observe().p95Milliseconds) && tick > 0) {
        throw new Error(`object baseline observes another p95 than the simulator at tick ${tick}`);
      }
      simulator.actions.replicas[0] = wanted;
      simulator.apply();
      simulation.scaleTo(wanted);
    }
    simulator.load[0] = load;
    simulator.endTick();
    const { p95Milliseconds, ready } = simulation.tick(load);
    if (simulator.truth.p95Milliseconds[0] !== Math.fround(p95Milliseconds) || simulator.pods.ready[0] !== ready) {
      throw new Error(`object baseline and simulator disagree at tick ${tick}`);
    }
  }
}
