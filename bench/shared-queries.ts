/**
 * What a tick of many closed loops asks of a real Prometheus, and what it costs both sides: loops of one template in shared
 * queries against the same loops one by one. Also one query by the number of names in it.
 */
import { Registry } from 'prom-client';
import { createPrometheusClient, type PrometheusClient } from '../env/cluster/prometheus.ts';
import { startPrometheus } from '../env/lab/monitoring.ts';
import type { MetricRequest } from '../operator/closed-loop/contract.ts';
import { startExporter } from '../operator/closed-loop/sources/exporter.fixture.ts';
import { createPrometheusSource } from '../operator/closed-loop/sources/prometheus-source.ts';
import { createSourceMetrics } from '../operator/closed-loop/sources/source.ts';
import { against, type Benchmark, type BenchmarkOptions, type Measurement, summarise } from './measurement.ts';

const loops = 1000;
const requiredQueries = 10;
const alternationSizes = [1000, 2500, 5000] as const;
const templates = [
  'histogram_quantile(0.95, sum by (le) (rate(latency_bucket{ns="$namespace",app="$target"}[5s])))',
  'sum(rate(busy_total{ns="$namespace",app="$target"}[5s])) / sum(capacity{ns="$namespace",app="$target"}) * 100',
];

export const sharedQueriesBenchmark: Benchmark = {
  name: 'shared-queries',
  description: `queries and CPU a tick of ${loops} closed loops with two metrics each, on a real Prometheus`,
  async run(options) {
    const most = Math.max(loops, ...alternationSizes);
    const workloads = Array.from({ length: most }, (_, i) => ({ namespace: `team-${i % 50}`, name: `workload-${i}` }));
    const exporter = await startExporter(workloads);
    const scrapeConfigs = [{ job_name: 'exporter', static_configs: [{ targets: [exporter.target] }] }];
    const prometheus = await startPrometheus({ scrapeIntervalSeconds: 1, scrapeConfigs });
    try {
      const client = createPrometheusClient({ url: prometheus.url });
      await untilScraped(client, most);
      const bench = { client, url: prometheus.url, workloads, options };
      const single = await measureTicks(bench, 'one by one', 1);
      const shared = await measureTicks(bench, 'shared', loops);
      shared[0].required = { value: requiredQueries, is: 'at most' };
      const compared = shared.map((measurement, i) => against(measurement, 'one by one', single[i]));
      return [...single, ...compared, ...(await measureAlternations(bench))];
    } finally {
      await prometheus.stop();
      await exporter.close();
    }
  },
};

interface Bench {
  readonly client: PrometheusClient;
  readonly url: string;
  readonly workloads: readonly { readonly namespace: string; readonly name: string }[];
  readonly options: BenchmarkOptions;
}

/** Queries, wall time and CPU of each tick; the first tick, which parses the templates, is not counted. */
async function measureTicks({ client, url, workloads, options }: Bench, name: string, membersPerQuery: number) {
  let queries = 0;
  const source = createPrometheusSource({
    client: {
      samples(query, signal) {
        queries++;
        return client.samples(query, signal);
      },
    },
    now: () => Date.now() / 1000,
    metrics: createSourceMetrics(new Registry()),
    limits: { members: membersPerQuery, valueLength: 250_000 },
  });
  const requests = workloads
    .slice(0, loops)
    .flatMap((workload) => templates.map((query) => requestOf(query, workload)));
  const samples: Record<'queries' | 'wall' | 'own' | 'prometheus', number[]> = {
    queries: [],
    wall: [],
    own: [],
    prometheus: [],
  };
  for (let tick = 0; tick < (options.quick ? 2 : 6); tick++) {
    queries = 0;
    const prometheusBefore = await cpuSeconds(url);
    const ownBefore = process.cpuUsage();
    const started = performance.now();
    const answers = await source.read(requests, AbortSignal.timeout(60_000));
    const wall = performance.now() - started;
    const own = process.cpuUsage(ownBefore);
    const prometheus = (await cpuSeconds(url)) - prometheusBefore;
    const missing = answers.find((answer) => 'missing' in answer);
    if (missing !== undefined) throw new Error(`${name}: ${JSON.stringify(missing)}`);
    if (tick === 0) continue;
    samples.queries.push(queries);
    samples.wall.push(wall);
    samples.own.push((own.user + own.system) / 1000);
    samples.prometheus.push(prometheus * 1000);
  }
  const label = `tick of ${loops} loops, ${name}`;
  return [
    summarise(`${label}: queries`, 'queries', samples.queries),
    summarise(`${label}: until answered`, 'ms', samples.wall),
    summarise(`${label}: CPU here`, 'ms', samples.own),
    summarise(`${label}: CPU of Prometheus`, 'ms', samples.prometheus),
  ];
}

/** One query for many names: as they are, and with a dot, which a regular expression has to escape. */
async function measureAlternations({ client, workloads, options }: Bench): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const size of alternationSizes) {
    for (const suffix of ['', '\\\\.0']) {
      const names = workloads.slice(0, size).map(({ name }) => name + suffix);
      const query = `sum by (app) (rate(busy_total{app=~"${names.join('|')}"}[5s]))`;
      const samples: number[] = [];
      for (let repeat = 0; repeat < (options.quick ? 2 : 6); repeat++) {
        const started = performance.now();
        const found = await client.samples(query);
        if (repeat > 0) samples.push(performance.now() - started);
        if (suffix === '' && found.length !== size) throw new Error(`${found.length} of ${size} names were found`);
      }
      const kind = suffix === '' ? 'names' : 'names with a dot, none there';
      measurements.push(summarise(`one query of ${size} ${kind}`, 'ms', samples));
    }
  }
  return measurements;
}

function requestOf(query: string, { namespace, name }: Bench['workloads'][number]): MetricRequest {
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name };
  return { namespace, loop: name, target, podSelector: '', metric: 'm', source: { prometheus: { query } } };
}

/** By Prometheus' own account. */
async function cpuSeconds(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = /^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1];
  if (value === undefined) throw new Error('Prometheus does not say what CPU it used');
  return Number(value);
}

/** Until every series has samples enough for a rate. */
async function untilScraped(client: PrometheusClient, workloads: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const [scraped] = await client.samples('count(count_over_time(capacity[5s]) >= 4)');
    if (scraped?.value === workloads) return;
    if (Date.now() > deadline) throw new Error('the exporter was not scraped within a minute');
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
