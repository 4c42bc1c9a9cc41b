/** Plays traces through the simulator under one controller, a lane per trace. */
import type { AppModel } from '../apps/app-model.ts';
import type { FleetController } from '../ports.ts';
import { mixSeed } from '../random.ts';
import { loadPerTick, type Trace } from '../workload/trace.ts';
import { type CapacityChange, capacityPerTick } from './capacity.ts';
import { createNeededGroupSize } from './create-kernel.ts';
import {
  createSimulator,
  defaultLaneParameters,
  defaultTickSeconds,
  type LaneParameters,
  type Simulator,
} from './simulator.ts';

export interface PlayOptions {
  app: AppModel;
  traces: readonly Trace[];
  controller: FleetController;
  /** Overrides of the app model's lane parameters, the same for all lanes. */
  parameters?: Partial<LaneParameters>;
  /** As in `SimulatorOptions`. */
  measuredThroughout?: boolean;
  capacity?: readonly CapacityChange[];
  seed?: number;
  /** Called after every tick with the tick's number and the simulator, for recording. */
  onTick?: (tick: number, simulator: Simulator) => void;
}

/** One lane's outcome over its whole trace. */
export interface PlayOutcome {
  steps: number;
  stepSeconds: number;
  violationPercent: number;
  meanReplicas: number;
  podHours: number;
  scalingActions: number;
  p95Milliseconds: { mean: number; max: number };
}

/**
 * Plays every trace to its end. Every trace starts with the smallest group that meets the SLA under its first load.
 * Returns an outcome per trace.
 */
export function playTraces(options: PlayOptions): PlayOutcome[] {
  const { app, traces, controller, capacity = [], seed = 0 } = options;
  const tickSeconds = defaultTickSeconds;
  const parameters = { ...defaultLaneParameters(app), ...options.parameters };
  const lanes = traces.length;
  const loads = traces.map((trace) => loadPerTick(trace, tickSeconds));
  const ticks = Math.max(...loads.map((load) => load.length));
  const factors = capacityPerTick(capacity, ticks, tickSeconds);
  const needed = createNeededGroupSize(app);
  const simulator = createSimulator({
    app,
    lanes,
    tickSeconds,
    maxColdStartSeconds: Math.max(
      parameters.coldStartSeconds * Math.max(1, parameters.slowStartFactor),
      parameters.graceSeconds,
    ),
    maxMetricDelaySeconds: parameters.metricLagSeconds + parameters.metricAveragingSeconds,
    measuredThroughout: options.measuredThroughout,
  });
  for (let lane = 0; lane < lanes; lane++) {
    const initialGroupSize = needed(loads[lane][0], factors[0], 0);
    simulator.resetLane(lane, { ...parameters, initialGroupSize, seed: mixSeed(seed, lane) });
    controller.resetLane(lane);
  }
  const { truth, totals } = simulator;
  const decisionTicks = Math.max(1, Math.round(controller.intervalSeconds / tickSeconds));
  const outcomes: PlayOutcome[] = [];
  const p95Sum = new Float64Array(lanes);
  const p95Max = new Float64Array(lanes);
  for (let tick = 0; tick < ticks; tick++) {
    simulator.startTick();
    if (tick % decisionTicks === 0) {
      simulator.observe();
      controller.decide(simulator.metrics, simulator.actions);
      simulator.apply();
    }
    for (let lane = 0; lane < lanes; lane++) {
      const load = loads[lane];
      simulator.load[lane] = load[tick < load.length ? tick : load.length - 1];
      simulator.capacity[lane] = factors[tick];
    }
    simulator.endTick();
    options.onTick?.(tick, simulator);
    for (let lane = 0; lane < lanes; lane++) {
      if (tick >= loads[lane].length) continue;
      const p95 = truth.p95Milliseconds[lane];
      p95Sum[lane] += p95;
      if (p95 > p95Max[lane]) p95Max[lane] = p95;
      if (tick === loads[lane].length - 1) {
        const steps = tick + 1;
        outcomes[lane] = {
          steps,
          stepSeconds: tickSeconds,
          violationPercent: (100 * totals.violationTicks[lane]) / steps,
          meanReplicas: totals.podTicks[lane] / steps,
          podHours: (totals.podTicks[lane] * tickSeconds) / 3600,
          scalingActions: totals.scalingActions[lane],
          p95Milliseconds: { mean: p95Sum[lane] / steps, max: p95Max[lane] },
        };
      }
    }
  }
  return outcomes;
}
