import { beforeAll, expect, test } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { describeCluster } from '../../test/cluster.ts';
import { createCertificateSecret } from './certificate-secret.ts';
import { certificateSeconds } from './certificates.ts';

describeCluster('the Secret with the certificates', (cluster) => {
  let api: KubernetesApi;
  let namespace: string;
  const { signal } = new AbortController();
  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    namespace = await cluster.namespace('certificate');
  });

  function replica(name: string, leads: boolean, now = 1_800_000_000) {
    const context = { api, mayAct: () => leads, now: () => now };
    return createCertificateSecret({ context, namespace, name, hosts: ['webhook.test.svc'] });
  }
  const versionOf = async (name: string) =>
    (await api.get<StoredObject>(resourceTypes.secret, namespace, name)).metadata.resourceVersion;

  test('is made by the leader only; the others wait for it and then serve the same', async () => {
    expect(await replica('one', false).current(signal)).toBeUndefined();
    const made = await replica('one', true).current(signal);
    expect(made?.renewed).toBe('everything');
    const version = await versionOf('one');
    expect(await replica('one', false).current(signal)).toEqual({ certificates: made?.certificates, renewed: 'none' });
    expect(await replica('one', true).current(signal)).toEqual({ certificates: made?.certificates, renewed: 'none' });
    expect(await versionOf('one')).toBe(version);
  });

  test('has one winner when two replicas make or renew it at once', async () => {
    for (const now of [1_800_000_000, 1_800_000_000 + certificateSeconds]) {
      const replicas = Array.from({ length: 4 }, () => replica('raced', true, now).current(signal));
      const found = await Promise.all(replicas);
      expect(new Set(found.map((one) => one?.certificates.certificate)).size).toBe(1);
      expect(found.filter((one) => one?.renewed !== 'none').length).toBeGreaterThanOrEqual(1);
      const stored = await replica('raced', false, now).current(signal);
      expect(stored?.certificates).toEqual(found[0]?.certificates);
    }
  });
});
