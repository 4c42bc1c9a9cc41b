/** Seconds from Prometheus' memory of a day of twenty services to an app model: reading, and fitting. */

import { calibrate } from '../env/calibration/calibrate.ts';
import { readPrometheusHistory } from '../env/calibration/prometheus-history.ts';
import { presetQueries } from '../env/cluster/live/presets.ts';
import { createPrometheusClient } from '../env/cluster/prometheus.ts';
import { startPrometheus } from '../env/lab/monitoring.ts';
import { type Benchmark, type BenchmarkOptions, type Measurement, summarise } from './measurement.ts';
import { type PastSeries, writePast } from './prometheus-past.ts';

const namespace = 'shop';
const stepSeconds = 15;
const mostPods = 3;
const requiredSeconds = 60;

export const calibrationBenchmark: Benchmark = {
  name: 'calibration',
  description: 'seconds to calibrate 20 services from 24 h in Prometheus',
  async run({ quick }: BenchmarkOptions): Promise<Measurement[]> {
    const services = quick ? 4 : 20;
    const rangeSeconds = (quick ? 4 : 24) * 3600;
    const prometheus = await startPrometheus();
    try {
      const toSecond = Math.floor(Date.now() / 1000 / stepSeconds) * stepSeconds;
      const fromSecond = toSecond - rangeSeconds - 600;
      const samples = await writePast(prometheus.url, pastOf(services, fromSecond), { fromSecond, toSecond });
      const started = performance.now();
      const { history, missing } = await readPrometheusHistory({
        prometheus: createPrometheusClient({ url: prometheus.url, timeoutSeconds: 120 }),
        queries: presetQueries('istio'),
        preset: 'istio',
        namespace,
        services: Array.from({ length: services }, (_, i) => nameOf(i)),
        rangeSeconds,
        stepSeconds,
        rateWindowSeconds: 60,
        now: () => Date.now() / 1000,
      });
      if (missing.length > 0) throw new Error(missing.join('; '));
      const read = performance.now();
      calibrate(history, {
        name: namespace,
        traceName: 'day',
        origin: 'a benchmark',
        slaP95Milliseconds: 200,
        longestGapSeconds: 300,
        seed: 1,
        calls: Array.from({ length: services - 1 }, (_, i) => ({
          from: nameOf(i >> 1),
          to: nameOf(i + 1),
          perVisit: undefined,
        })),
      });
      const fitted = performance.now();
      const size = `${services} services, ${rangeSeconds / 3600} h`;
      const total = summarise(`calibrate ${size}`, 's', [(fitted - started) / 1000]);
      return [
        {
          ...total,
          required: { value: requiredSeconds, is: 'at most' },
          note: `${(samples / 1e6).toFixed(1)} M samples in Prometheus`,
        },
        summarise(`read history of ${size}`, 's', [(read - started) / 1000]),
        summarise(`fit ${size}`, 's', [(fitted - read) / 1000]),
      ];
    } finally {
      await prometheus.stop();
    }
  },
};

const nameOf = (service: number) => `service-${service}`;

/** A tree of services, each of two or three pods, as Istio, cAdvisor and kube-state-metrics would have told of them. */
function pastOf(services: number, fromSecond: number): PastSeries[] {
  const load = (second: number) => 200 * (1 + 0.5 * Math.sin(second / 7000));
  // Of the rates, so that counters never fall.
  const requests = (second: number) =>
    200 * (second - fromSecond) - 700_000 * (Math.cos(second / 7000) - Math.cos(fromSecond / 7000));
  return Array.from({ length: services }, (_, i) => i).flatMap((service) => {
    const cpuSeconds = 0.002 + 0.0001 * service;
    /** The third pod comes and goes with the hours, each service at its own. */
    const pods = (second: number) => (Math.sin(second / (2000 + 90 * service)) > 0 ? mostPods : mostPods - 1);
    const workload = (name: string, value: PastSeries['valueAt']): PastSeries => ({
      labels: { __name__: name, namespace, deployment: nameOf(service) },
      valueAt: value,
      intervalSeconds: stepSeconds,
    });
    return [
      workload('kube_deployment_status_replicas_ready', pods),
      workload('kube_deployment_spec_replicas', pods),
      ...Array.from({ length: mostPods }, (_, pod) =>
        podSeries(service, pod, { cpuSeconds, pods, load, requests, fromSecond }),
      ).flat(),
    ];
  });
}

interface Work {
  readonly cpuSeconds: number;
  readonly pods: (second: number) => number;
  readonly load: (second: number) => number;
  /** Requests so far. */
  readonly requests: (second: number) => number;
  readonly fromSecond: number;
}

const bounds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000];

function podSeries(service: number, pod: number, { cpuSeconds, pods, load, requests, fromSecond }: Work): PastSeries[] {
  const name = `${nameOf(service)}-7d4f-${pod}`;
  const there = (second: number) => pod < pods(second);
  const share = 1 / mostPods;
  const series = (metric: string, labels: Record<string, string>, valueAt: PastSeries['valueAt']): PastSeries => ({
    labels: { __name__: metric, namespace, ...labels },
    valueAt: (second) => (there(second) ? valueAt(second) : undefined),
    intervalSeconds: stepSeconds,
  });
  const proxy = {
    pod: name,
    reporter: 'destination',
    destination_workload: nameOf(service),
    destination_workload_namespace: namespace,
  };
  const container = { pod: name, container: 'server' };
  /** Share of requests up to a bound: exponential, and the same all day, so that no bucket's counter falls. */
  const served = (bound: number) => 1 - Math.exp(-bound / (4000 * cpuSeconds));
  return [
    series('kube_pod_owner', { pod: name, owner_kind: 'ReplicaSet', owner_name: `${nameOf(service)}-7d4f` }, () => 1),
    series('kube_pod_status_ready', { pod: name, condition: 'true' }, () => 1),
    series('kube_pod_created', { pod: name }, () => fromSecond + 700),
    series('kube_pod_status_ready_time', { pod: name }, () => fromSecond + 725 + pod),
    series('kube_pod_container_resource_requests', { ...container, resource: 'cpu' }, () => 1),
    series('kube_pod_container_resource_limits', { ...container, resource: 'memory' }, () => 2 ** 29),
    series('container_memory_working_set_bytes', container, (second) => 2 ** 28 + load(second) * 2e5),
    series('container_cpu_usage_seconds_total', container, (second) => requests(second) * share * cpuSeconds),
    series('istio_requests_total', proxy, (second) => requests(second) * share),
    ...[...bounds, Number.POSITIVE_INFINITY].map((bound) =>
      series(
        'istio_request_duration_milliseconds_bucket',
        { ...proxy, le: bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound) },
        (second) => requests(second) * share * (bound === Number.POSITIVE_INFINITY ? 1 : served(bound)),
      ),
    ),
  ];
}
