import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeCluster } from '../../test/cluster.ts';
import { kubernetesApiContract } from './kubernetes-api.contract.ts';
import { type KubernetesApi, resourceTypes } from './kubernetes-api.ts';
import { connectKubernetes } from './kubernetes-client.ts';

describeCluster('the Kubernetes API', (cluster) => {
  let api: KubernetesApi;
  let folder: string;
  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    folder = await mkdtemp(join(tmpdir(), 'duoloop-client-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** As another user of the same cluster. */
  const kubeconfigFor = async (user: object, proxyUrl?: string) => {
    const file = join(folder, `${Math.random()}.json`);
    const clusterEntry = { server: cluster.server, 'certificate-authority': cluster.caFile, 'proxy-url': proxyUrl };
    const content = {
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: clusterEntry }],
      users: [{ name: 'test', user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    };
    await writeFile(file, JSON.stringify(content));
    return file;
  };
  const canRead = (file: string) =>
    connectKubernetes({ kubeconfigFiles: [file] }).then((client) =>
      client.get(resourceTypes.namespace, undefined, 'default'),
    );

  describe('as promised', () => {
    // Without the ConfigMap that every namespace is given.
    const labelSelector = '!extra';
    kubernetesApiContract(
      () => ({
        ...api,
        list: (type, options) => api.list(type, { ...options, labelSelector }),
        watch: (type, options, onEvent) => api.watch(type, { ...options, labelSelector }, onEvent),
      }),
      async () => {
        const namespace = await cluster.namespace('client');
        const certificate = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'kube-root-ca.crt', namespace, labels: { extra: '' } },
        };
        await api.apply(resourceTypes.configMap, certificate, { fieldManager: 'test' });
        return namespace;
      },
    );
  });

  test('a token that rotates in its file is taken up when the old one is refused', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'of yesterday');
    const file = await kubeconfigFor({ tokenFile });
    const client = await connectKubernetes({ kubeconfigFiles: [file] });
    const read = () => client.get(resourceTypes.namespace, undefined, 'default');
    await expect(read()).rejects.toMatchObject({ status: 401, reason: 'Unauthorized' });
    await writeFile(tokenFile, `${cluster.adminToken}\n`);
    await expect(read()).resolves.toMatchObject({ kind: 'Namespace' });
  });

  test('an exec plugin gives the token, and is asked again when it is refused', async () => {
    const answers = join(folder, 'answer.json');
    const answer = (token: string) =>
      writeFile(
        answers,
        JSON.stringify({
          apiVersion: 'client.authentication.k8s.io/v1',
          kind: 'ExecCredential',
          status: { token, expirationTimestamp: '2999-01-01T00:00:00Z' },
        }),
      );
    await answer('of yesterday');
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'cat', args: [answers] };
    const client = await connectKubernetes({ kubeconfigFiles: [await kubeconfigFor({ exec })] });
    const read = () => client.get(resourceTypes.namespace, undefined, 'default');
    await expect(read()).rejects.toMatchObject({ status: 401 });
    await answer(cluster.adminToken);
    await expect(read()).resolves.toMatchObject({ kind: 'Namespace' });
  });

  test('without rights a call is refused by name', async () => {
    const file = await kubeconfigFor({ token: cluster.adminToken, as: 'nobody' });
    await expect(canRead(file)).rejects.toMatchObject({ status: 403, reason: 'Forbidden', retryable: false });
  });

  test('another authority than the server’s is not believed', async () => {
    const file = await kubeconfigFor({ token: cluster.adminToken });
    const client = await connectKubernetes({ kubeconfigFiles: [file] });
    const other = client.get(resourceTypes.namespace, undefined, 'default');
    await expect(other).resolves.toBeDefined();
    const content = {
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: cluster.server } }],
      users: [{ name: 'c', user: { token: cluster.adminToken } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
    };
    const unverified = join(folder, 'unverified.json');
    await writeFile(unverified, JSON.stringify(content));
    await expect(canRead(unverified)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
  });

  test('a list of many pages is one list', async () => {
    const namespace = await cluster.namespace('client');
    const names = Array.from({ length: 1_100 }, (_, index) => `c${index}`);
    await Promise.all(names.map((name) => api.create(resourceTypes.configMap, namespace, { metadata: { name } })));
    const { items } = await api.list<{ metadata: { name: string } }>(resourceTypes.configMap, { namespace });
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBeGreaterThanOrEqual(1_100);
    expect(items.length).toBe(new Set(items.map(({ metadata }) => metadata.name)).size);
  });

  test('a type is found by its kind, once', async () => {
    expect(await api.typeOf('apps/v1', 'ReplicaSet')).toEqual({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      plural: 'replicasets',
      namespaced: true,
    });
  });
});
