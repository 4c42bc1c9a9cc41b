import { Registry } from 'prom-client';
import { beforeAll, expect, test, vi } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { createLogger } from '../../env/service/logger.ts';
import { setCondition } from '../../policies/resources/conditions.ts';
import type { Condition, CustomResource, StoredObject } from '../../policies/resources/resource.ts';
import { describeCluster } from '../../test/cluster.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createStatusWriter } from './status-writer.ts';

interface Status {
  readonly replicas?: number;
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}
type Group = CustomResource<object, Status>;

describeCluster('statuses and events on a real API server', (cluster) => {
  let api: KubernetesApi;
  let namespace: string;
  let metrics: Registry;
  const logger = createLogger({ level: 'silent' });
  const type = resourceTypes.scalingGroup;
  const makeGroup = (name: string) =>
    api.create<Group>(type, namespace, {
      apiVersion: type.apiVersion,
      kind: type.kind,
      metadata: { name },
      spec: { replicas: 1, members: [{ targetRef: { name: 'web' } }] },
    });

  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    namespace = await cluster.namespace('writes');
    metrics = new Registry();
  });

  test('a status is written by apply: what is no longer said goes away, another object keeps its own', async () => {
    const group = await makeGroup('status');
    const writer = createStatusWriter<Status>({ type, context: { api, metrics, mayAct: () => true } });
    const ready = { type: 'Ready', status: 'True', reason: 'Fine', message: 'all is well' } as const;
    const conditions = setCondition(undefined, ready, Date.now() / 1000);
    expect(await writer.write(group, { replicas: 1, observedGeneration: 1, conditions })).toBe('written');
    const stored = await api.get<Group>(type, namespace, 'status');
    expect(stored.status).toMatchObject({ replicas: 1, observedGeneration: 1, conditions });
    expect(await writer.write(stored, { replicas: 1, observedGeneration: 1, conditions })).toBe('unchanged');
    expect(await writer.write(stored, { observedGeneration: 1, conditions: [] })).toBe('written');
    const after = await api.get<Group>(type, namespace, 'status');
    expect(after.status?.replicas).toBeUndefined();
    expect(after.status?.conditions ?? []).toEqual([]);
    expect(await writer.write(after, { observedGeneration: 1, conditions: [] })).toBe('unchanged');

    await api.delete(type, namespace, 'status');
    await makeGroup('status');
    expect(await writer.write(group, { replicas: 7 })).toBe('gone');
    expect((await api.get<Group>(type, namespace, 'status')).status?.replicas).toBeUndefined();
  });

  test('forty writers of other fields do not keep a status from being written', async () => {
    const group = await makeGroup('storm');
    const writer = createStatusWriter<Status>({ type, context: { api, metrics, mayAct: () => true } });
    const others = Array.from({ length: 40 }, (_, index) =>
      api.mergePatch(type, namespace, 'storm', { metadata: { annotations: { other: String(index) } } }),
    );
    for (let replicas = 0; replicas < 10; replicas += 1) {
      expect(await writer.write(group, { replicas })).toBe('written');
    }
    await Promise.all(others);
    expect((await api.get<Group>(type, namespace, 'storm')).status?.replicas).toBe(9);
  });

  test('an event is accepted, and its count raised', async () => {
    const group = await makeGroup('events');
    const recorder = createEventRecorder({
      api,
      controller: 'duoloop.dev/operator',
      instance: 'replica-1',
      context: { logger, metrics, now: () => Date.now() / 1000 },
    });
    const ending = new AbortController();
    const running = recorder.run(ending.signal);
    recorder.record(group, 'Warning', 'MemberMissing', 'Deployment web does not exist');
    recorder.record(group, 'Warning', 'MemberMissing', 'Deployment web does not exist');
    interface Event extends StoredObject {
      readonly note: string;
      readonly regarding: { readonly name: string; readonly uid: string };
      readonly series?: { readonly count: number };
    }
    await vi.waitFor(async () => {
      const { items } = await api.list<Event>(resourceTypes.event, { namespace });
      expect(items.filter(({ regarding }) => regarding.name === 'events')).toMatchObject([
        {
          type: 'Warning',
          reason: 'MemberMissing',
          note: 'Deployment web does not exist',
          regarding: { kind: 'ScalingGroup', uid: group.metadata.uid },
          series: { count: 2 },
        },
      ]);
    }, 5_000);
    ending.abort();
    await running;
  });
});
