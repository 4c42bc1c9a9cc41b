/** The history of an application from Prometheus, cAdvisor and kube-state-metrics. */
import { median } from 'simple-statistics';
import { createDiagnosis } from '../cluster/live/diagnosis.ts';
import { readFleetHistory } from '../cluster/live/fleet-history.ts';
import type { LiveQueries, MetricPreset } from '../cluster/live/metric-queries.ts';
import { promqlDuration, renderLiveQuery } from '../cluster/live/query-text.ts';
import { type PrometheusClient, PrometheusError } from '../cluster/prometheus.ts';
import { UserError } from '../errors.ts';
import { emptyServiceHistory, type History } from './history.ts';
import { type PodStartAnswers, podStartQueries, podStarts, workloadOf } from './pod-starts.ts';

export interface PrometheusHistoryOptions {
  readonly prometheus: PrometheusClient;
  readonly queries: LiveQueries;
  readonly preset: MetricPreset;
  readonly namespace: string;
  /** Entry first; empty: the only workload that requests arrive at. */
  readonly services: readonly string[];
  /** Ends now. */
  readonly rangeSeconds: number;
  readonly stepSeconds: number;
  readonly rateWindowSeconds: number;
  /** Unix seconds; the client must have the same. */
  readonly now: () => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (message: string) => void;
}

export interface PrometheusHistory {
  readonly history: History;
  /** What was not there at any moment: which query returned nothing, and what to do. */
  readonly missing: readonly string[];
}

/** Prometheus writes samples when they are scraped; before the last ones are there a step would be half empty. */
const settledSeconds = 5;

/** @throws UserError HISTORY_EMPTY, PROMETHEUS_UNUSABLE */
export async function readPrometheusHistory(options: PrometheusHistoryOptions): Promise<PrometheusHistory> {
  try {
    return await read(options);
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    const what =
      error.httpStatus === 401 || error.httpStatus === 403 ? 'give --prometheus-token-file' : 'check --prometheus';
    throw new UserError('PROMETHEUS_UNUSABLE', `${error.message}; ${what}`, { cause: error });
  }
}

async function read(options: PrometheusHistoryOptions): Promise<PrometheusHistory> {
  const { prometheus, queries, namespace, stepSeconds, rateWindowSeconds, now, signal, onProgress } = options;
  const services = options.services.length > 0 ? options.services : [await onlyService(options)];
  const endSecond = Math.floor((now() - settledSeconds) / stepSeconds) * stepSeconds;
  const fromSecond = endSecond - Math.floor(options.rangeSeconds / stepSeconds) * stepSeconds;
  onProgress?.(
    `reading ${services.length} services of ${namespace}, ${promqlDuration(endSecond - fromSecond)} in steps of ${stepSeconds} s`,
  );
  const system = { key: namespace, namespace, workloads: services };
  const fleet = await readFleetHistory({
    prometheus,
    queries,
    system,
    fromSecond,
    toSecond: endSecond,
    stepSeconds,
    rateWindowSeconds,
    signal,
  });
  const steps = fleet.seconds.length;
  const [entry] = fleet.workloads;
  for (const metric of ['requestsPerSecond', 'p95Milliseconds'] as const) {
    if (entry[metric].some((value) => !Number.isNaN(value))) continue;
    throw await nothingFor(options, services, metric);
  }
  const range = promqlDuration(Math.max(stepSeconds, Math.ceil(now() - fromSecond)));
  const ask = (query: string) =>
    prometheus.samples(query.replaceAll('$namespace', namespace).replaceAll('$range', range), signal);
  const [answers, cores, sampleIntervalSeconds, sampleAgeSeconds] = await Promise.all([
    askPodStarts(ask),
    ask(cpuRequestQuery),
    sampleInterval(ask, Math.min(300, endSecond - fromSecond)),
    sampleAge(options, services, endSecond, Math.min(endSecond - fromSecond, 100 * ageStepSeconds)),
  ]);
  const starts = podStarts(answers, { fromSecond, stepSeconds, steps });
  const coresOf = requestPerWorkload(answers, cores);
  const history: History = {
    startSecond: fromSecond,
    stepSeconds,
    steps,
    rateWindowSeconds,
    sampleIntervalSeconds,
    sampleAgeSeconds,
    services: fleet.workloads.map((workload) => ({
      ...emptyServiceHistory(workload.name, 0),
      ...workload,
      cpuRequestCores: new Float64Array(steps).fill(coresOf.get(workload.name) ?? Number.NaN),
      podStarts: starts.get(workload.name) ?? [],
    })),
  };
  return { history, missing: fleet.missing };
}

/** Of all containers of a pod, as the CPU percentages are of. */
const cpuRequestQuery =
  'sum by (pod) (max by (pod,container) (last_over_time(kube_pod_container_resource_requests{namespace="$namespace",resource="cpu"}[$range])))';

