/** Requests by kubectl and by the real HPA, members of every kind of trouble, on the real control plane. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isNotFound, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { requireBinaries } from '../../env/lab/binaries/find.ts';
import { podReadyDelayAnnotation } from '../../env/lab/control-plane.ts';
import { deployment } from '../../env/lab/lab.fixture.ts';
import { describeCluster } from '../../test/cluster.ts';
import {
  createScene,
  membersNamed,
  type RunningController,
  type RunningControllerOptions,
  runController,
  type Scene,
} from './running-controller.fixture.ts';

const waiting = { timeout: 30_000, interval: 50 };
const seven = ['auth', 'db', 'image', 'persistence', 'recommender', 'registry', 'webui'];

describeCluster('ScalingGroup', (cluster) => {
  let scene: Scene;
  let running: RunningController[] = [];
  const start = async (options: Partial<RunningControllerOptions> = {}) => {
    const { kubeconfigFile } = cluster;
    const controller = await runController({ kubeconfigFile, namespaces: [scene.namespace], ...options });
    running.push(controller);
    return controller;
  };
  const deployAll = (names: readonly string[], replicas = 1) =>
    Promise.all(names.map((name) => scene.deploy({ name, replicas })));
  const statusOf = async (name: string) => (await scene.readGroup(name)).status;
  const memberOf = async (group: string, name: string) =>
    (await statusOf(group))?.members.find((member) => member.name === name);
  const condition = async (group: string, type: string) =>
    (await statusOf(group))?.conditions.find((candidate) => candidate.type === type);
  const isReadyAt = (name: string, replicas: number, timeout = waiting.timeout) =>
    vi.waitFor(
      async () => {
        const status = await statusOf(name);
        expect(status).toMatchObject({ replicas });
        expect(status?.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
        return status;
      },
      { ...waiting, timeout },
    );

  beforeEach(async () => {
    scene = await createScene(cluster.kubeconfigFile, await cluster.namespace('group'));
  });
  afterEach(async () => {
    await Promise.all(running.map((controller) => controller.stop()));
    running = [];
  });

  describe('is asked for another size', () => {
    it('by kubectl scale: seven members follow by ratio, each written once, and the scale tells of it', async () => {
      await deployAll(seven);
      await scene.group('teastore', {
        replicas: 1,
        members: seven.map((name) => ({
          targetRef: { name },
          ...(name === 'db' ? { max: 1 } : {}),
          ...(name === 'webui' ? { ratio: 1.5 } : {}),
        })),
      });
      const controller = await start();
      await vi.waitFor(async () => expect(await statusOf('teastore')).toMatchObject({ replicas: 1 }), waiting);
      controller.scaleCalls.length = 0;

      const { kubectl } = await requireBinaries(['kubectl']);
      const { kubeconfigFile } = cluster;
      const command = [
        '--kubeconfig',
        kubeconfigFile,
        '-n',
        scene.namespace,
        'scale',
        'scalinggroup/teastore',
        '--replicas=3',
      ];
      await promisify(execFile)(kubectl, command);
      const status = await isReadyAt('teastore', 3);
      expect(Object.fromEntries(controller.scaleCalls.map(({ name, replicas }) => [name, replicas]))).toEqual({
        auth: 3,
        image: 3,
        persistence: 3,
        recommender: 3,
        registry: 3,
        webui: 5,
      });
      expect(controller.scaleCalls).toHaveLength(6);
      expect(status?.lastScaling).toMatchObject({ from: 1, to: 3, outcome: 'Complete' });
      const { startedAt, completedAt, seconds } = status?.lastScaling ?? {};
      const took = (Date.parse(completedAt ?? '') - Date.parse(startedAt ?? '')) / 1000;
      expect(seconds).toBeCloseTo(took, 2);
      const scale = await scene.api.get(resourceTypes.scalingGroup, scene.namespace, 'teastore', {
        subresource: 'scale',
      });
      expect(scale).toMatchObject({ spec: { replicas: 3 }, status: { replicas: 3, selector: 'app=auth' } });
      expect(controller.events.filter(({ reason }) => reason === 'ScalingComplete')).toHaveLength(2);
      expect(await controller.registry.metrics()).toContain(
        'duoloop_scaling_group_scalings_total{outcome="Complete"} ',
      );
    });

    it('by the real HPA, through the scale subresource', async () => {
      await deployAll(['web', 'db']);
      await scene.group('shop', { replicas: 1, members: membersNamed(['web', 'db']) });
      await start();
      await scene.api.create(resourceTypes.horizontalPodAutoscaler, scene.namespace, {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'shop' },
        spec: {
          scaleTargetRef: { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', name: 'shop' },
          // An HPA sees to its minimum without any metric.
          minReplicas: 3,
          maxReplicas: 9,
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
          ],
        },
      });
      await isReadyAt('shop', 3, 50_000);
      expect((await scene.deployment('db')).spec.replicas).toBe(3);
      // Up to 30 s until kube-controller-manager has discovered a kind that is new.
    }, 60_000);

    it('in the middle of a scaling: the newer request wins, and both are accounted for', async () => {
      await Promise.all(
        ['web', 'db'].map((name) =>
          scene.deploy({ name, replicas: 1, podAnnotations: { [podReadyDelayAnnotation]: '2s' } }),
        ),
      );
      await scene.group('shop', { replicas: 1, members: membersNamed(['web', 'db']) });
      const controller = await start();
      await isReadyAt('shop', 1);
      await scene.scale('shop', 5);
      await vi.waitFor(async () => expect((await scene.deployment('web')).spec.replicas).toBe(5), waiting);
      await scene.scale('shop', 3);
      const status = await isReadyAt('shop', 3);
      expect(status?.lastScaling).toMatchObject({ from: 1, to: 3, outcome: 'Complete' });
      const replicas = await Promise.all(
        ['web', 'db'].map(async (name) => (await scene.deployment(name)).spec.replicas),
      );
      expect(replicas).toEqual([3, 3]);
      const reasons = controller.events.map(({ reason }) => reason);
      expect(reasons.filter((reason) => reason === 'ScalingSuperseded')).toHaveLength(1);
      expect(reasons.filter((reason) => reason === 'ScalingStarted').length).toBeGreaterThanOrEqual(2);
    });

    it('beyond its bounds: it stops there and says so', async () => {
      await deployAll(['web']);
      await scene.group('shop', { replicas: 1, maxReplicas: 2, members: membersNamed(['web']) });
      const controller = await start();
      await scene.scale('shop', 7);
      await isReadyAt('shop', 2);
      expect(await condition('shop', 'ScalingLimited')).toMatchObject({ status: 'True', reason: 'TooManyReplicas' });
      expect(controller.events).toContainEqual(expect.objectContaining({ reason: 'TooManyReplicas', type: 'Warning' }));
    });
  });

  describe('a member', () => {
    it('that somebody else scales is brought back, without that being a scaling', async () => {
      await deployAll(['web', 'db'], 2);
      await scene.group('shop', { replicas: 2, members: membersNamed(['web', 'db']) });
      await start();
      await isReadyAt('shop', 2);
      const by = { spec: { replicas: 6 } };
      await scene.api.mergePatch(resourceTypes.deployment, scene.namespace, 'web', by, { subresource: 'scale' });
      await vi.waitFor(async () => expect((await scene.deployment('web')).spec.replicas).toBe(2), waiting);
      expect((await isReadyAt('shop', 2))?.lastScaling).toBeUndefined();
    });

    it('keeps neither owner nor finalizer of ours, and can be deleted after its group or before', async () => {
      await deployAll(['web', 'db']);
      await scene.group('shop', { replicas: 2, members: membersNamed(['web', 'db']) });
      await start();
      await isReadyAt('shop', 2);
      await scene.api.delete(resourceTypes.scalingGroup, scene.namespace, 'shop');
      await vi.waitFor(() => expect(scene.readGroup('shop')).rejects.toSatisfy(isNotFound), waiting);
      for (const name of ['web', 'db']) {
        const { metadata, spec } = await scene.deployment(name);
        expect(metadata.ownerReferences).toBeUndefined();
        expect((metadata as { finalizers?: string[] }).finalizers).toBeUndefined();
        expect(spec.replicas).toBe(2);
      }
      await scene.api.delete(resourceTypes.deployment, scene.namespace, 'web');
      await vi.waitFor(() => expect(scene.deployment('web')).rejects.toSatisfy(isNotFound), waiting);
    });

    it('that is missing holds up nobody, and joins when it appears', async () => {
      await deployAll(['web']);
      await scene.group('shop', { replicas: 2, members: membersNamed(['web', 'late']) });
      const controller = await start();
      await vi.waitFor(async () => expect((await scene.deployment('web')).spec.replicas).toBe(2), waiting);
      await vi.waitFor(async () => expect(await memberOf('shop', 'late')).toMatchObject({ state: 'Missing' }), waiting);
      expect(await condition('shop', 'Ready')).toMatchObject({ status: 'False', reason: 'Missing' });
      expect(controller.events.filter(({ reason }) => reason === 'MemberMissing')).toHaveLength(1);
      await scene.deploy({ name: 'late', replicas: 1 });
      const status = await isReadyAt('shop', 2);
      expect(status?.lastScaling).toMatchObject({ to: 2, outcome: 'Complete' });
    });

    it('that an HPA owns is refused, and taken in once the HPA is gone', async () => {
      await deployAll(['web', 'owned']);
      await scene.api.create(resourceTypes.horizontalPodAutoscaler, scene.namespace, {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'other' },
        spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'owned' }, maxReplicas: 5 },
      });
      await scene.group('shop', { replicas: 2, members: membersNamed(['web', 'owned']) });
      const controller = await start();
      await isReadyAt('shop', 2);
      const accepted = await condition('shop', 'MembersAccepted');
      expect(accepted).toMatchObject({ status: 'False', reason: 'OwnedByAnother' });
      expect(accepted?.message).toContain('HorizontalPodAutoscaler other');
      expect((await scene.deployment('owned')).spec.replicas).toBe(1);
      expect(controller.events).toContainEqual(expect.objectContaining({ reason: 'MemberRefused', type: 'Warning' }));
      await vi.waitFor(async () => {
        const { items } = await scene.api.list<{ reason: string; regarding: object }>(resourceTypes.event, {
          namespace: scene.namespace,
          fieldSelector: 'reason=MemberRefused',
        });
        expect(items).toMatchObject([{ type: 'Warning', regarding: { kind: 'ScalingGroup', name: 'shop' } }]);
      }, waiting);
      await scene.api.delete(resourceTypes.horizontalPodAutoscaler, scene.namespace, 'other');
      await vi.waitFor(async () => expect((await scene.deployment('owned')).spec.replicas).toBe(2), waiting);
      await vi.waitFor(
        async () => expect(await condition('shop', 'MembersAccepted')).toMatchObject({ status: 'True' }),
        waiting,
      );
    });

    it('of two groups is scaled by the older one alone', async () => {
      await deployAll(['web', 'db']);
      await scene.group('a-old', { replicas: 2, members: membersNamed(['web']) });
      await start();
      await isReadyAt('a-old', 2);
      await scene.group('b-young', { replicas: 4, members: membersNamed(['web', 'db']) });
      await isReadyAt('b-young', 4);
      expect((await scene.deployment('web')).spec.replicas).toBe(2);
      expect(await condition('b-young', 'MembersAccepted')).toMatchObject({ status: 'False' });
    });

    it('of a kind that is not watched, and a group of its own, follow too; a group within itself is refused', async () => {
      const set = deployment({ name: 'plain', replicas: 1 }) as { spec: object };
      const replicaSets = { apiVersion: 'apps/v1', kind: 'ReplicaSet', plural: 'replicasets', namespaced: true };
      await scene.api.create(replicaSets, scene.namespace, { ...set, kind: 'ReplicaSet' });
      await deployAll(['web']);
      const nested = { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', name: 'inner' };
      await scene.group('inner', { replicas: 1, members: membersNamed(['web']) });
      await scene.group('outer', {
        replicas: 2,
        members: [...membersNamed(['plain'], 'ReplicaSet'), { targetRef: nested, ratio: 1.5 }],
      });
      await start();
      await isReadyAt('outer', 2);
      expect((await scene.deployment('web')).spec.replicas).toBe(3);
      expect(await memberOf('outer', 'plain')).toMatchObject({ replicas: 2, ready: 2, state: 'Ready' });
      const around = { ...nested, name: 'outer' };
      const members = [...membersNamed(['web']), { targetRef: around }];
      await scene.api.mergePatch(resourceTypes.scalingGroup, scene.namespace, 'inner', { spec: { members } });
      await vi.waitFor(
        async () => expect(await memberOf('inner', 'outer')).toMatchObject({ state: 'Failed' }),
        waiting,
      );
      expect((await scene.readGroup('outer')).spec.replicas).toBe(2);
    });

    it('in a rollout is scaled all the same, and the status says so', async () => {
      const slow = { [podReadyDelayAnnotation]: '3s' };
      await deployAll(['web']);
      await scene.group('shop', { replicas: 1, members: membersNamed(['web']) });
      const controller = await start();
      await isReadyAt('shop', 1);
      const template = { metadata: { annotations: { ...slow, version: '2' } } };
      await scene.api.mergePatch(resourceTypes.deployment, scene.namespace, 'web', { spec: { template } });
      await scene.scale('shop', 3);
      await vi.waitFor(async () => expect((await scene.deployment('web')).spec.replicas).toBe(3), waiting);
      await vi.waitFor(
        async () => expect(await memberOf('shop', 'web')).toMatchObject({ state: 'RollingOut' }),
        waiting,
      );
      const status = await isReadyAt('shop', 3);
      expect(status?.lastScaling?.outcome).toBe('Complete');
      expect(controller.events).toContainEqual(expect.objectContaining({ reason: 'MemberRollingOut' }));
    });
  });

  describe('with a quota that is used up', () => {
    const quotas = { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true };
    /** Enforced once it has counted what is there. */
    const setQuota = async (pods: number, present: number) => {
      await scene.api.create(quotas, scene.namespace, {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'pods' },
        spec: { hard: { pods: String(pods) } },
      });
      await vi.waitFor(async () => {
        const quota = await scene.api.get(quotas, scene.namespace, 'pods');
        expect(quota).toMatchObject({ status: { used: { pods: String(present) } } });
      }, waiting);
    };
    const statefulSet = (name: string) => {
      const object = deployment({ name, replicas: 1 }) as { spec: object };
      const spec = { ...object.spec, serviceName: name, podManagementPolicy: 'Parallel' };
      return scene.api.create(resourceTypes.statefulSet, scene.namespace, { ...object, kind: 'StatefulSet', spec });
    };

    it('keeps what could be had, and completes when there is room', async () => {
      await deployAll(['web', 'db']);
      await scene.group('shop', {
        replicas: 1,
        strategy: { partial: 'Keep', timeoutSeconds: 2 },
        members: membersNamed(['web', 'db']),
      });
      const controller = await start();
      await isReadyAt('shop', 1);
      await setQuota(4, 2);
      await scene.scale('shop', 3);
      await vi.waitFor(async () => expect((await statusOf('shop'))?.lastScaling?.outcome).toBe('Partial'), waiting);
      expect(await condition('shop', 'Ready')).toMatchObject({ status: 'False', reason: 'QuotaExceeded' });
      expect((await condition('shop', 'Ready'))?.message).toMatch(/quota/);
      expect((await scene.deployment('web')).spec.replicas).toBe(3);
      expect(controller.events).toContainEqual(expect.objectContaining({ reason: 'QuotaExceeded', type: 'Warning' }));
      expect(controller.events).toContainEqual(expect.objectContaining({ reason: 'ScalingPartial', type: 'Warning' }));
      await scene.api.delete(quotas, scene.namespace, 'pods');
      const status = await isReadyAt('shop', 3);
      expect(status?.lastScaling?.outcome).toBe('Complete');
    });

    it('takes all members back, StatefulSets too, and leaves no request behind', async () => {
      await deployAll(['web']);
      await statefulSet('db');
      const members = [...membersNamed(['web']), ...membersNamed(['db'], 'StatefulSet')];
      await scene.group('shop', { replicas: 1, strategy: { partial: 'Rollback', timeoutSeconds: 8 }, members });
      const controller = await start();
      await isReadyAt('shop', 1);
      await setQuota(3, 2);
      await scene.scale('shop', 3);
      await vi.waitFor(async () => expect((await statusOf('shop'))?.lastScaling?.outcome).toBe('RolledBack'), waiting);
      const status = await isReadyAt('shop', 1);
      expect(status?.lastScaling).toMatchObject({ from: 1, to: 3, outcome: 'RolledBack' });
      expect((await scene.deployment('web')).spec.replicas).toBe(1);
      const warned = controller.events.filter(({ reason }) => reason === 'QuotaExceeded').map(({ note }) => note);
      expect(warned.some((note) => note.startsWith('StatefulSet db'))).toBe(true);
      expect(controller.events.filter(({ reason }) => reason === 'ScalingRolledBack')).toHaveLength(1);
    });
  });
});
