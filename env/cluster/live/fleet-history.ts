/** What Prometheus remembers of one application: the measurements of a live source, over a regular time axis. */
import PQueue from 'p-queue';
import type { ObservedSystem } from '../../ports.ts';
import { type PrometheusClient, PrometheusError, type PrometheusSeries } from '../prometheus.ts';
import { metricNames } from './measurement-join.ts';
import type { MetricName, MetricQueries } from './metric-queries.ts';
import { renderLiveQuery } from './query-text.ts';

/** A value per moment of the history's axis; NaN in a gap. */
export type WorkloadHistory = Readonly<Record<MetricName, Float64Array>> & { readonly name: string };

export interface FleetHistory {
  /** Unix seconds, `stepSeconds` apart. */
  readonly seconds: Float64Array;
  readonly stepSeconds: number;
  /** In the order of the system's workloads. */
  readonly workloads: readonly WorkloadHistory[];
  /** One line per metric that some workload has at no moment at all. */
  readonly missing: readonly string[];
}

export interface FleetHistoryOptions {
  readonly prometheus: Pick<PrometheusClient, 'range'>;
  readonly queries: MetricQueries;
  readonly system: ObservedSystem;
  /** Unix seconds; the axis begins at the first and ends at the last moment that a whole number of steps reaches. */
  readonly fromSecond: number;
  readonly toSecond: number;
  readonly stepSeconds: number;
  readonly rateWindowSeconds: number;
  /** Moments asked for at once, at most 11,000; fewer where Prometheus finds them too many. */
  readonly pointsPerQuery?: number;
  readonly signal?: AbortSignal;
}

/** Prometheus holds a query's series at all moments in memory; at this many, those of a thousand buckets are few. */
const defaultPointsPerQuery = 1500;
const fewestPoints = 30;
/** Prometheus' own bound. */
const mostPoints = 11_000;
/** A proxy in front of Prometheus may take no more than 8 KiB of address. */
const longestQuery = 5000;

/**
 * Asks for each metric in stretches that Prometheus can answer.
 * @throws PrometheusError when a stretch is not answered however short (unreachable, unauthorised, timeout, a wrong query)
 */
export async function readFleetHistory(options: FleetHistoryOptions): Promise<FleetHistory> {
  const { queries, system, fromSecond, toSecond, stepSeconds, signal } = options;
  const points = Math.max(0, Math.floor((toSecond - fromSecond) / stepSeconds + 1e-9) + 1);
  const seconds = Float64Array.from({ length: points }, (_, i) => fromSecond + i * stepSeconds);
  const workloads = system.workloads.map((name) => emptyHistory(name, points));
  const places = new Map(system.workloads.map((name, i) => [name, workloads[i]]));
  // Two at once: more would hold more of Prometheus' memory, which is there for others too.
  const queue = new PQueue({ concurrency: 2 });

  async function readStretch(metric: MetricName, text: string, first: number, count: number): Promise<void> {
    const range = { fromSecond: seconds[first], toSecond: seconds[first + count - 1], stepSeconds };
    let found: PrometheusSeries[];
    try {
      found = await options.prometheus.range(text, range, signal);
    } catch (error) {
      if (!(error instanceof PrometheusError)) throw error;
      if (error.code === 'empty') return;
      if (!isTooMuch(error) || count <= fewestPoints) throw error;
      const half = Math.ceil(count / 2);
      await readStretch(metric, text, first, half);
      return readStretch(metric, text, first + half, count - half);
    }
    for (const { labels, seconds: times, values } of found) {
      const into = labels.namespace === system.namespace ? places.get(labels.workload)?.[metric] : undefined;
      if (into === undefined) continue;
      for (const [i, time] of times.entries()) {
        const value = values[i];
        if (value >= 0 && value < Number.POSITIVE_INFINITY) into[Math.round((time - fromSecond) / stepSeconds)] = value;
      }
    }
  }

  const pointsPerQuery = Math.min(mostPoints, options.pointsPerQuery ?? defaultPointsPerQuery);
  const stretches = metricNames.flatMap((metric) => {
    const text = queryText(queries[metric], options);
    return Array.from({ length: Math.ceil(points / pointsPerQuery) }, (_, i) => {
      const first = i * pointsPerQuery;
      return () => readStretch(metric, text, first, Math.min(pointsPerQuery, points - first));
    });
  });
  try {
    await queue.addAll(stretches, { signal });
  } finally {
    queue.clear();
  }
  return { seconds, stepSeconds, workloads, missing: missingLines(system, workloads) };
}

function queryText(query: string, { system, rateWindowSeconds }: FleetHistoryOptions): string {
  const scope = { windowSeconds: rateWindowSeconds, namespaces: [system.namespace] };
  const text = renderLiveQuery(query, { ...scope, workloads: system.workloads });
  return text.length <= longestQuery ? text : renderLiveQuery(query, { ...scope, workloads: undefined });
}

function emptyHistory(name: string, points: number): WorkloadHistory {
  const gap = () => new Float64Array(points).fill(Number.NaN);
  return {
    name,
    ...(Object.fromEntries(metricNames.map((metric) => [metric, gap()])) as Record<MetricName, Float64Array>),
  };
}

/** A shorter stretch may do: too many samples or points (422, 400), a proxy's or Prometheus' own time-out. */
function isTooMuch({ code, httpStatus, message }: PrometheusError): boolean {
  return (
    code === 'timeout' || httpStatus === 503 || httpStatus === 504 || /too many samples|exceeded maximum/.test(message)
  );
}

function missingLines({ namespace }: ObservedSystem, workloads: readonly WorkloadHistory[]): string[] {
  return metricNames.flatMap((metric) => {
    const without = workloads.filter((workload) => workload[metric].every(Number.isNaN)).map(({ name }) => name);
    return without.length === 0
      ? []
      : [`${metric}: the query returned nothing for ${without.join(', ')} in ${namespace}`];
  });
}
