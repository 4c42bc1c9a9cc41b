/** Many groups at once, and a leader that dies in the middle: nothing lost, nothing done twice. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { podReadyDelayAnnotation } from '../../env/lab/control-plane.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { describeCluster } from '../../test/cluster.ts';
import type { DeploymentObject } from '../workloads/cached-objects.ts';
import {
  createScene,
  membersNamed,
  type RunningController,
  type RunningControllerOptions,
  runController,
  type Scene,
} from './running-controller.fixture.ts';

const waiting = { timeout: 60_000, interval: 100 };

describeCluster('scaling at the same time', (cluster) => {
  let scene: Scene;
  let running: RunningController[] = [];
  const start = async (options: Partial<RunningControllerOptions> = {}) => {
    const { kubeconfigFile } = cluster;
    const controller = await runController({ kubeconfigFile, namespaces: [scene.namespace], ...options });
    running.push(controller);
    return controller;
  };

  beforeEach(async () => {
    scene = await createScene(cluster.kubeconfigFile, await cluster.namespace('many'));
  });
  afterEach(async () => {
    await Promise.all(running.map((controller) => controller.stop()));
    running = [];
  });

  it('100 groups: every member is written exactly once for every request', async () => {
    const groups = Array.from({ length: 100 }, (_, i) => `group-${i}`);
    const membersOf = (group: string) => [`${group}-a`, `${group}-b`];
    const all = groups.flatMap(membersOf);
    await Promise.all(all.map((name) => scene.deploy({ name, replicas: 0 })));
    const shape = { replicas: 0, minReplicas: 0 };
    await Promise.all(
      groups.map((name) =>
        scene.group(name, {
          ...shape,
          members: membersOf(name).map((member) => ({ targetRef: { name: member }, min: 0 })),
        }),
      ),
    );
    const controller = await start();
    await vi.waitFor(async () => {
      const { items } = await scene.api.list<ScalingGroup>(resourceTypes.scalingGroup, { namespace: scene.namespace });
      expect(items.filter(({ status }) => status?.observedGeneration === 1)).toHaveLength(groups.length);
    }, waiting);
    expect(controller.scaleCalls).toEqual([]);

    await Promise.all(groups.map((name) => scene.scale(name, 1)));
    await vi.waitFor(async () => {
      const { items } = await scene.api.list<ScalingGroup>(resourceTypes.scalingGroup, { namespace: scene.namespace });
      expect(items.filter(({ status }) => status?.lastScaling?.outcome === 'Complete')).toHaveLength(groups.length);
    }, waiting);
    const { items } = await scene.api.list<DeploymentObject>(resourceTypes.deployment, { namespace: scene.namespace });
    expect(items.map(({ spec }) => spec.replicas)).toEqual(all.map(() => 1));
    // Of a Deployment's spec nobody else changes anything.
    expect(items.map(({ metadata }) => metadata.generation)).toEqual(all.map(() => 2));
    expect(
      controller.scaleCalls
        .filter(({ accepted }) => accepted)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...all].sort());
    const complete = controller.events.filter(({ reason }) => reason === 'ScalingComplete').map(({ name }) => name);
    expect(complete.sort()).toEqual([...groups].sort());
  }, 120_000);

  it('a leader that dies half-way: the next completes the same scaling, once', async () => {
    const names = Array.from({ length: 7 }, (_, i) => `member-${i}`);
    const podAnnotations = { [podReadyDelayAnnotation]: '1s' };
    await Promise.all(names.map((name) => scene.deploy({ name, replicas: 1, podAnnotations })));
    await scene.group('shop', { replicas: 1, members: membersNamed(names) });
    let lives = true;
    const first = await start({ mayAct: () => lives, concurrentPatches: 1, latencyMilliseconds: 20 });
    await vi.waitFor(
      async () => expect((await scene.readGroup('shop')).status).toMatchObject({ replicas: 1 }),
      waiting,
    );
    await scene.scale('shop', 2);
    await vi.waitFor(() => expect(first.scaleCalls.length).toBeGreaterThanOrEqual(3), { timeout: 10_000, interval: 5 });
    lives = false;
    await first.stop();
    const byFirst = first.scaleCalls.length;
    expect(byFirst).toBeLessThan(names.length);
    const left = (await scene.readGroup('shop')).status?.lastScaling;
    expect(left).toMatchObject({ from: 1, to: 2, outcome: 'InProgress' });

    const second = await start();
    const completed = await vi.waitFor(async () => {
      const { status } = await scene.readGroup('shop');
      expect(status?.lastScaling?.outcome).toBe('Complete');
      return status?.lastScaling;
    }, waiting);
    expect(completed).toMatchObject({ from: 1, to: 2, startedAt: left?.startedAt });
    const written = [...first.scaleCalls, ...second.scaleCalls]
      .filter(({ accepted }) => accepted)
      .map(({ name }) => name);
    expect(written.sort()).toEqual([...names].sort());
    const generations = await Promise.all(
      names.map(async (name) => (await scene.deployment(name)).metadata.generation),
    );
    expect(generations).toEqual(names.map(() => 2));
    const events = [...first.events, ...second.events].map(({ reason }) => reason);
    expect(events.filter((reason) => reason === 'ScalingStarted')).toHaveLength(1);
    expect(events.filter((reason) => reason === 'ScalingComplete')).toHaveLength(1);
  });

  it('another writer on the same members: conflicts end with what the group asks for', async () => {
    const names = ['web', 'db', 'cart'];
    await Promise.all(names.map((name) => scene.deploy({ name, replicas: 1 })));
    await scene.group('shop', { replicas: 1, members: membersNamed(names) });
    const controller = await start();
    let storm = true;
    const writer = (async () => {
      for (let i = 0; storm; i++) {
        const patch = { metadata: { annotations: { writer: String(i) } } };
        await Promise.all(
          names.map((name) => scene.api.mergePatch(resourceTypes.deployment, scene.namespace, name, patch)),
        );
      }
    })();
    for (const size of [3, 2, 4]) {
      await scene.scale('shop', size);
      await vi.waitFor(async () => {
        const deployments = await Promise.all(names.map((name) => scene.deployment(name)));
        expect(deployments.map(({ spec }) => spec.replicas)).toEqual(names.map(() => size));
      }, waiting);
    }
    storm = false;
    await writer;
    await vi.waitFor(
      async () => expect((await scene.readGroup('shop')).status).toMatchObject({ replicas: 4 }),
      waiting,
    );
    expect(controller.scaleCalls.filter(({ accepted }) => accepted)).toHaveLength(9);
  });

  it('a terminating namespace: no member is written any more', async () => {
    await scene.deploy({ name: 'web', replicas: 1 });
    await scene.group('shop', { replicas: 1, members: membersNamed(['web']) });
    // Keeps the namespace, and what is in it, between two states.
    const finalizers = { metadata: { finalizers: ['test.duoloop.dev/hold'] } };
    await scene.api.mergePatch(resourceTypes.deployment, scene.namespace, 'web', finalizers);
    await scene.api.mergePatch(resourceTypes.scalingGroup, scene.namespace, 'shop', finalizers);
    const controller = await start();
    await vi.waitFor(
      async () => expect((await scene.readGroup('shop')).status).toMatchObject({ replicas: 1 }),
      waiting,
    );
    await scene.api.delete(resourceTypes.namespace, undefined, scene.namespace);
    await vi.waitFor(async () => {
      expect((await scene.readGroup('shop')).metadata.deletionTimestamp).toBeDefined();
    }, waiting);
    await scene.scale('shop', 5);
    await scene.api.mergePatch(resourceTypes.deployment, scene.namespace, 'web', { spec: { replicas: 3 } });
    // What would be written is written within milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(controller.scaleCalls).toEqual([]);
    const free = { metadata: { finalizers: null } };
    await scene.api.mergePatch(resourceTypes.deployment, scene.namespace, 'web', free);
    await scene.api.mergePatch(resourceTypes.scalingGroup, scene.namespace, 'shop', free);
  });
});
