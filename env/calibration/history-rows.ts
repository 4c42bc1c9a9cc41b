/** A history as rows of a table, one per step and service: what its CSV and its Parquet form have in common. */
import { UserError } from '../errors.ts';
import {
  emptyServiceHistory,
  type History,
  type MeasurementName,
  measurementNames,
  type PodStart,
  type ServiceHistory,
} from './history.ts';

/** Column of each measurement. */
export const columnOf: Readonly<Record<MeasurementName, string>> = {
  requestsPerSecond: 'rps',
  p95Milliseconds: 'p95',
  cpuPercent: 'cpu',
  memoryPercent: 'memory',
  readyPods: 'ready',
  desiredPods: 'desired',
  measuredPods: 'measured',
  cpuRequestCores: 'cores',
};
export const optionalColumns: readonly string[] = ['desired', 'measured', 'cores', 'startups'];
export const columns: readonly string[] = ['second', 'service', ...Object.values(columnOf), 'startups'];
/** Start-up times of the pods that became ready in a step, seconds, separated by blanks. */
export const startupsColumn = 'startups';

export interface HistoryRow {
  readonly second: number;
  readonly service: string;
  /** In the order of `measurementNames`; NaN is missing. */
  readonly values: readonly number[];
  readonly startups: readonly number[];
}

/** What a table says of itself beside its rows; NaN where it says nothing. */
export interface HistoryTiming {
  readonly stepSeconds: number;
  readonly rateWindowSeconds: number;
  readonly sampleIntervalSeconds: number;
  readonly sampleAgeSeconds: number;
}

const mostSteps = 2_000_000;
const serviceName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Step by step, within a step in the order of the services. */
export function* rowsOf(history: History): Generator<HistoryRow> {
  const waiting = history.services.map(({ podStarts }) => [...podStarts].reverse());
  for (let step = 0; step < history.steps; step++) {
    const second = history.startSecond + step * history.stepSeconds;
    for (const [i, service] of history.services.entries()) {
      const startups: number[] = [];
      for (let next = waiting[i].at(-1); next?.step === step; next = waiting[i].at(-1)) {
        startups.push(next.seconds);
        waiting[i].pop();
      }
      yield { second, service: service.name, values: measurementNames.map((name) => service[name][step]), startups };
    }
  }
}

/**
 * The rows on a regular axis. Without a step of its own the table has that of most of its rows; a row beside the axis
 * goes to the nearest step. The service of the first row is the entry.
 *
 * @param describe names row i in errors, such as `history.csv, line 7`
 * @throws UserError HISTORY_INVALID
 */
export function historyOfRows(
  rows: readonly HistoryRow[],
  timing: HistoryTiming,
  origin: string,
  describe: (row: number) => string,
): History {
  const fail = (row: number, what: string): never => {
    throw new UserError('HISTORY_INVALID', `${describe(row)}: ${what}`);
  };
  const seconds = [...new Set(rows.map((row) => row.second))].sort((a, b) => a - b);
  const stepSeconds = timing.stepSeconds > 0 ? timing.stepSeconds : commonestDifference(seconds);
  if (rows.length === 0 || !(stepSeconds > 0)) {
    throw new UserError('HISTORY_INVALID', `${origin}: needs rows of at least two seconds, found ${seconds.length}`);
  }
  const startSecond = seconds[0];
  const steps = Math.round((seconds[seconds.length - 1] - startSecond) / stepSeconds) + 1;
  if (steps > mostSteps) {
    throw new UserError(
      'HISTORY_INVALID',
      `${origin}: ${steps} steps of ${stepSeconds} s between its first and its last row; are all seconds of one clock?`,
    );
  }
  const services = new Map<string, ServiceHistory & { podStarts: PodStart[] }>();
  const seen = new Map<string, Float64Array>();
  for (const [i, row] of rows.entries()) {
    if (!serviceName.test(row.service)) fail(i, `service "${row.service}" is not a name as Kubernetes allows it`);
    const service = services.get(row.service) ?? emptyServiceHistory(row.service, steps);
    const secondOfStep = seen.get(row.service) ?? new Float64Array(steps).fill(Number.NaN);
    services.set(row.service, service);
    seen.set(row.service, secondOfStep);
    const step = Math.round((row.second - startSecond) / stepSeconds);
    if (secondOfStep[step] === row.second) fail(i, `second ${row.second} of ${row.service} is there twice`);
    // Of two rows that fall on one step the later one is kept, whatever their order in the file.
    if (secondOfStep[step] > row.second) continue;
    secondOfStep[step] = row.second;
    for (const [m, name] of measurementNames.entries()) service[name][step] = row.values[m];
    for (const startup of row.startups) service.podStarts.push({ step, seconds: startup });
  }
  for (const service of services.values()) service.podStarts.sort((a, b) => a.step - b.step);
  return { ...timing, startSecond, stepSeconds, steps, services: [...services.values()] };
}

/** NaN for fewer than two values; of equally common ones the smallest. */
function commonestDifference(increasing: readonly number[]): number {
  const counts = new Map<number, number>();
  for (let i = 1; i < increasing.length; i++) {
    // Seconds with fractions would give differences that agree but for their last digits.
    const difference = Number((increasing[i] - increasing[i - 1]).toPrecision(9));
    counts.set(difference, (counts.get(difference) ?? 0) + 1);
  }
  let commonest = Number.NaN;
  let most = 0;
  for (const [difference, count] of counts) {
    if (count > most || (count === most && difference < commonest)) [commonest, most] = [difference, count];
  }
  return commonest;
}
