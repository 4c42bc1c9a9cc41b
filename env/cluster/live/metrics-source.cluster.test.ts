/** The presets' queries on a real Prometheus: what they make of known series, and what is said where series are missing. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeCluster } from '../../../test/cluster.ts';
import { until } from '../../lab/lab-api.ts';
import { type StandaloneComponent, startPrometheus } from '../../lab/monitoring.ts';
import type { MetricsSource, ObservedSystem, SystemMeasurement } from '../../ports.ts';
import { createPrometheusClient, PrometheusError } from '../prometheus.ts';
import { closedLoopQueries } from './closed-loop-queries.ts';
import { type LiveQueries, type MetricPreset, metricPresets } from './metric-queries.ts';
import { createMetricsSource, type MetricsSourceOptions } from './metrics-source.ts';
import { presetQueries } from './presets.ts';
import {
  type ExportedWorkload,
  exportedP95Milliseconds,
  podMemoryBytes,
  podMemoryLimitBytes,
  podRequestCores,
  startWorkloadExporter,
  type WorkloadExporter,
} from './workload-exporter.fixture.ts';

const scrapeIntervalSeconds = 0.5;
const rateWindowSeconds = 3;
const now = () => Date.now() / 1000;
const presets = metricPresets.filter((preset) => preset !== 'custom');

/** Two namespaces of an application each, so that all presets can be in one Prometheus. */
function workloadsOf(prefix: string): ExportedWorkload[] {
  const shop = `${prefix}-shop`;
  return [
    { namespace: shop, name: 'web', kind: 'Deployment', pods: 3, requestsPerSecond: 40, cpuCores: 0.2 },
    // Beside it, one whose name begins with the same words.
    { namespace: shop, name: 'web-admin', kind: 'Deployment', pods: 1, requestsPerSecond: 5, cpuCores: 0.4 },
    {
      namespace: `${prefix}-bank`,
      name: 'ledger.db',
      kind: 'StatefulSet',
      pods: 2,
      startingPods: 1,
      requestsPerSecond: 10,
      cpuCores: 0.1,
    },
  ];
}
const systemsOf = (prefix: string): readonly ObservedSystem[] => [
  { key: 'shop', namespace: `${prefix}-shop`, workloads: ['web', 'web-admin'] },
  { key: 'bank', namespace: `${prefix}-bank`, workloads: ['ledger.db'] },
];

