/** A real Prometheus that is stopped, frozen and comes back. */
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPrometheusClient } from '../../../env/cluster/prometheus.ts';
import { type StandaloneComponent, startPrometheus } from '../../../env/lab/monitoring.ts';
import { describeCluster } from '../../../test/cluster.ts';
import type { MetricRequest } from '../contract.ts';
import { createPrometheusSource } from './prometheus-source.ts';
import { createSourceMetrics, type Source } from './source.ts';

const request = (query: string): MetricRequest => ({
  namespace: 'shop',
  loop: 'web',
  target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
  podSelector: '',
  metric: 'm',
  source: { prometheus: { query } },
});

describeCluster('Prometheus gone', () => {
  let prometheus: StandaloneComponent;
  let source: Source;
  let registry: Registry;

  beforeAll(async () => {
    prometheus = await startPrometheus();
    registry = new Registry();
    source = createPrometheusSource({
      client: createPrometheusClient({ url: prometheus.url, timeoutSeconds: 2 }),
      now: () => Date.now() / 1000,
      metrics: createSourceMetrics(registry),
    });
  });
  afterAll(() => prometheus?.stop());

  const requests = Array.from({ length: 50 }, (_, i) => request(`vector(${i})`));
  const tick = (milliseconds = 500) => source.read(requests, AbortSignal.timeout(milliseconds));
  const values = requests.map((_, value) => ({ value }));
  const isAvailable = async () =>
    /source="prometheus"} 1/.test(await registry.getSingleMetricAsString('duoloop_source_available'));

  async function untilValues() {
    const deadline = Date.now() + 20_000;
    while (!(await tick(5000)).every((answer) => 'value' in answer)) {
      expect(Date.now()).toBeLessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(await tick(5000)).toEqual(values);
    expect(await isAvailable()).toBe(true);
  }

  test('stopped: missing with the reason, then values again', async () => {
    expect(await tick(5000)).toEqual(values);
    await prometheus.component.stop();
    for (let i = 0; i < 3; i++) {
      expect(await tick()).toEqual(
        requests.map(() => ({ missing: expect.stringMatching(/cannot be reached.*ECONNREFUSED/) })),
      );
    }
    await expect.poll(isAvailable, { timeout: 10_000 }).toBe(false);
    await prometheus.component.start();
    await untilValues();
  });

  test('frozen: each tick ends with its deadline, then values again', async () => {
    prometheus.component.pause();
    try {
      for (let i = 0; i < 3; i++) {
        const started = performance.now();
        expect(await tick(300)).toEqual(requests.map(() => ({ missing: expect.stringContaining('did not answer') })));
        expect(performance.now() - started).toBeLessThan(1500);
      }
      await expect.poll(isAvailable, { timeout: 10_000 }).toBe(false);
      // Known to be gone, it holds up nothing: this tick has no deadline that could end it.
      const unanswered = requests.map(() => ({ missing: expect.stringContaining('did not answer') }));
      expect(await source.read(requests, new AbortController().signal)).toEqual(unanswered);
    } finally {
      prometheus.component.resume();
    }
    await untilValues();
  });
});
