/** A paused group beside real HPAs' work: it touches no member, its size follows them, and going on is no jump. */
import { afterAll, expect, it, vi } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { describeCluster } from '../../test/cluster.ts';
import { createScene, membersNamed, type RunningController, runController } from './running-controller.fixture.ts';

const waiting = { timeout: 10_000, interval: 50 };

describeCluster('a paused ScalingGroup', (cluster) => {
  const running: RunningController[] = [];
  afterAll(async () => {
    await Promise.all(running.map((controller) => controller.stop()));
  });

  it('follows its members, whoever scales them, and goes on from where they are', async () => {
    const scene = await createScene(cluster.kubeconfigFile, await cluster.namespace('paused'));
    const { api, namespace } = scene;
    await Promise.all([scene.deploy({ name: 'web', replicas: 4 }), scene.deploy({ name: 'db', replicas: 2 })]);
    await scene.group('shop', { paused: true, maxReplicas: 8, members: membersNamed(['web', 'db']) });
    const controller = await runController({ kubeconfigFile: cluster.kubeconfigFile, namespaces: [namespace] });
    running.push(controller);
    const size = async () => (await scene.readGroup('shop')).spec.replicas;
    await vi.waitFor(async () => expect(await size()).toBe(4), waiting);

    const scaled = { spec: { replicas: 6 } };
    await api.mergePatch(resourceTypes.deployment, namespace, 'web', scaled, { subresource: 'scale' });
    await vi.waitFor(async () => expect(await size()).toBe(6), waiting);
    const ready = async () => (await scene.readGroup('shop')).status?.conditions.find(({ type }) => type === 'Ready');
    await vi.waitFor(async () => expect(await ready()).toMatchObject({ status: 'True', reason: 'Paused' }), waiting);
    expect(controller.scaleCalls.every(({ name }) => name === 'shop')).toBe(true);
    expect((await scene.deployment('db')).spec.replicas).toBe(2);

    await api.mergePatch(resourceTypes.scalingGroup, namespace, 'shop', { spec: { paused: false } });
    await vi.waitFor(async () => expect((await scene.deployment('db')).spec.replicas).toBe(6), waiting);
    expect((await scene.deployment('web')).spec.replicas).toBe(6);
    expect(await size()).toBe(6);
    await vi.waitFor(
      async () => expect((await scene.readGroup('shop')).status?.lastScaling).toMatchObject({ from: 2, to: 6 }),
      waiting,
    );
  });
});
