/** A namespace in which everything is used that operator and agent can do, and what its users see there. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { configMapOf, frontendCheckpoint, partsOf } from '../../agent/faults/forged-checkpoint.fixture.ts';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { ControlPlane } from '../../env/lab/control-plane.ts';
import { podReadyDelayAnnotation } from '../../env/lab/control-plane.ts';
import { deployment } from '../../env/lab/lab.fixture.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import { createNamespace } from '../../operator/faults/group.fixture.ts';
import { readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';

const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', plural: 'replicasets', namespaced: true } as const;
/** Names of the group's members. */
const members = { web: resourceTypes.deployment, store: resourceTypes.statefulSet, bare: replicaSet } as const;

export interface Shop {
  readonly namespace: string;
  /** Of the group's members and of the workloads that loops scale by themselves, by name. */
  sizes(): Promise<Record<string, number>>;
  /** All that an uninstallation must leave alone: metadata and spec of every workload. */
  workloads(): Promise<object[]>;
  /** As a managed system with an account of its own does it. @throws LoopbackError */
  push(ingestUrl: string, loop: string, values: Readonly<Record<string, number>>): Promise<void>;
}

interface WorkloadObject extends StoredObject {
  readonly spec: { readonly replicas: number };
}

/** The workloads alone: the custom resources come with `createLoops`, once they are installed. */
export async function createShop(plane: ControlPlane, api: KubernetesApi, namespace: string): Promise<Shop> {
  await createNamespace(plane.api, namespace);
  // Late enough to be asked for the reason.
  const template = (name: string, delay?: string) => {
    const { spec } = deployment({
      name,
      replicas: 1,
      ...(delay !== undefined && { podAnnotations: { [podReadyDelayAnnotation]: delay } }),
    }) as { spec: object };
    return spec;
  };
  const create = (type: (typeof members)[keyof typeof members], name: string, delay?: string) =>
    api.create(type, namespace, {
      apiVersion: type.apiVersion,
      kind: type.kind,
      metadata: { name },
      spec: { ...template(name, delay), ...(type.kind === 'StatefulSet' && { serviceName: name }) },
    });
  await Promise.all([
    create(resourceTypes.deployment, 'web'),
    create(resourceTypes.statefulSet, 'store', '5s'),
    create(replicaSet, 'bare'),
    create(resourceTypes.deployment, 'sized'),
    create(resourceTypes.deployment, 'staged'),
  ]);
  await createPusher(plane, namespace);
  const token = await plane.serviceAccountToken({ namespace, name: 'pusher' });
  const all = [
    ...Object.entries(members),
    ['sized', resourceTypes.deployment] as const,
    ['staged', resourceTypes.deployment] as const,
  ];
  const read = () => Promise.all(all.map(([name, type]) => api.get<WorkloadObject>(type, namespace, name)));
  return {
    namespace,
    sizes: async () => Object.fromEntries((await read()).map(({ metadata, spec }) => [metadata.name, spec.replicas])),
    workloads: async () =>
      (await read()).map(({ metadata, spec }) => ({
        ...metadata,
        // The status changes with the pods.
        resourceVersion: undefined,
        managedFields: undefined,
        spec,
      })),
    async push(ingestUrl, loop, values) {
      await requestLoopback(`${ingestUrl}/ingest/v1/namespaces/${namespace}/closedloops/${loop}`, {
        method: 'PUT',
        bearerToken: token,
        body: JSON.stringify(values),
        signal: AbortSignal.timeout(5_000),
      });
    },
  };
}

async function createPusher({ api }: ControlPlane, namespace: string): Promise<void> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const metadata = { name: 'pusher' };
  const rule = { apiGroups: ['duoloop.dev'], resources: ['closedloops/metrics'], verbs: ['update'] };
  await api.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata });
  await api.create(`${rbac}/roles`, { metadata, rules: [rule] });
  await api.create(`${rbac}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'pusher' },
    subjects: [{ kind: 'ServiceAccount', name: 'pusher', namespace }],
  });
}

const superior = (name: string, reaction: object) => ({
  name,
  rank: 1,
  source: { push: { maxAgeSeconds: 300 } },
  thresholds: [{ kind: 'superior', value: 80, reaction }],
});
const behavior = { maxReplicas: 2 };
const custom = (kind: string, name: string, spec: object) => ({
  apiVersion: 'duoloop.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
});
const loop = (name: string, targetRef: object, metrics: readonly object[], more: object = {}) =>
  custom('ClosedLoop', name, { intervalSeconds: 1, targetRef, metrics, behavior, ...more });
const byOne = { horizontal: { by: 1 } };

/** A group, a loop of each kind over it and beside it, and one DeliberativeLoop for the operator and one for the agent. */
export async function createLoops(api: KubernetesApi, { namespace }: Shop): Promise<void> {
  const group = custom('ScalingGroup', 'shop', {
    replicas: 1,
    maxReplicas: 2,
    members: Object.entries(members).map(([name, { apiVersion, kind }]) => ({ targetRef: { apiVersion, kind, name } })),
  });
  const closedLoops = [
    loop('shop', { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', name: 'shop' }, [superior('cpu', byOne)]),
    loop('sized', { name: 'sized' }, [
      superior('cpu', { vertical: { resource: 'cpu', by: 0.5, min: 1, max: 2 } }),
      { ...superior('use', byOne), rank: 2, source: { resource: { name: 'cpu' } } },
    ]),
    loop('staged', { name: 'staged' }, [superior('cpu', byOne)], { topology: 'Distributed' }),
  ];
  const deliberativeLoops = [
    custom('DeliberativeLoop', 'last-ten', {
      closedLoops: { names: ['staged'] },
      policy: { lastTen: {} },
      intervalSeconds: 5,
      mode: 'Bounded',
    }),
    custom('DeliberativeLoop', 'trained', {
      closedLoops: { names: ['shop'] },
      policy: { checkpoint: { configMap: { name: 'policy' } } },
      intervalSeconds: 15,
    }),
  ];
  const checkpoint = configMapOf('policy', partsOf(await readCheckpoint(frontendCheckpoint)));
  await Promise.all([
    api.create(resourceTypes.configMap, namespace, checkpoint),
    api.create(resourceTypes.scalingGroup, namespace, group),
    ...closedLoops.map((object) => api.create(resourceTypes.closedLoop, namespace, object)),
    ...deliberativeLoops.map((object) => api.create(resourceTypes.deliberativeLoop, namespace, object)),
  ]);
}

/** A Prometheus that has measured nothing. */
export async function startEmptyPrometheus(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [] } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
