/** The queries of each preset: requests by who counts them, pods by cAdvisor and kube-state-metrics. */
import { UserError } from '../../errors.ts';
import type { LiveQueries, MetricPreset, MetricQueries } from './metric-queries.ts';
import {
  allWorkloads,
  cpuPercentQuery,
  desiredPodsQuery,
  measuredPodsQuery,
  memoryPercentQuery,
  podSampleSecondQueries,
  readyPodsQuery,
} from './pod-series.ts';
import { type RequestLabels, type RequestSeries, requestSeries } from './request-series.ts';

const applicationQueries = ['requestsPerSecond', 'p95Milliseconds', 'cpuPercent', 'memoryPercent'] as const;

/**
 * The queries of a preset, with some of them replaced.
 * @throws UserError `metrics.queries` when the preset is custom and a query of the application is missing
 */
export function presetQueries(preset: MetricPreset, overrides: Partial<MetricQueries> = {}): LiveQueries {
  const given = Object.fromEntries(Object.entries(overrides).filter(([, query]) => query !== undefined));
  const missing = applicationQueries.filter((name) => given[name] === undefined);
  if (preset === 'custom' && missing.length > 0) {
    throw new UserError(
      'metrics.queries',
      `the preset custom has no queries of its own, and ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} not given; ` +
        `write ${missing.length > 1 ? 'them' : 'it'} in spec.observation.queries, or choose another preset`,
    );
  }
  const series = preset === 'custom' ? [] : requestSeries[preset];
  return {
    requestsPerSecond: firstOf(series, requestRate),
    p95Milliseconds: firstOf(series, requestP95),
    cpuPercent: cpuPercentQuery(allWorkloads),
    memoryPercent: memoryPercentQuery(allWorkloads),
    measuredPods: measuredPodsQuery(allWorkloads),
    readyPods: readyPodsQuery(allWorkloads),
    desiredPods: desiredPodsQuery(allWorkloads),
    sampleSecond: sampleSecondQuery(series, given),
    ...given,
  };
}

function firstOf(
  series: readonly RequestSeries[],
  queryOf: (series: RequestSeries, labels: RequestLabels) => string,
): string {
  return series.flatMap((one) => one.labels.map((labels) => queryOf(one, labels))).join(' or ');
}

/**
 * Nothing within a window of Prometheus' first sample: a rate takes the time before it for time without requests, and half
 * the load would be believed.
 */
function requestRate({ counter }: RequestSeries, labels: RequestLabels): string {
  const selector = `${counter}{${labels.matchers}}`;
  const by = `by (${labelNames(labels)})`;
  return byWorkload(`(sum ${by} (rate(${selector}[$window])) and sum ${by} (${selector} offset $window))`, labels);
}

function requestP95({ bucket, millisecondsPerUnit }: RequestSeries, labels: RequestLabels): string {
  const rates = `sum by (${labelNames(labels)},le) (rate(${bucket}{${labels.matchers}}[$window]))`;
  const factor = millisecondsPerUnit === 1 ? '' : `${millisecondsPerUnit} * `;
  return byWorkload(`${factor}histogram_quantile(0.95, ${rates})`, labels);
}

function requestSampleSecond({ counter }: RequestSeries, labels: RequestLabels): string {
  return byWorkload(`max by (${labelNames(labels)}) (timestamp(${counter}{${labels.matchers}}))`, labels);
}

function labelNames({ namespace, workload }: RequestLabels): string {
  return [...new Set([namespace[0], workload[0]])].join(',');
}

/** Gives the series the labels `namespace` and `workload`, and no others. */
function byWorkload(query: string, { namespace, workload }: RequestLabels): string {
  const renamed = (inner: string, to: string, [from, pattern = '(.*)']: readonly [string, string?]) =>
    from === to ? inner : `label_replace(${inner},"${to}","$1","${from}","${pattern}")`;
  return `max by (namespace,workload) (${renamed(renamed(query, 'namespace', namespace), 'workload', workload)})`;
}

/** A metric's name with or without matchers: what a recording rule's result is asked by. */
const plainSelector = /^\s*[a-zA-Z_:][\w:]*\s*(\{[^{}]*\})?\s*$/;

/** Of what an expression was made cannot be seen from outside; it counts as new as the other sources. */
function sampleSecondQuery(series: readonly RequestSeries[], given: Partial<MetricQueries>): string {
  const recorded = (query: string) =>
    plainSelector.test(query) ? [`max by (namespace,workload) (timestamp(${query}))`] : [];
  const { cpu, pods } = podSampleSecondQueries(allWorkloads);
  const sources = [
    ...(given.requestsPerSecond === undefined
      ? [firstOf(series, requestSampleSecond)]
      : recorded(given.requestsPerSecond)),
    ...(given.cpuPercent === undefined ? [cpu] : recorded(given.cpuPercent)),
    pods,
  ];
  // With a label of its own each, or the first would hide what the others say of a workload.
  const told = sources.map((query, i) => `label_replace(${query},"source","${i}","","")`);
  return `min by (namespace,workload) (${told.join(' or ')})`;
}
