import { expect, test } from 'vitest';
import { describeCluster } from '../../test/cluster.ts';
import { podReadyDelayAnnotation } from './control-plane.ts';
import { deployment, type Pod, podsOf } from './lab.fixture.ts';
import { until } from './lab-api.ts';

describeCluster('pods of the lab', (cluster) => {
  test('a deployment gets ready, and a pod is resized in place', async () => {
    const namespace = await cluster.namespace('lab');
    const workload = deployment({ name: 'web', replicas: 5 });
    await cluster.api.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, workload);
    await until('5 ready replicas', 20, async () => {
      const { status } = await cluster.api.get<{ status: { readyReplicas?: number } }>(
        `/apis/apps/v1/namespaces/${namespace}/deployments/web`,
      );
      return status.readyReplicas === 5;
    });
    const [pod] = await podsOf(cluster.api, namespace);
    const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`;
    const requests = { cpu: '250m', memory: '64Mi' };
    await cluster.api.apply(`${path}/resize`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod.metadata.name, namespace },
      spec: { containers: [{ name: 'app', resources: { requests } }] },
    });
    await until('the resize to be carried out', 10, async () => {
      const { status } = await cluster.api.get<Pod>(path);
      return status.containerStatuses?.[0].resources?.requests?.cpu === '250m';
    });
    const resized = await cluster.api.get<Pod>(path);
    expect(resized.metadata.uid).toBe(pod.metadata.uid);
    expect(resized.status.containerStatuses?.[0]).toMatchObject({ ready: true, resources: { requests } });
    await cluster.api.delete(path);
    await until('the pod to be replaced', 10, async () => {
      const pods = await podsOf(cluster.api, namespace);
      return (
        pods.length === 5 && pods.every(({ metadata, status }) => metadata.uid !== pod.metadata.uid && isReady(status))
      );
    });
  });

  test('a pod with a delay is Running before it is Ready', async () => {
    const namespace = await cluster.namespace('lab');
    const workload = deployment({ name: 'slow', replicas: 1, podAnnotations: { [podReadyDelayAnnotation]: '2s' } });
    await cluster.api.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, workload);
    const phases: string[] = [];
    let startedAt = 0;
    await until('the pod to be ready', 20, async () => {
      const [pod] = await podsOf(cluster.api, namespace);
      if (pod === undefined) return false;
      const phase = `${pod.status.phase} ${isReady(pod.status) ? 'ready' : 'unready'}`;
      if (phases.at(-1) !== phase) phases.push(phase);
      if (phase === 'Running unready' && startedAt === 0) startedAt = Date.now();
      return phase === 'Running ready';
    });
    expect(phases.slice(-2)).toEqual(['Running unready', 'Running ready']);
    expect(Date.now() - startedAt).toBeGreaterThan(1_500);
  });
});

function isReady(status: Pod['status']): boolean {
  return status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
