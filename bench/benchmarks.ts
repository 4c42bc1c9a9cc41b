/** Every benchmark by the name that `--only` takes; each runs in a process of its own. */
import { agentScaleBenchmark } from './agent-scale.ts';
import { bundleBenchmark } from './bundle.ts';
import { calibrationBenchmark } from './calibration.ts';
import { closedLoopsBenchmark } from './closed-loops.ts';
import { deliberationBenchmark } from './deliberation.ts';
import { environmentBenchmark } from './environment.ts';
import { groupScalingBenchmark } from './group-scaling.ts';
import { gymnasiumBenchmark } from './gymnasium.ts';
import { a2cBenchmark, ppoBenchmark } from './learners.ts';
import { liveMetricsBenchmark } from './live-metrics.ts';
import type { Benchmark } from './measurement.ts';
import { sharedQueriesBenchmark } from './shared-queries.ts';
import { simulatorBenchmark } from './simulator.ts';
import { timeToBeatBenchmark } from './time-to-beat.ts';
import { updateBenchmarks } from './update.ts';

export const benchmarks: readonly Benchmark[] = [
  simulatorBenchmark,
  environmentBenchmark,
  gymnasiumBenchmark,
  ppoBenchmark,
  a2cBenchmark,
  ...updateBenchmarks,
  timeToBeatBenchmark,
  sharedQueriesBenchmark,
  groupScalingBenchmark,
  closedLoopsBenchmark,
  deliberationBenchmark,
  agentScaleBenchmark,
  liveMetricsBenchmark,
  calibrationBenchmark,
  bundleBenchmark,
];
