import { describe, expect, inject, onTestFinished, test } from 'vitest';
import '../../test/cluster.ts';
import { startControlPlane } from './control-plane.ts';
import { until } from './lab-api.ts';
import { requestLoopback } from './loopback-request.ts';
import { startOpa, startPrometheus } from './monitoring.ts';

describe.skipIf(!inject('sharedCluster').available)('monitoring', () => {
  test('Prometheus scrapes kube-state-metrics, which sees the nodes', async () => {
    const plane = await startControlPlane({ prometheus: {}, kubeStateMetrics: {}, scheduler: false });
    onTestFinished(() => plane.stop());
    const query = `${plane.prometheusUrl}/api/v1/query?query=count(kube_node_info)`;
    await until('the count of nodes', 20, async () => {
      const { data } = JSON.parse(await requestLoopback(query));
      return data.result[0]?.value[1] === '4';
    });
  });

  test('Prometheus by itself answers, and answers again at the same address after it was killed', async () => {
    const prometheus = await startPrometheus({ lookbackSeconds: 600 });
    onTestFinished(() => prometheus.stop());
    const query = `${prometheus.url}/api/v1/query?query=vector(1)`;
    expect(JSON.parse(await requestLoopback(query)).data.result[0].value[1]).toBe('1');
    await prometheus.component.kill();
    await expect(requestLoopback(query)).rejects.toMatchObject({ status: 0 });
    await prometheus.component.start();
    expect(JSON.parse(await requestLoopback(query)).data.result[0].value[1]).toBe('1');
  });

  test('OPA decides by a policy given as source', async () => {
    const opa = await startOpa({ sources: { 'twice.rego': 'package twice\nanswer := input.number * 2\n' } });
    onTestFinished(() => opa.stop());
    const body = JSON.stringify({ input: { number: 21 } });
    const answer = await requestLoopback(`${opa.url}/v1/data/twice/answer`, { method: 'POST', body });
    expect(JSON.parse(answer)).toEqual({ result: 42 });
  });
});
