/** Groups, loops and whole namespaces that go in the middle of work: nothing of ours keeps anything from being deleted. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import '../../test/cluster.ts';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { type GroupScene, groupName, isGone } from './group.fixture.ts';
import { type FaultScene, startFaultScene } from './scene.fixture.ts';

/** More than are written at a time, so that with this latency a scaling has a middle. */
const members = 20;
const slow = { latencyMilliseconds: 250, leaseDurationSeconds: 15 };

describe.skipIf(!inject('sharedCluster').available)('deletion', () => {
  let scene: FaultScene;
  beforeAll(async () => {
    scene = await startFaultScene();
  });
  afterAll(() => scene?.stop());

  test('a group deleted in the middle of its scaling leaves its members as they are, and they can be deleted', async () => {
    const group = await scene.startGroup('group', members);
    const operator = await scene.startOperator('a', slow);
    await operator.logged('leading');
    await group.scaleShop(6);
    await group.begun(6);
    await group.api.delete(resourceTypes.scalingGroup, group.namespace, groupName);
    expect(await isGone(group.api, resourceTypes.scalingGroup, group.namespace, groupName)).toBe(true);
    const deletedAt = Date.now();

    // A scaling of another group, begun later and ended: by then this one would have been looked at again.
    const other = await scene.startGroup('other', 2);
    await other.scaleShop(3);
    await other.whole(3);
    const writes = (await scene.writesIn(group.namespace)).filter(({ user }) => user === 'a');
    // What was on its way arrives within two trips.
    expect(writes.filter(({ receivedAt }) => receivedAt > deletedAt + 4 * slow.latencyMilliseconds)).toEqual([]);
    const sizes = await group.sizes();
    expect(sizes.filter((size) => size !== 2 && size !== 6)).toEqual([]);
    expect(sizes, 'members that the scaling had not come to').toContain(2);
    await expectMembersDeletable(group);
    expect(operator.otherOutput).toEqual([]);
  });

  test('a namespace that ends in the middle of a scaling, with loops of both topologies in it, is gone in seconds', async () => {
    const group = await scene.startGroup('ending', members);
    const operator = await scene.startOperator('a', slow);
    await operator.logged('leading');
    await startLoops(group);
    await group.scaleShop(6);
    await group.begun(6);
    const endedAt = Date.now();
    await group.api.delete(resourceTypes.namespace, '', group.namespace);
    await namespaceGone(group);

    const writes = (await scene.writesIn(group.namespace)).filter(({ user }) => user === 'a');
    const late = writes.filter(
      ({ receivedAt, resource }) => receivedAt > endedAt + 8 * slow.latencyMilliseconds && resource === 'deployments',
    );
    expect(late, 'members written after the namespace began to end').toEqual([]);
    expect(operator.end).toBeUndefined();
    expect(operator.otherOutput).toEqual([]);
    expect(operator.logs.filter(({ level }) => level === 'error')).toEqual([]);
    // Nothing is left that is tried again and again.
    const failures = () => operator.metric('duoloop_reconciles_total', 'result="error"');
    await delay(3_000);
    const before = await failures();
    await delay(3_000);
    expect(await failures()).toBe(before);
  });

  test('without an operator, the group, its loops, its members and its namespace can be deleted', async () => {
    const group = await scene.startGroup('left', 7);
    const operator = await scene.startOperator('a', {});
    await operator.logged('leading');
    await startLoops(group);
    await group.scaleShop(3);
    await group.whole(3);
    operator.kill('SIGKILL');
    await operator.ended;

    const { api, namespace } = group;
    await api.delete(resourceTypes.scalingGroup, namespace, groupName);
    expect(await isGone(api, resourceTypes.scalingGroup, namespace, groupName)).toBe(true);
    for (const name of ['inline', 'distributed']) {
      await api.delete(resourceTypes.closedLoop, namespace, name);
      expect(await isGone(api, resourceTypes.closedLoop, namespace, name)).toBe(true);
    }
    await expectMembersDeletable(group);
    await api.delete(resourceTypes.namespace, '', namespace);
    await namespaceGone(group);
  });
});

/** Two loops, each on a workload of its own, that find no metrics: both have statuses, one has stages. */
async function startLoops(group: GroupScene): Promise<void> {
  const { api, namespace } = group;
  for (const topology of ['Inline', 'Distributed']) {
    const name = topology.toLowerCase();
    await group.deploy({ name, replicas: 1 });
    await api.create(resourceTypes.closedLoop, namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'ClosedLoop',
      metadata: { name },
      spec: {
        targetRef: { name },
        intervalSeconds: 1,
        topology,
        metrics: [
          {
            name: 'cpu',
            rank: 1,
            source: { push: {} },
            thresholds: [{ kind: 'superior', value: 50, reaction: { horizontal: { by: 1 } } }],
          },
        ],
        behavior: { maxReplicas: 10 },
      },
    });
  }
  const read = (name: string) =>
    api.get<{ status?: { conditions?: readonly unknown[] } }>(resourceTypes.closedLoop, namespace, name);
  for (const name of ['inline', 'distributed']) {
    await vi.waitFor(async () => expect((await read(name)).status?.conditions).not.toHaveLength(0), {
      timeout: 15_000,
      interval: 100,
    });
  }
}

async function expectMembersDeletable({ api, namespace, members: names, deployments }: GroupScene): Promise<void> {
  for (const { metadata } of await deployments()) {
    expect(metadata).not.toHaveProperty('finalizers');
    expect(metadata).not.toHaveProperty('ownerReferences');
  }
  expect(await deployments()).toHaveLength(names.length);
  await Promise.all(names.map((name) => api.delete(resourceTypes.deployment, namespace, name)));
  expect(await deployments()).toEqual([]);
}

const namespaceGone = ({ api, namespace }: GroupScene) =>
  vi.waitFor(async () => expect(await isGone(api, resourceTypes.namespace, '', namespace)).toBe(true), {
    timeout: 30_000,
    interval: 200,
  });
