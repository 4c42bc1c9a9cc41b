/** The counters of the played pods as Prometheus scrapes them: Istio's request metrics and cAdvisor's container metrics. */
import { Exposition, formatLabels, type MetricFamily } from './exposition.ts';
import { bucketBoundsMilliseconds } from './latency-histogram.ts';
import type { ApplicationPod, PodCounters } from './pod-counters.ts';

const requestDuration: MetricFamily = {
  name: 'istio_request_duration_milliseconds',
  type: 'histogram',
  help: 'Duration of requests as the destination proxy of a pod sees them.',
};
const requests: MetricFamily = {
  name: 'istio_requests_total',
  type: 'counter',
  help: 'Requests as the destination proxy of a pod counts them.',
};
const cpuUsage: MetricFamily = {
  name: 'container_cpu_usage_seconds_total',
  type: 'counter',
  help: 'CPU time consumed by a container.',
};
const memoryWorkingSet: MetricFamily = {
  name: 'container_memory_working_set_bytes',
  type: 'gauge',
  help: 'Current working set of a container.',
};

/**
 * The text of a scrape. A pod is exposed from its first readiness until it is deleted; its series begin at 0, as those
 * of a new process do.
 */
export function exposePods(pods: readonly PodCounters[]): string {
  const exposition = new Exposition();
  const rows = pods.map((counters) => ({
    counters,
    proxy: proxyLabels(counters.pod),
    container: containerLabels(counters.pod),
  }));
  exposition.family(requestDuration);
  for (const { counters, proxy } of rows) {
    const { durations, durationSumMilliseconds } = counters;
    exposition.histogram(requestDuration.name, proxy, bucketBoundsMilliseconds, durations, durationSumMilliseconds);
  }
  exposition.family(requests);
  for (const { counters, proxy } of rows) exposition.sample(requests.name, proxy, total(counters.durations));
  exposition.family(cpuUsage);
  for (const { counters, container } of rows) exposition.sample(cpuUsage.name, container, counters.cpuSeconds);
  exposition.family(memoryWorkingSet);
  for (const { counters, container } of rows) {
    exposition.sample(memoryWorkingSet.name, container, counters.memoryBytes);
  }
  return exposition.toString();
}

function total(counts: Float64Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** As a destination proxy labels its metrics, and the scrape of its pod adds. */
function proxyLabels({ namespace, name, workload }: ApplicationPod): string {
  return formatLabels({
    reporter: 'destination',
    destination_workload: workload,
    destination_workload_namespace: namespace,
    destination_service_name: workload,
    destination_service_namespace: namespace,
    response_code: '200',
    request_protocol: 'http',
    namespace,
    pod: name,
  });
}

function containerLabels({ namespace, name, container, image }: ApplicationPod): string {
  return formatLabels({ namespace, pod: name, container, image });
}
