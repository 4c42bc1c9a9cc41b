/** The row of a comparison from a series that was recorded or measured, by the simulator's own definitions. */
import { memoryCostShare } from '../../env/simulator/simulator.ts';
import type { RecordedSeries } from '../compare.ts';
import type { ComparisonRow } from '../comparison.ts';

export interface SeriesOutcomeOptions {
  readonly app: { readonly name: string; readonly slaP95Milliseconds: number };
  readonly series: RecordedSeries;
  /** Memory of a pod relative to the standard one, per tick; without it 1. A larger one costs more, as in the simulator. */
  readonly memorySize?: Float32Array;
  /** Ticks in which pods were resized. */
  readonly resizes?: number;
}

/**
 * A tick whose p95 or pods are not known (NaN) is left out, and `steps` counts the others. Pods of a missing tick are not
 * made up: pod-hours are of the known ticks.
 */
export function outcomeOfSeries(options: SeriesOutcomeOptions): ComparisonRow {
  const { app, series, memorySize, resizes = 0 } = options;
  const { p95, stepSeconds } = series;
  let steps = 0;
  let violations = 0;
  let podTicks = 0;
  let p95Sum = 0;
  let p95Max = 0;
  for (const [tick, milliseconds] of p95.entries()) {
    const pods = series.desired[tick];
    if (Number.isNaN(milliseconds) || pods < 0) continue;
    steps++;
    if (milliseconds > app.slaP95Milliseconds) violations++;
    podTicks += pods * (1 + memoryCostShare * ((memorySize?.[tick] ?? 1) - 1));
    p95Sum += milliseconds;
    p95Max = Math.max(p95Max, milliseconds);
  }
  const share = (sum: number) => (steps === 0 ? Number.NaN : sum / steps);
  return {
    app: app.name,
    trace: series.trace,
    policy: series.policy,
    steps,
    stepSeconds,
    violationPercent: 100 * share(violations),
    meanReplicas: share(podTicks),
    podHours: (podTicks * stepSeconds) / 3600,
    scalingActions: resizes + series.services.reduce((sum, { desired }) => sum + changesOf(desired), 0),
    p95Milliseconds: { mean: share(p95Sum), max: p95Max },
  };
}

/** Changes from one known value to the next; negative ones are unknown. */
function changesOf(desired: Int32Array): number {
  let changes = 0;
  let last = -1;
  for (const replicas of desired) {
    if (replicas < 0) continue;
    if (last >= 0 && replicas !== last) changes++;
    last = replicas;
  }
  return changes;
}
