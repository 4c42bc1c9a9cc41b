/**
 * The whole of it on the lab: the operator as a process reads p95 and CPU from Prometheus and CPU from metrics.k8s.io, all of
 * them measured of pods that are really Ready, and scales the measured frontend through a step of load.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createLab, type Lab } from '../../env/lab/lab.ts';
import type { Trace } from '../../env/workload/trace.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import { describeCluster } from '../../test/cluster.ts';
import { type OperatorProcess, startOperatorProcess } from './operator-process.fixture.ts';

const namespace = 'shop';
/** Rates over four scrapes, which come once a second. */
const rateWindow = '[4s]';
const p95 = `histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="$namespace",destination_workload="$target"}${rateWindow})))`;
const cpuPercent = `100 * sum(rate(container_cpu_usage_seconds_total{namespace="$namespace",pod=~"$target-.*",container!=""}${rateWindow})) / sum(kube_pod_container_resource_requests{namespace="$namespace",pod=~"$target-.*",resource="cpu"})`;

/** At 30 times its pace: 2 s of little load, 16 s of much, and little again. */
const speed = 30;
const trace: Trace = { name: 'step', seconds: [0, 60, 540, 3600], rps: [400, 2000, 400, 400] };
const bounds = { minReplicas: 1, maxReplicas: 15 };

const loop = {
  apiVersion: 'duoloop.dev/v1alpha1',
  kind: 'ClosedLoop',
  metadata: { name: 'frontend' },
  spec: {
    targetRef: { name: 'frontend' },
    intervalSeconds: 1,
    metrics: [
      {
        name: 'p95',
        rank: 1,
        source: { prometheus: { query: p95 } },
        thresholds: [{ kind: 'superior', value: 5, reaction: { horizontal: { by: 2 } } }],
      },
      {
        name: 'cpu',
        rank: 2,
        source: { prometheus: { query: cpuPercent } },
        thresholds: [{ kind: 'inferior', value: 30, reaction: { horizontal: { by: -1 } } }],
      },
      {
        name: 'pod-cpu',
        rank: 3,
        source: { resource: { name: 'cpu' } },
        thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
      },
    ],
    behavior: {
      ...bounds,
      scaleUp: { rateLimit: { pods: 2, periodSeconds: 3 } },
      scaleDown: { stabilizationWindowSeconds: 4 },
    },
  },
};

describeCluster('the operator on the lab', () => {
  let lab: Lab;
  let operator: OperatorProcess;
  beforeAll(async () => {
    lab = await createLab({ app: await loadApp('frontend'), trace, speed, namespace, groupSize: 1 });
    const { kubeconfigFile, prometheusUrl } = lab;
    operator = await startOperatorProcess({ kubeconfigFile, prometheusUrl, namespace, watchNamespaces: [namespace] });
  });
  afterAll(async () => {
    await operator?.stop();
    await lab?.stop();
  });

  it('scales up when load rises, until the latency is what it should be, and down after it falls', async () => {
    const frontend = () => lab.standIn.state().services[0];
    const stored = () => lab.api.get<ClosedLoop>(resourceTypes.closedLoop, namespace, 'frontend');
    await lab.api.create(resourceTypes.closedLoop, namespace, loop);
    await expect
      .poll(async () => (await stored()).status?.lastDecision, { timeout: 15_000 })
      .toMatchObject({
        missing: [],
        values: { p95: expect.any(Number), cpu: expect.any(Number), 'pod-cpu': expect.any(Number) },
      });
    const sizes: number[] = [];
    const sampling = setInterval(() => void sizes.push(frontend().ready), 100);
    try {
      lab.startTrace();
      await expect.poll(() => frontend().p95Milliseconds, { timeout: 10_000 }).toBeGreaterThan(5);
      await expect.poll(() => frontend().ready, { timeout: 12_000 }).toBeGreaterThanOrEqual(3);
      await expect.poll(() => frontend().p95Milliseconds, { timeout: 12_000 }).toBeLessThan(5);
      const { status } = await stored();
      expect(status?.recentDecisions.filter(({ from, to }) => to > from).map(({ winner }) => winner)).toContain('p95');
      await expect.poll(() => frontend().ready, { timeout: 40_000 }).toBeLessThanOrEqual(2);
    } finally {
      clearInterval(sampling);
    }
    expect(frontend().p95Milliseconds).toBeLessThan(5);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(bounds.maxReplicas);
    const downs = (await stored()).status?.recentDecisions.filter(({ from, to }) => to < from) ?? [];
    expect(new Set(downs.map(({ winner }) => winner))).toEqual(new Set(['cpu']));
    expect(await operator.metric('duoloop_reactions_total', 'direction="up"')).toBeGreaterThanOrEqual(1);
    expect(await operator.metric('duoloop_scaling_failures_total')).toBe(0);
    expect(operator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
