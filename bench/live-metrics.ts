/**
 * What one round of an agent's measurements asks of a real Prometheus and costs both sides: a thousand applications of one
 * service and three pods each, in 200 namespaces, with as many buckets as Istio has.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { metricNames } from '../env/cluster/live/measurement-join.ts';
import { createMetricsSource } from '../env/cluster/live/metrics-source.ts';
import { presetQueries } from '../env/cluster/live/presets.ts';
import { createPrometheusClient } from '../env/cluster/prometheus.ts';
import { startPrometheus } from '../env/lab/monitoring.ts';
import type { ObservedSystem } from '../env/ports.ts';
import { benchedWorkloads } from './live-metrics-workloads.ts';
import { type Benchmark, type Measurement, summarise } from './measurement.ts';
import { readMetrics, sumOf } from './process-use.ts';

const scrapeIntervalSeconds = 15;
const rateWindowSeconds = 60;
/** One chunk of namespaces: the queries of the seven metrics, and the one for the samples' age. */
const requiredQueries = metricNames.length + 1;

const systems: readonly ObservedSystem[] = benchedWorkloads.map(({ namespace, name }) => ({
  key: `${namespace}/${name}`,
  namespace,
  workloads: [name],
}));

export const liveMetricsBenchmark: Benchmark = {
  name: 'live-metrics',
  description: `queries, time and CPU of measuring ${systems.length} applications at once, on a real Prometheus`,
  async run({ quick }) {
    const exporter = fork(fileURLToPath(new URL('live-metrics-exporter.ts', import.meta.url)));
    const [target] = await once(exporter, 'message');
    const scrapeConfigs = [{ job_name: 'workloads', honor_labels: true, static_configs: [{ targets: [target] }] }];
    const prometheus = await startPrometheus({ scrapeIntervalSeconds, scrapeConfigs });
    try {
      return await measure(prometheus.url, quick ? 2 : 10);
    } finally {
      await prometheus.stop();
      exporter.disconnect();
    }
  },
};

async function measure(url: string, rounds: number): Promise<Measurement[]> {
  const client = createPrometheusClient({ url });
  let queries = 0;
  const source = createMetricsSource({
    prometheus: {
      samples(query, signal) {
        queries++;
        return client.samples(query, signal);
      },
    },
    queries: presetQueries('istio'),
    presetName: 'istio',
    rateWindowSeconds,
    now: () => Date.now() / 1000,
  });
  const prometheusCpuSeconds = async () => sumOf(await readMetrics(`${url}/metrics`), 'process_cpu_seconds_total');
  const deadline = Date.now() + 240_000;
  for (;;) {
    const measured = await source.measure(systems);
    if (measured.every(({ missing }) => missing.length === 0)) break;
    if (Date.now() > deadline) throw new Error(`not all was measured within 4 minutes: ${measured[0].missing}`);
    await sleep(1000);
  }
  const samples: Record<'queries' | 'wall' | 'own' | 'prometheus', number[]> = {
    queries: [],
    wall: [],
    own: [],
    prometheus: [],
  };
  for (let round = 0; round < rounds; round++) {
    // Apart, so that scrapes fall between rounds as well as into them.
    await sleep(1500);
    queries = 0;
    const prometheusBefore = await prometheusCpuSeconds();
    const ownBefore = process.cpuUsage();
    const started = performance.now();
    await source.measure(systems);
    samples.wall.push(performance.now() - started);
    const own = process.cpuUsage(ownBefore);
    samples.own.push((own.user + own.system) / 1000);
    samples.prometheus.push(((await prometheusCpuSeconds()) - prometheusBefore) * 1000);
    samples.queries.push(queries);
  }
  const label = `${systems.length} applications`;
  return [
    {
      ...summarise(`${label}: queries`, 'queries', samples.queries),
      required: { value: requiredQueries, is: 'at most' },
    },
    summarise(`${label}: until measured`, 'ms', samples.wall),
    summarise(`${label}: CPU here`, 'ms', samples.own),
    summarise(`${label}: CPU of Prometheus`, 'ms', samples.prometheus),
  ];
}
