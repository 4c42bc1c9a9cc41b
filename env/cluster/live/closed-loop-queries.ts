/** The measurements of a live source as single numbers, for the metrics of a ClosedLoop. */
import { UserError } from '../../errors.ts';
import type { MetricPreset } from './metric-queries.ts';
import { cpuPercentQuery, memoryPercentQuery, type PodScope } from './pod-series.ts';
import { alternatives, promqlDuration } from './query-text.ts';
import { type RequestLabels, type RequestSeries, requestSeries } from './request-series.ts';

export interface ClosedLoopQueryOptions {
  /** Requests enter at the first. */
  readonly workloads: readonly string[];
  readonly rateWindowSeconds: number;
}

/** PromQL of one number each, with `$namespace` in its label matchers: for `source.prometheus.query`. */
export interface ClosedLoopQueries {
  /** Milliseconds, of the requests that the entry answers. */
  readonly p95: string;
  /** Percent of the request and of the limit, of the workload that has most. */
  readonly cpu: string;
  readonly memory: string;
  /** Requests/s at the entry. */
  readonly load: string;
}

/** @throws UserError `metrics.queries` for the preset custom, which has no queries; `metrics.workload` for what is no name */
export function closedLoopQueries(
  preset: MetricPreset,
  { workloads, rateWindowSeconds }: ClosedLoopQueryOptions,
): ClosedLoopQueries {
  if (preset === 'custom') {
    throw new UserError(
      'metrics.queries',
      'the preset custom has no queries; write them in the ClosedLoop, or choose another',
    );
  }
  const unusable = workloads.find((name) => alternatives([name]) === '-');
  if (unusable !== undefined || workloads.length === 0) {
    const what = unusable === undefined ? 'no workload is given' : `"${unusable}" is no name of a workload`;
    throw new UserError('metrics.workload', `${what}; name Deployments or StatefulSets, the entry first`);
  }
  const scope: PodScope = { namespaceMatcher: 'namespace="$namespace"', workloads: alternatives(workloads) };
  const atEntry = (queryOf: (series: RequestSeries, matchers: string) => string) =>
    requestSeries[preset]
      .flatMap((series) => series.labels.map((labels) => queryOf(series, entryMatchers(labels, workloads[0]))))
      .join(' or ');
  const queries: ClosedLoopQueries = {
    p95: atEntry(
      ({ bucket, millisecondsPerUnit }, matchers) =>
        `histogram_quantile(0.95, sum by (le) (rate(${bucket}{${matchers}}[$window])))` +
        (millisecondsPerUnit === 1 ? '' : ` * ${millisecondsPerUnit}`),
    ),
    load: atEntry(
      ({ counter }, matchers) =>
        `(sum(rate(${counter}{${matchers}}[$window])) and sum(${counter}{${matchers}} offset $window))`,
    ),
    cpu: `max(${cpuPercentQuery(scope)})`,
    memory: `max(${memoryPercentQuery(scope)})`,
  };
  const window = promqlDuration(rateWindowSeconds);
  const withWindow = (query: string) => query.replaceAll('$window', window);
  return {
    p95: withWindow(queries.p95),
    load: withWindow(queries.load),
    cpu: withWindow(queries.cpu),
    memory: withWindow(queries.memory),
  };
}

/** Equality where it can be: only by that can the operator ask for many loops at once. */
function entryMatchers({ matchers }: RequestLabels, entry: string): string {
  return matchers
    .replaceAll('=~"$namespaces"', '="$namespace"')
    .replaceAll('=~"$workloads"', `="${entry}"`)
    .replaceAll('($namespaces)', '$namespace')
    .replaceAll('$workloads', alternatives([entry]));
}
