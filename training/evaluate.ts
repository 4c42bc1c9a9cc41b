/** Runs a policy over traces in the simulator. */
import type { AppModel } from '../env/apps/app-model.ts';
import { type CapacityChange, capacityPerTick } from '../env/simulator/capacity.ts';
import { type PlayOutcome, playTraces } from '../env/simulator/play.ts';
import { defaultTickSeconds, type LaneParameters, type Simulator } from '../env/simulator/simulator.ts';
import { loadPerTick, type Trace } from '../env/workload/trace.ts';
import type { Policy } from '../policies/policy.ts';
import type { EvaluationRow } from './inspection.ts';

export interface EvaluationOptions {
  app: AppModel;
  traces: readonly Trace[];
  coldStartSeconds?: number;
  metricLagSeconds?: number;
  /** Standard deviation of a measurement relative to its value; 0 unless told otherwise. */
  metricNoise?: number;
  /** What else differs from the app model; controllers are told of the two times above alone. */
  parameters?: Partial<LaneParameters>;
  /** As in `SimulatorOptions`. */
  measuredThroughout?: boolean;
  capacity?: readonly CapacityChange[];
  seed?: number;
  onTick?: (tick: number, simulator: Simulator) => void;
}

/** One outcome per trace, in order. */
export async function evaluatePolicy(policy: Policy, options: EvaluationOptions): Promise<PlayOutcome[]> {
  const { app, traces, capacity = [], seed = 0, metricNoise = 0 } = options;
  const coldStartSeconds = options.coldStartSeconds ?? app.coldStartSeconds;
  const metricLagSeconds = options.metricLagSeconds ?? app.metricLagSeconds;
  const tickSeconds = defaultTickSeconds;
  const loads = policy.needsForesight ? traces.map((trace) => loadPerTick(trace, tickSeconds)) : [];
  const controller = await policy.createController({
    app,
    lanes: traces.length,
    tickSeconds,
    coldStartSeconds,
    metricLagSeconds,
    seed,
    ...(policy.needsForesight && {
      foresight: { loads, capacity: loads.map((load) => capacityPerTick(capacity, load.length, tickSeconds)) },
    }),
  });
  return playTraces({
    app,
    traces,
    controller,
    capacity,
    seed,
    parameters: { coldStartSeconds, metricLagSeconds, metricNoise, ...options.parameters },
    measuredThroughout: options.measuredThroughout,
    onTick: options.onTick,
  });
}

/** Means over the traces. */
export function meanOutcome(policy: string, outcomes: readonly PlayOutcome[]): EvaluationRow {
  const mean = (pick: (outcome: PlayOutcome) => number) =>
    outcomes.reduce((sum, outcome) => sum + pick(outcome), 0) / outcomes.length;
  return {
    policy,
    traces: outcomes.length,
    violationPercent: mean((outcome) => outcome.violationPercent),
    meanReplicas: mean((outcome) => outcome.meanReplicas),
    podHours: mean((outcome) => outcome.podHours),
    scalingActions: mean((outcome) => outcome.scalingActions),
    p95Milliseconds: {
      mean: mean((outcome) => outcome.p95Milliseconds.mean),
      max: Math.max(...outcomes.map((outcome) => outcome.p95Milliseconds.max)),
    },
  };
}
