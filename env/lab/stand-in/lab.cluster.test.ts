/**
 * The lab as a whole: what a real Prometheus and the real aggregation layer make of the stand-in, against what the model
 * says. One lab for the file; its pods are real to Kubernetes, so that scaling and deleting them shows in the metrics.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeCluster } from '../../../test/cluster.ts';
import { loadApp } from '../../apps/load-app.ts';
import { resourceTypes } from '../../cluster/kubernetes-api.ts';
import { createPrometheusClient, type PrometheusClient } from '../../cluster/prometheus.ts';
import type { Trace } from '../../workload/trace.ts';
import { requireBinaries } from '../binaries/find.ts';
import { createLab, type Lab } from '../lab.ts';

const run = promisify(execFile);
const rps = 1500;
const speed = 30;
/** Long enough for every test; the load never changes, so that rates have one right value. */
const trace: Trace = { name: 'steady', seconds: [0, 86_400], rps: [rps, rps] };
const namespace = 'shop';
const ofFrontend = `destination_workload="frontend",destination_workload_namespace="${namespace}",reporter="destination"`;
const ofPods = `namespace="${namespace}",container!=""`;

interface Pod {
  readonly metadata: { readonly name: string };
}

describeCluster('the lab', () => {
  let lab: Lab;
  let prometheus: PrometheusClient;

  beforeAll(async () => {
    lab = await createLab({ app: await loadApp('frontend'), trace, speed, namespace, groupSize: 4 });
    lab.startTrace();
    prometheus = createPrometheusClient({ url: lab.prometheusUrl });
  });
  afterAll(() => lab?.stop());

  const frontend = () => lab.standIn.state().services[0];
  const scaleTo = async (replicas: number) => {
    const patch = { spec: { replicas } };
    await lab.api.mergePatch(resourceTypes.deployment, namespace, 'frontend', patch, { subresource: 'scale' });
    await expect.poll(() => frontend().ready, { timeout: 15_000 }).toBe(replicas);
  };
  /** Asks until the value is within a share of what is expected; fails with the last one. */
  const eventually = (query: string, expected: () => number, share: number) =>
    expect
      .poll(async () => (await prometheus.value(query).catch(() => Number.NaN)) / expected(), {
        timeout: 15_000,
        interval: 500,
      })
      .toSatisfy((ratio: number) => Math.abs(ratio - 1) <= share);

  it('gives Prometheus the model’s p95, requests and CPU, before and after scaling', async () => {
    for (const replicas of [4, 2]) {
      if (frontend().ready !== replicas) await scaleTo(replicas);
      // Read by the queries that loops use; a window of four scrapes.
      await eventually(
        `histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{${ofFrontend}}[4s])))`,
        () => frontend().p95Milliseconds,
        0.01,
      );
      await eventually(`sum(rate(istio_requests_total{${ofFrontend}}[4s]))`, () => rps, 0.02);
      await eventually(
        `100 * sum(rate(container_cpu_usage_seconds_total{${ofPods}}[4s])) / sum(kube_pod_container_resource_requests{namespace="${namespace}",resource="cpu"})`,
        () => frontend().cpuPercent,
        0.02,
      );
      await eventually(
        `100 * sum(container_memory_working_set_bytes{${ofPods}}) / sum(kube_pod_container_resource_limits{namespace="${namespace}",resource="memory"})`,
        () => frontend().memoryPercent,
        0.02,
      );
    }
  });

  it('begins the counters of a replaced pod at 0 and ends those of the old one, with no jump in what is summed', async () => {
    const { items } = await lab.api.list<Pod>(resourceTypes.pod, { namespace });
    const [old] = items.map(({ metadata }) => metadata.name);
    const cpuOf = (pod: string) => `container_cpu_usage_seconds_total{namespace="${namespace}",pod="${pod}"}`;
    const before = await prometheus.value(cpuOf(old));
    await lab.api.delete(resourceTypes.pod, namespace, old);
    await expect
      .poll(
        async () => {
          const pods = (await lab.api.list<Pod>(resourceTypes.pod, { namespace })).items;
          return frontend().ready === items.length && pods.every(({ metadata }) => metadata.name !== old);
        },
        { timeout: 15_000 },
      )
      .toBe(true);
    const added = (await lab.api.list<Pod>(resourceTypes.pod, { namespace })).items.filter(
      ({ metadata }) => !items.some((item) => item.metadata.name === metadata.name),
    );
    expect(added.length).toBe(1);
    await expect.poll(() => prometheus.value(cpuOf(added[0].metadata.name)).catch(() => before)).toBeLessThan(before);
    await expect.poll(() => prometheus.value(cpuOf(old)).catch(({ code }) => code), { timeout: 5000 }).toBe('empty');
    await eventually(`sum(rate(istio_requests_total{${ofFrontend}}[4s]))`, () => rps, 0.02);
  });

  it('answers kubectl top through the aggregation layer', async () => {
    const { kubectl } = await requireBinaries(['kubectl']);
    const top = async (...what: string[]) => {
      const { stdout } = await run(kubectl, [`--kubeconfig=${lab.kubeconfigFile}`, 'top', ...what, '--no-headers']);
      return stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/));
    };
    const names = (await lab.api.list<Pod>(resourceTypes.pod, { namespace })).items.map(
      ({ metadata }) => metadata.name,
    );
    const podRows = () => top('pods', '-n', namespace, '-l', 'app.kubernetes.io/name=frontend');
    // Of one core. Usage is that of a window that is over, in which the pods may have been one fewer.
    const millicores = () => 10 * frontend().cpuPercent;
    const worstDeviation = async () => {
      const rows = await podRows().catch(() => []);
      if (rows.length !== names.length) return Number.POSITIVE_INFINITY;
      return Math.max(...rows.map(([, cpu]) => Math.abs(Number.parseInt(cpu, 10) / millicores() - 1)));
    };
    await expect.poll(worstDeviation, { timeout: 10_000, interval: 500 }).toBeLessThan(0.02);
    expect((await podRows()).map(([name]) => name).sort()).toEqual(names.sort());
    const onNodes = await top('nodes');
    const used = onNodes.reduce((sum, [, cpu]) => sum + (Number.parseInt(cpu, 10) || 0), 0);
    expect(Math.abs(used / (millicores() * names.length) - 1)).toBeLessThan(0.05);
    await expect(top('pods', '-n', namespace, '-l', 'app.kubernetes.io/name=other')).resolves.toEqual([['']]);
  });

  it('lets the real HPA bring CPU to its target', async () => {
    await scaleTo(1);
    await lab.api.create(resourceTypes.horizontalPodAutoscaler, namespace, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'frontend', namespace },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'frontend' },
        minReplicas: 1,
        maxReplicas: 15,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    });
    // One pod is at 124 % under this load, three are within the tolerance of 50 %.
    await expect.poll(() => frontend().ready, { timeout: 20_000 }).toBeGreaterThan(2);
    await expect.poll(() => frontend().cpuPercent, { timeout: 10_000 }).toBeLessThan(55.5);
  });
});
