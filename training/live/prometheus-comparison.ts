/** `duoloop compare --live`: what Prometheus remembers of namespaces that serve the same application, as a comparison. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { type FleetHistory, readFleetHistory, type WorkloadHistory } from '../../env/cluster/live/fleet-history.ts';
import type { MetricQueries } from '../../env/cluster/live/metric-queries.ts';
import type { PrometheusClient } from '../../env/cluster/prometheus.ts';
import { UserError } from '../../env/errors.ts';
import type { RecordedSeries } from '../compare.ts';
import type { ComparisonRow } from '../comparison.ts';
import { outcomeOfSeries } from './series-outcome.ts';

/** A namespace and the name under which it is compared. */
export interface LiveContestant {
  readonly policy: string;
  readonly namespace: string;
}

export interface PrometheusComparisonOptions {
  readonly app: AppModel;
  readonly contestants: readonly LiveContestant[];
  readonly prometheus: Pick<PrometheusClient, 'range'>;
  readonly queries: MetricQueries;
  /** Unix seconds. */
  readonly fromSecond: number;
  readonly toSecond: number;
  readonly stepSeconds: number;
  readonly rateWindowSeconds: number;
  /** Seconds of the application per second of Prometheus; above 1 in a lab only. Default 1. */
  readonly timeScale?: number;
  readonly signal?: AbortSignal;
}

export interface PrometheusComparison {
  readonly rows: ComparisonRow[];
  readonly series: RecordedSeries[];
  /** What is not known, and what makes the comparison unfair; a line each. */
  readonly remarks: string[];
}

/** Loads that differ by more are not the same traffic. */
const sameLoadShare = 0.05;

/**
 * p95 is that of a rate window, so shorter excursions are smoothed. Steps without p95 or replicas are left out and told of.
 * @throws UserError `live.empty` when nothing is known of a namespace; PrometheusError
 */
export async function compareFromPrometheus(options: PrometheusComparisonOptions): Promise<PrometheusComparison> {
  const { app, contestants, fromSecond, toSecond, timeScale = 1 } = options;
  const trace = `live-${new Date(fromSecond * 1000).toISOString().slice(0, 16)}Z`.replaceAll(':', '');
  const comparison: PrometheusComparison = { rows: [], series: [], remarks: [] };
  for (const { policy, namespace } of contestants) {
    const system = { key: policy, namespace, workloads: app.services.map(({ name }) => name) };
    const history = await readFleetHistory({ ...options, system });
    const series = seriesOf(history, { policy, trace, timeScale });
    const row = outcomeOfSeries({ app, series });
    if (row.steps === 0) throw emptyError(namespace, history, toSecond - fromSecond);
    comparison.rows.push(row);
    comparison.series.push(series);
    comparison.remarks.push(...history.missing, ...gapRemarks(namespace, history, series));
  }
  comparison.remarks.push(...loadRemarks(comparison.series));
  return comparison;
}

/** Replicas that are not known are −1, everything else NaN. */
function seriesOf(
  { seconds, stepSeconds, workloads }: FleetHistory,
  { policy, trace, timeScale }: { policy: string; trace: string; timeScale: number },
): RecordedSeries {
  const [entry] = workloads;
  const services = workloads.map((workload) => ({
    service: workload.name,
    rps: Float32Array.from(workload.requestsPerSecond),
    desired: counts(workload.desiredPods),
    ready: counts(workload.readyPods),
    cpu: Float32Array.from(workload.cpuPercent),
  }));
  const total = (pick: (service: (typeof services)[number]) => Int32Array) =>
    Int32Array.from(seconds, (_, i) => {
      const each = services.map((service) => pick(service)[i]);
      return each.some((count) => count < 0) ? -1 : each.reduce((sum, count) => sum + count, 0);
    });
  return {
    trace,
    policy,
    stepSeconds: stepSeconds * timeScale,
    rps: Float32Array.from(entry.requestsPerSecond),
    p95: Float32Array.from(entry.p95Milliseconds),
    desired: total(({ desired }) => desired),
    ready: total(({ ready }) => ready),
    cpu: Float32Array.from(seconds, (_, i) => meanCpu(workloads, i)),
    services,
  };
}

const counts = (values: Float64Array) =>
  Int32Array.from(values, (value) => (Number.isNaN(value) ? -1 : Math.round(value)));

/** Averaged over pods. */
function meanCpu(workloads: readonly WorkloadHistory[], i: number): number {
  let sum = 0;
  let pods = 0;
  for (const { cpuPercent, readyPods } of workloads) {
    sum += cpuPercent[i] * readyPods[i];
    pods += readyPods[i];
  }
  return pods > 0 ? sum / pods : Number.NaN;
}

function gapRemarks(namespace: string, { seconds }: FleetHistory, { p95, desired }: RecordedSeries): string[] {
  const gaps: { from: number; to: number }[] = [];
  let unknown = 0;
  for (const [i, second] of seconds.entries()) {
    if (!Number.isNaN(p95[i]) && desired[i] >= 0) continue;
    unknown++;
    const last = gaps.at(-1);
    if (last !== undefined && i > 0 && last.to === seconds[i - 1]) last.to = second;
    else gaps.push({ from: second, to: second });
  }
  if (unknown === 0) return [];
  const longest = gaps.reduce((a, b) => (b.to - b.from > a.to - a.from ? b : a));
  const share = ((100 * unknown) / seconds.length).toFixed(1);
  return [
    `${namespace}: ${share} % of the steps have no p95 or no replicas and are left out (${gaps.length} ${gaps.length === 1 ? 'gap' : 'gaps'}, the longest ${clock(longest.from)} to ${clock(longest.to)} UTC)`,
  ];
}

const clock = (second: number) => new Date(second * 1000).toISOString().slice(11, 19);

function loadRemarks(series: readonly RecordedSeries[]): string[] {
  const means = series.map(({ rps }) => {
    const known = rps.filter((load) => !Number.isNaN(load));
    return known.reduce((sum, load) => sum + load, 0) / known.length;
  });
  const least = Math.min(...means);
  const most = Math.max(...means);
  if (!(most > least * (1 + sameLoadShare))) return [];
  const each = series.map(({ policy }, i) => `${policy} ${means[i].toFixed(1)}`).join(', ');
  return [`the traffic was not the same (mean requests/s: ${each}), so the figures are not of the policies alone`];
}

function emptyError(namespace: string, { missing }: FleetHistory, rangeSeconds: number): UserError {
  const why = missing.length > 0 ? `: ${missing.join('; ')}` : '';
  return new UserError(
    'live.empty',
    `namespace ${namespace} has no moment in the last ${rangeSeconds} s with p95 and replicas${why}. Check --namespaces, --preset and the names of the app model's services, or give a longer --range`,
  );
}
