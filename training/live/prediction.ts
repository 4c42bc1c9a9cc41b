/** What the simulator says of a run of the lab: the same policy, trace and weather, with the timing that the lab really has. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { CapacityChange } from '../../env/simulator/capacity.ts';
import { defaultTickSeconds } from '../../env/simulator/simulator.ts';
import type { Trace } from '../../env/workload/trace.ts';
import { parseHpaBehavior } from '../../policies/hpa/behavior.ts';
import { hpaPolicy } from '../../policies/hpa/policies.ts';
import type { Policy } from '../../policies/policy.ts';
import { reactivePolicy } from '../../policies/reactive/reactive-policy.ts';
import { roundedLoop, wholeSeconds } from '../../policies/resources/loops-for-app.ts';
import { checkpointPolicy } from '../../policies/two-loop.ts';
import { comparePolicy, type RecordedSeries } from '../compare.ts';
import type { ComparisonRow } from '../comparison.ts';
import type { Contestant } from './contestants.ts';
import { roundedBehavior } from './hpa-objects.ts';
import type { LabTiming } from './lab-timing.ts';

/** What predictions are named by, after the policy. */
export const simulatorSuffix = '@simulator';

export interface PredictionOptions {
  readonly app: AppModel;
  /** As it was offered, noise included: of that the simulator is to be told, not to guess. */
  readonly trace: Trace;
  readonly capacity: readonly CapacityChange[];
  readonly speed: number;
  readonly timing: LabTiming;
  /** Of CPU and p95 from tick to tick, relative. */
  readonly noise: number;
  readonly seed: number;
}

export interface Prediction {
  /** Mean over the ages that measurements may have in the lab; `policy` ends in `@simulator`. */
  readonly row: ComparisonRow;
  /** Of the age in the middle. */
  readonly series: RecordedSeries;
}

export async function predict(contestant: Contestant, options: PredictionOptions): Promise<Prediction> {
  const { app, trace, capacity, timing, noise, seed } = options;
  const policy = simulatedPolicy(contestant, options);
  const measurement = contestant.scaler.kind === 'hpa' ? timing.horizontalPodAutoscaler : timing.prometheus;
  const { newestLagTicks, oldestLagTicks, windowTicks } = measurement;
  // The agent looks a little before the tick at which its proposals are in force.
  const leadTicks = contestant.scaler.kind === 'two-loop' ? timing.agentLeadTicks : 0;
  const comparisons = [];
  for (let lagTicks = newestLagTicks; lagTicks <= oldestLagTicks; lagTicks++) {
    const parameters = {
      coldStartSeconds: timing.coldStartSeconds,
      metricLagSeconds: (lagTicks + leadTicks) * defaultTickSeconds,
      metricAveragingSeconds: windowTicks * defaultTickSeconds,
      metricNoise: noise / Math.sqrt(windowTicks),
    };
    // The HPA's pods are those that usage is known of; the live queries count those that are ready now.
    const how = { parameters, measuredThroughout: contestant.scaler.kind === 'hpa' };
    comparisons.push(await comparePolicy(policy, { app, traces: [trace], capacity, seed, ...how }));
  }
  const middle = comparisons[Math.floor((comparisons.length - 1) / 2)];
  return { row: meanRow(comparisons.map(({ rows }) => rows[0])), series: middle.series[0] };
}

/** The contestant's policy with its periods as the lab's whole seconds leave them. */
function simulatedPolicy({ policy, scaler }: Contestant, { app, speed, timing }: PredictionOptions): Policy {
  const name = `${policy}${simulatorSuffix}`;
  const description = `${policy} with the timing of the lab`;
  switch (scaler.kind) {
    case 'hpa': {
      const behavior = roundedBehavior(parseHpaBehavior(scaler.options.behavior ?? 'kubernetes-default'), speed);
      const { syncPeriodSeconds } = timing.horizontalPodAutoscaler;
      return hpaPolicy({ ...scaler.options, name, description, behavior, syncPeriodSeconds });
    }
    case 'reactive':
      return reactivePolicy({ name, description, specFor: () => roundedLoop(scaler.loop, speed) });
    case 'two-loop': {
      const { checkpoint } = scaler;
      const document = {
        ...checkpoint.document,
        loop: roundedLoop(checkpoint.document.loop, speed),
        intervalSeconds: wholeSeconds(checkpoint.document.intervalSeconds, speed) * speed,
      };
      const twoLoops = checkpointPolicy({ name, origin: policy, checkpoint: { ...checkpoint, document } });
      // Of delays the agent tells the policy what its checkpoint was trained for.
      const { coldStartSeconds, metricLagSeconds } = document.app.model ?? app;
      return {
        ...twoLoops,
        description,
        createController: (context) => twoLoops.createController({ ...context, coldStartSeconds, metricLagSeconds }),
      };
    }
  }
}

function meanRow(rows: readonly ComparisonRow[]): ComparisonRow {
  const mean = (pick: (row: ComparisonRow) => number) => rows.reduce((sum, row) => sum + pick(row), 0) / rows.length;
  return {
    ...rows[0],
    violationPercent: mean((row) => row.violationPercent),
    meanReplicas: mean((row) => row.meanReplicas),
    podHours: mean((row) => row.podHours),
    scalingActions: mean((row) => row.scalingActions),
    p95Milliseconds: {
      mean: mean((row) => row.p95Milliseconds.mean),
      max: Math.max(...rows.map((row) => row.p95Milliseconds.max)),
    },
  };
}