describeCluster('measuring by a real Prometheus', () => {
  let prometheus: StandaloneComponent;
  let exporters: WorkloadExporter[];
  /** Of the workloads `odd-…`, with the series of Istio. */
  let odd: WorkloadExporter;
  const questions: string[] = [];
  const oddSystems = systemsOf('odd');

  beforeAll(async () => {
    odd = await startWorkloadExporter(workloadsOf('odd'), 'istio');
    const late = await startWorkloadExporter(workloadsOf('late'), 'istio');
    // As cAdvisor does, which says itself when it measured.
    late.tamper((text) => text.replace(/^(container_\w+\{.*-shop".*)$/gm, `$1 ${Date.now() - 60_000}`));
    exporters = [
      odd,
      late,
      ...(await Promise.all(presets.map((preset) => startWorkloadExporter(workloadsOf(preset), preset)))),
    ];
    const targets = exporters.map(({ target }) => target);
    const scrapeConfigs = [{ job_name: 'workloads', honor_labels: true, static_configs: [{ targets }] }];
    prometheus = await startPrometheus({ scrapeIntervalSeconds, scrapeConfigs });
    await measureAll(createSource('istio'), [...oddSystems, ...systemsOf('istio')]);
    // The first scrapes are late, all at once.
    await sleep(2 * rateWindowSeconds * 1000);
  });
  afterAll(async () => {
    await prometheus?.stop();
    await Promise.all((exporters ?? []).map((exporter) => exporter.close()));
  });

  function createSource(presetName: MetricPreset, options: Partial<MetricsSourceOptions> = {}): MetricsSource {
    const client = createPrometheusClient({ url: prometheus.url });
    return createMetricsSource({
      prometheus: {
        samples(query, signal) {
          questions.push(query);
          return client.samples(query, signal);
        },
      },
      queries: options.queries ?? presetQueries(presetName),
      presetName,
      rateWindowSeconds,
      now,
      ...options,
    });
  }

  describe.each(presets)('with the series of %s', (preset) => {
    it('finds every workload, and leaves out pods that are starting', async () => {
      const source = createSource(preset, { chunkLimits: { namespaces: 1, workloads: 100 } });
      const [shop, bank] = await measureAll(source, systemsOf(preset));
      expectClose(shop.load, 120);
      expectClose(shop.p95Milliseconds, exportedP95Milliseconds);
      expectClose(shop.requestsPerSecond[1], 5);
      expectClose(shop.cpuPercent[0], (100 * 0.2) / podRequestCores);
      expectClose(shop.cpuPercent[1], (100 * 0.4) / podRequestCores);
      expectClose(shop.memoryPercent[0], (100 * podMemoryBytes) / podMemoryLimitBytes);
      expect([...shop.measuredReady, ...shop.ready, ...shop.desired]).toEqual([3, 1, 3, 1, 3, 1]);
      expectClose(bank.load, 20);
      expectClose(bank.cpuPercent[0], (100 * 0.1) / podRequestCores);
      expect([...bank.measuredReady, ...bank.ready, ...bank.desired]).toEqual([2, 2, 3]);
      for (const { ageSeconds } of [shop, bank]) {
        expect(ageSeconds).toBeGreaterThanOrEqual(0);
        expect(ageSeconds).toBeLessThan(rateWindowSeconds);
      }
    });

    it('gives a closed loop the same numbers', async () => {
      const queries = closedLoopQueries(preset, { workloads: ['web', 'web-admin'], rateWindowSeconds });
      const client = createPrometheusClient({ url: prometheus.url });
      const ask = (query: string) => client.value(query.replaceAll('$namespace', `${preset}-shop`));
      expectClose(await ask(queries.load), 120);
      expectClose(await ask(queries.p95), exportedP95Milliseconds);
      expectClose(await ask(queries.cpu), (100 * 0.4) / podRequestCores);
      expectClose(await ask(queries.memory), (100 * podMemoryBytes) / podMemoryLimitBytes);
    });

    it('says which preset would fit when another was chosen', async () => {
      const other = preset === 'nginx-ingress' ? 'opentelemetry' : 'nginx-ingress';
      const [{ load, missing, cpuPercent }] = await createSource(other).measure(systemsOf(preset));
      expect(load).toBeNaN();
      expectClose(cpuPercent[0], 40);
      const fitting = `the preset .*${preset} \\(ledger.db, web, web-admin\\).* would return something$`;
      expect(missing).toEqual([
        expect.stringMatching(
          new RegExp(
            `^requestsPerSecond: the query returned nothing for web, web-admin in ${preset}-shop; .* with other labels; ${fitting}`,
          ),
        ),
        expect.stringMatching(new RegExp(`^p95Milliseconds: .* for web in ${preset}-shop;.*${fitting}`)),
      ]);
    });
  });

  it('takes queries of its user instead, with labels of their own', async () => {
    const queries = presetQueries('custom', {
      ...presetQueries('istio'),
      cpuPercent: '42 * kube_deployment_spec_replicas{namespace=~"$namespaces"}',
      requestsPerSecond: 'label_replace(kube_deployment_spec_replicas,"workload","$1","deployment","(.*)")',
    });
    const [shop, bank] = await createSource('custom', { queries }).measure(oddSystems);
    expect([...shop.requestsPerSecond]).toEqual([3, 1]);
    expect(shop.missing).toEqual([
      'cpuPercent: the query returned series without the labels namespace and workload; it is missing for web, web-admin in odd-shop',
    ]);
    expect(bank.missing[0]).toBe('requestsPerSecond: the query returned nothing for ledger.db in odd-bank');
  });

  it('leaves the others answered when one query is refused', async () => {
    const queries: LiveQueries = { ...presetQueries('istio'), memoryPercent: 'container_memory_working_set_bytes[1m' };
    const [shop] = await createSource('istio', { queries }).measure(oddSystems);
    expectClose(shop.load, 120);
    expect(shop.missing).toEqual([
      expect.stringMatching(
        /^memoryPercent: the query was refused by Prometheus \(.*parse error.*\); it is missing for web,/,
      ),
    ]);
  });

  it('takes a restart of all containers for what it is: counters that begin anew', async () => {
    const source = createSource('istio');
    odd.restart();
    const end = Date.now() + 4500;
    while (Date.now() < end) {
      const [shop] = await source.measure(oddSystems);
      // What was counted between the last scrape and the restart is lost, a scrape interval of a window of six.
      expect(shop.load).toBeGreaterThan(0.65 * 120);
      expect(shop.load).toBeLessThan(1.2 * 120);
      expect(shop.cpuPercent[0]).toBeLessThan(1.2 * 40);
    }
    expectClose((await source.measure(oddSystems))[0].load, 120);
  });

  it('takes values that are no number, infinite, negative or absurd for missing', async () => {
    const source = createSource('istio');
    odd.tamper((text) =>
      text
        .replace(/^(container_cpu_usage_seconds_total\{.*pod="web-5.*\}) .*$/gm, '$1 NaN')
        .replace(/^(kube_deployment_status_replicas_ready\{.*"web"\}) .*$/gm, '$1 -7')
        .replace(/^(kube_deployment_spec_replicas\{.*"web"\}) .*$/gm, '$1 9e99')
        .replace(/^(container_memory_working_set_bytes\{.*pod="web-5.*\}) .*$/gm, '$1 +Inf'),
    );
    await until('the odd values', 10, async () => (await source.measure(oddSystems))[0].missing.length >= 3);
    const [shop, bank] = await source.measure(oddSystems);
    odd.tamper((text) => text);
    expect(shop.cpuPercent[0]).toBeNaN();
    expect(shop.memoryPercent[0]).toBeNaN();
    expect([shop.ready[0], shop.desired[0]]).toEqual([-1, -1]);
    expect(shop.missing).toContain('cpuPercent: the query gave no number for web in odd-shop');
    expect(shop.missing).toContain('desiredPods: the query gave no number for web in odd-shop');
    expectClose(shop.load, 120);
    expectClose(shop.cpuPercent[1], 80);
    expect(bank.missing).toEqual([]);
  });

  it('tells the age of the oldest source, and refuses what is too old', async () => {
    const preset = presetQueries('istio');
    const queries = { ...preset, cpuPercent: preset.cpuPercent.replaceAll('[$window]', '[$window] offset 1m') };
    const systems = systemsOf('late');
    const [shop, bank] = await createSource('istio', { queries }).measure(systems);
    expectClose(shop.cpuPercent[0], 40);
    expect(shop.ageSeconds).toBeGreaterThan(55);
    expect(shop.ageSeconds).toBeLessThan(75);
    expect(bank.ageSeconds).toBeLessThan(rateWindowSeconds);
    const [refused, accepted] = await createSource('istio', { queries, maxAgeSeconds: 30 }).measure(systems);
    expect(refused.load).toBeNaN();
    expect([...refused.ready]).toEqual([-1, -1]);
    expect(refused.missing).toEqual([expect.stringMatching(/^everything: the oldest sample is \d+ s old/)]);
    expectClose(accepted.load, 20);
  });

  it('asks once, and not again and again, why nothing is there', async () => {
    const source = createSource('istio');
    odd.tamper((text) => text.replaceAll('kube_pod_owner', 'kube_pod_owned').replaceAll('reporter=', 'reported='));
    await until('the metrics to be gone', 10, async () => (await source.measure(oddSystems))[0].missing.length >= 5);
    const [shop] = await source.measure(oddSystems);
    questions.length = 0;
    await source.measure(oddSystems);
    odd.tamper((text) => text);
    expect(questions.length).toBe(8);
    expect(shop.missing).toContainEqual(
      expect.stringMatching(/^cpuPercent: .* for web, web-admin in odd-shop; Prometheus has no kube_pod_owner with/),
    );
    expect(shop.missing).toContainEqual(
      expect.stringMatching(/^requestsPerSecond: .*; istio_requests_total is there with other labels; no other preset/),
    );
  });

  it('gives up at once when Prometheus is gone, and goes on when it is back', async () => {
    const source = createSource('istio');
    await prometheus.component.stop();
    await expect(source.measure(oddSystems)).rejects.toMatchObject({ name: 'PrometheusError', code: 'unreachable' });
    await prometheus.component.start();
    await measureAll(source, oddSystems);
  });

  it('says that a token is wanted', async () => {
    const server = createServer((_, response) => {
      response.statusCode = 401;
      response.end('Unauthorized');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const source = createSource('istio', { prometheus: createPrometheusClient({ url }) });
    const failure = await source.measure(oddSystems).catch((error: unknown) => error);
    server.close();
    expect(failure).toBeInstanceOf(PrometheusError);
    expect(failure).toMatchObject({ httpStatus: 401, message: expect.stringContaining('bearer token') });
  });
});

/** As soon as there is enough for all of it. */
async function measureAll(source: MetricsSource, systems: readonly ObservedSystem[]): Promise<SystemMeasurement[]> {
  let measured: SystemMeasurement[] = [];
  await until('all measurements', 15, async () => {
    measured = await source.measure(systems);
    return measured.every(({ missing }) => missing.length === 0);
  });
  return measured;
}

/** On a busy machine a scrape comes late, and a rate goes by when it should have come. */
function expectClose(value: number, expected: number): void {
  expect(value / expected, `${value} for ${expected}`).toBeGreaterThan(0.85);
  expect(value / expected, `${value} for ${expected}`).toBeLessThan(1.15);
}
