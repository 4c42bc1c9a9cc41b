/** A control plane of its own: these tests stop what others need. */
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import '../../test/cluster.ts';
import { type ControlPlane, componentNames, startControlPlane } from './control-plane.ts';
import { deployment } from './lab.fixture.ts';
import { until } from './lab-api.ts';
import { requestLoopback } from './loopback-request.ts';

const available = inject('sharedCluster').available;

describe.skipIf(!available)('a control plane of its own', () => {
  test('keeps its data when the API server is killed and etcd restarts, and leaves nothing behind', async () => {
    const plane = await started({});
    const { api } = plane;
    await api.create('/apis/apps/v1/namespaces/default/deployments', deployment({ name: 'web', replicas: 2 }));
    await untilReady(plane, 2);
    const server = plane.component('kube-apiserver');
    await server.kill();
    await expect(api.get('/api/v1/nodes')).rejects.toMatchObject({ status: 0 });
    await plane.component('etcd').stop();
    await Promise.all([plane.component('etcd').start(), server.start()]);
    await api.apply('/apis/apps/v1/namespaces/default/deployments/web', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 4 },
    });
    // Controllers and nodes have found their way back by themselves.
    await untilReady(plane, 4);

    const pids = componentNames.flatMap((name) => {
      try {
        return plane.component(name).pid ?? [];
      } catch {
        return [];
      }
    });
    expect(pids).toHaveLength(5);
    await plane.stop();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(readdir(plane.folder)).rejects.toThrow('ENOENT');
  });

  test('a service account has its own rights, a frozen server does not answer, an aggregated API is reached', async () => {
    const plane = await started({ controllerManager: false, scheduler: false, nodes: false });
    const { api, server, certificateAuthority } = plane;
    const names = { namespace: 'default', name: 'reader' };
    await api.create('/api/v1/namespaces/default/serviceaccounts', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: names.name },
    });
    const options = {
      bearerToken: await plane.serviceAccountToken(names),
      certificateAuthority: certificateAuthority.certificatePem,
    };
    const pods = `${server}/api/v1/namespaces/default/pods`;
    await expect(requestLoopback(pods, options)).rejects.toMatchObject({ status: 403 });
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    await api.create(`${rbac}/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
    });
    await api.create(`${rbac}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', ...names }],
    });
    // The authorizer sees a new binding when its informer does.
    await until('the right to take effect', 5, () =>
      requestLoopback(pods, options).then(
        () => true,
        () => false,
      ),
    );

    await aggregated(plane);

    plane.component('kube-apiserver').pause();
    const frozen = requestLoopback(pods, { ...options, signal: AbortSignal.timeout(300) });
    await expect(frozen).rejects.toMatchObject({ status: 0 });
    plane.component('kube-apiserver').resume();
    await expect(requestLoopback(pods, options)).resolves.toContain('PodList');
  });

  test('a component that refuses its arguments fails the start with the end of its log', async () => {
    const failing = startControlPlane({ extraArguments: { 'kube-apiserver': ['--no-such-flag'] } });
    await expect(failing).rejects.toThrow(/kube-apiserver ended with exit code \d.*\n(.*\n)*.*no-such-flag/);
  });
});

async function started(options: Parameters<typeof startControlPlane>[0]): Promise<ControlPlane> {
  const plane = await startControlPlane(options);
  onTestFinished(() => plane.stop());
  return plane;
}

async function untilReady({ api }: ControlPlane, replicas: number): Promise<void> {
  await until(`${replicas} ready replicas`, 40, async () => {
    const path = '/apis/apps/v1/namespaces/default/deployments/web';
    const { status } = await api.get<{ status: { readyReplicas?: number } }>(path);
    return status.readyReplicas === replicas;
  });
}

/** An API that a server on loopback answers, reached through the API server. */
async function aggregated({ api, servingCertificate }: ControlPlane): Promise<void> {
  const { certificatePem, privateKeyPem } = await servingCertificate('aggregated');
  const backend = createServer({ cert: certificatePem, key: privateKeyPem }, (request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ path: request.url, user: request.headers['x-remote-user'] }));
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    backend.closeAllConnections();
    backend.close();
  });
  const { port } = backend.address() as AddressInfo;
  await api.create('/api/v1/namespaces/default/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'aggregated' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  await api.create('/apis/apiregistration.k8s.io/v1/apiservices', {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1beta1.metrics.k8s.io' },
    spec: {
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      service: { namespace: 'default', name: 'aggregated', port },
      insecureSkipTLSVerify: true,
      groupPriorityMinimum: 100,
      versionPriority: 100,
    },
  });
  const path = '/apis/metrics.k8s.io/v1beta1/pods';
  let answer: unknown;
  await until('the aggregated API', 20, async () => {
    answer = await api.get(path).catch(() => undefined);
    return answer !== undefined;
  });
  expect(answer).toEqual({ path, user: 'duoloop-lab-admin' });
}
