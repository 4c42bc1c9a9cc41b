/** With the operator's namespace label, a tenant's PromQL reads nothing of another namespace: asked of a real Prometheus. */
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPrometheusClient, type PrometheusClient } from '../../../env/cluster/prometheus.ts';
import { until } from '../../../env/lab/lab-api.ts';
import { type StandaloneComponent, startPrometheus } from '../../../env/lab/monitoring.ts';
import { describeCluster } from '../../../test/cluster.ts';
import { type Exporter, startExporter } from './exporter.fixture.ts';
import { createPrometheusSource } from './prometheus-source.ts';
import { createSourceMetrics } from './source.ts';

/** What a tenant may try to count the other's series with; each finds some without the label. */
const attempts: readonly string[] = [
  'count(rps{ns="victim"})',
  'count({__name__=~".+",ns=~"vic.*"})',
  'count({"rps"} unless {ns="attacker"})',
  'count(rps{ns!="$namespace"})',
  'count(rps{"ns"="victim"})',
  'count(max_over_time(rps{ns="victim"}[5s])) or count(rps{ns="victim"} offset 1s)',
  'count(label_replace(rps{ns="victim"}, "ns", "attacker", "", ""))',
  'count(max_over_time(count(rps{ns="victim"})[5s:1s]))',
  'count(rps{ns="$who"})',
  'vector(0) * 0 > 1 # \r or count(rps{ns="victim"})',
];

describeCluster('PromQL of a tenant', () => {
  let prometheus: StandaloneComponent;
  let exporter: Exporter;
  let client: PrometheusClient;
  beforeAll(async () => {
    exporter = await startExporter(['victim', 'attacker'].map((namespace) => ({ namespace, name: 'web' })));
    prometheus = await startPrometheus({
      scrapeIntervalSeconds: 0.2,
      scrapeConfigs: [{ job_name: 'exporter', static_configs: [{ targets: [exporter.target] }] }],
    });
    client = createPrometheusClient({ url: prometheus.url });
    await until('a few scrapes of the exporter', 20, async () => {
      const scraped = await client.samples('min(count_over_time(rps{ns="victim"}[3s])) > 6');
      return scraped.length > 0;
    });
  });
  afterAll(async () => {
    await prometheus?.stop();
    await exporter?.close();
  });

  const read = async (query: string, namespaceLabel?: string) => {
    const now = () => Date.now() / 1000;
    const source = createPrometheusSource({
      client,
      now,
      namespaceLabel,
      metrics: createSourceMetrics(new Registry()),
    });
    const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
    const variables = { who: 'victim' };
    const request = { namespace: 'attacker', loop: 'web', target, podSelector: '', metric: 'm' };
    const [answer] = await source.read(
      [{ ...request, source: { prometheus: { query, variables } } }],
      AbortSignal.timeout(10_000),
    );
    return answer;
  };

  test.each(attempts)('%j finds nothing with the label, and something without', async (query) => {
    expect(await read(query)).toEqual({ value: expect.any(Number) });
    expect(await read(query, 'ns')).toHaveProperty('missing');
  });

  test('its own series are there as before', async () => {
    const own = await read('count(rps{ns="$namespace",app="$target"})');
    expect(own).toEqual({ value: expect.any(Number) });
    expect(await read('count(rps{ns="$namespace",app="$target"})', 'ns')).toEqual(own);
    expect(await read('count(rps)', 'ns')).toEqual(own);
  });
});
