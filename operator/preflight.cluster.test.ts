import { expect, test } from 'vitest';
import { KubernetesError, type ResourceType } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { createMemoryKubernetes } from '../env/cluster/memory-kubernetes.fixture.ts';
import { describeCluster } from '../test/cluster.ts';
import { checkInstallation } from './preflight.ts';

const { signal } = new AbortController();

describeCluster('before the operator starts', (cluster) => {
  test('an installed cluster passes; a missing namespace or CRD is named with what to do', async () => {
    const api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    await expect(checkInstallation(api, await cluster.namespace('preflight'), signal)).resolves.toBeUndefined();
    await expect(checkInstallation(api, 'not-there', signal)).rejects.toThrow('kubectl create namespace not-there');
    const withoutGroups = {
      ...api,
      typeOf: (apiVersion: string, kind: string): Promise<ResourceType> =>
        api.typeOf(apiVersion, kind === 'ScalingGroup' ? 'Absent' : kind),
    };
    await expect(checkInstallation(withoutGroups, 'default', signal)).rejects.toThrow('kubectl apply --server-side');
  });
});

test('an API server that does not answer is no reason not to start', async () => {
  const { api } = createMemoryKubernetes().connect();
  const unreachable = () => Promise.reject(new KubernetesError(0, 'Unreachable', 'connection refused'));
  await expect(
    checkInstallation({ ...api, typeOf: unreachable, get: unreachable }, 'system', signal),
  ).resolves.toBeUndefined();
});