function requestPerWorkload(
  { owners }: PodStartAnswers,
  cores: readonly { labels: Readonly<Record<string, string>>; value: number }[],
) {
  const workloads = new Map(owners.map(({ labels }) => [labels.pod, workloadOf(labels)]));
  const perWorkload = new Map<string, number[]>();
  for (const { labels, value } of cores) {
    const workload = workloads.get(labels.pod);
    if (workload !== undefined && value > 0) perWorkload.set(workload, [...(perWorkload.get(workload) ?? []), value]);
  }
  return new Map([...perWorkload].map(([name, values]) => [name, median(values)]));
}

async function askPodStarts(ask: (query: string) => Promise<PodStartAnswers['ready']>): Promise<PodStartAnswers> {
  const { created, ready, restarts, owners } = podStartQueries;
  const [c, r, s, o] = await Promise.all([ask(created), ask(ready), ask(restarts), ask(owners)]);
  return { created: c, ready: r, restarts: s, owners: o };
}

/** Of the counters of CPU time, by those series that had most samples in the last minutes; NaN without any. */
async function sampleInterval(ask: (query: string) => Promise<PodStartAnswers['ready']>, windowSeconds: number) {
  const window = promqlDuration(windowSeconds);
  const [most] = await ask(
    `max(count_over_time(container_cpu_usage_seconds_total{namespace="$namespace",container!=""}[${window}]))`,
  );
  return most === undefined ? Number.NaN : Number((windowSeconds / most.value).toPrecision(3));
}

/** No divisor of usual scrape intervals: all phases between two scrapes come up. */
const ageStepSeconds = 7.3;

async function sampleAge(
  { prometheus, queries, namespace, rateWindowSeconds, signal }: PrometheusHistoryOptions,
  services: readonly string[],
  toSecond: number,
  rangeSeconds: number,
) {
  if (queries.sampleSecond === undefined) return Number.NaN;
  const query = renderLiveQuery(queries.sampleSecond, {
    windowSeconds: rateWindowSeconds,
    namespaces: [namespace],
    workloads: services,
  });
  const range = {
    fromSecond: toSecond - rangeSeconds,
    toSecond,
    stepSeconds: Math.min(ageStepSeconds, rangeSeconds / 20),
  };
  const series = await prometheus.range(query, range, signal).catch((error) => {
    if (error instanceof PrometheusError && error.code === 'empty') return [];
    throw error;
  });
  const ages = series
    .filter(({ labels }) => services.includes(labels.workload))
    .flatMap(({ seconds, values }) => [...values].map((sampled, i) => seconds[i] - sampled))
    .filter((age) => age >= 0);
  return ages.length > 0 ? Number(median(ages).toFixed(2)) : Number.NaN;
}

/** What is there now is asked by a longer window than that of the rates, so that a late scrape does not hide it. */
const patientWindow = ({ rateWindowSeconds, rangeSeconds }: PrometheusHistoryOptions) =>
  Math.max(rateWindowSeconds, Math.min(300, Math.floor(rangeSeconds / 4)));

async function onlyService(options: PrometheusHistoryOptions): Promise<string> {
  const { prometheus, queries, namespace, signal } = options;
  const scope = { windowSeconds: patientWindow(options), namespaces: [namespace], workloads: undefined };
  const names = async (query: string) => {
    const samples = await prometheus.samples(renderLiveQuery(query, scope), signal);
    return [
      ...new Set(samples.filter(({ labels }) => labels.namespace === namespace).map(({ labels }) => labels.workload)),
    ].sort();
  };
  const reached = await names(queries.requestsPerSecond);
  if (reached.length === 1) return reached[0];
  const workloads = await names(queries.readyPods);
  throw new UserError(
    'HISTORY_EMPTY',
    reached.length > 1
      ? `${namespace}: requests arrive at ${reached.join(', ')}; name those that belong together, the one that requests enter at first: --service ${reached.join(' ')}`
      : `${namespace}: requests arrive at no workload now by the preset ${options.preset}${workloads.length > 0 ? ` (there are ${workloads.join(', ')})` : ', and kube-state-metrics knows none'}; name them with --service, or choose another --preset`,
  );
}

async function nothingFor(
  options: PrometheusHistoryOptions,
  services: readonly string[],
  metric: 'requestsPerSecond' | 'p95Milliseconds',
) {
  const { prometheus, preset, namespace, now, signal } = options;
  const diagnosis = createDiagnosis({
    ask: (query, aborted) => prometheus.samples(query, aborted),
    presetName: preset,
    now,
  });
  const scope = { windowSeconds: patientWindow(options), namespaces: [namespace], workloads: services };
  const hint = await diagnosis.hint(metric, scope, signal ?? new AbortController().signal);
  return new UserError(
    'HISTORY_EMPTY',
    `${metric}: the query of preset ${preset} returned nothing for ${services[0]} in ${namespace} over the whole range${hint === undefined ? '' : `; ${hint}`}`,
  );
}
