/** What the lab's applications really did, tick by tick, in the form of a simulated comparison. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { ApplicationState } from '../../env/lab/stand-in/played-application.ts';
import { defaultTickSeconds } from '../../env/simulator/simulator.ts';
import type { Trace } from '../../env/workload/trace.ts';
import { emptySeries, type RecordedSeries } from '../compare.ts';
import type { ComparisonRow } from '../comparison.ts';
import { outcomeOfSeries } from './series-outcome.ts';

export interface LabRecord {
  readonly series: RecordedSeries;
  /** Ticks after the end of the trace are not recorded. */
  tick(tick: number, state: ApplicationState): void;
  /** Whether the last tick of the trace has been recorded. */
  readonly complete: boolean;
  row(): ComparisonRow;
}

export function createLabRecord(app: AppModel, trace: Trace, policy: string): LabRecord {
  const series = emptySeries(app, trace, policy, defaultTickSeconds);
  const memorySize = new Float32Array(series.rps.length).fill(1);
  let resizes = 0;
  let next = 0;
  return {
    series,
    get complete() {
      return next >= series.rps.length;
    },
    tick(tick, state) {
      if (tick !== next || tick >= series.rps.length) return;
      next++;
      series.rps[tick] = state.load;
      series.p95[tick] = state.p95Milliseconds;
      memorySize[tick] = state.memorySize;
      if (state.resized) resizes++;
      let cpu = 0;
      for (const [i, service] of state.services.entries()) {
        const of = series.services[i];
        of.rps[tick] = service.requestsPerSecond;
        of.desired[tick] = service.desired;
        of.ready[tick] = service.ready;
        of.cpu[tick] = service.cpuPercent;
        series.desired[tick] += service.desired;
        series.ready[tick] += service.ready;
        cpu += service.cpuPercent * service.ready;
      }
      series.cpu[tick] = series.ready[tick] > 0 ? cpu / series.ready[tick] : 0;
    },
    row: () => outcomeOfSeries({ app, series, memorySize, resizes }),
  };
}
