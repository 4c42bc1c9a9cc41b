/** The reactive loop against a real API server, with Deployments whose pods kwok runs. */
import { afterAll, expect, it } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { describeCluster } from '../../test/cluster.ts';
import {
  conditionIn,
  type Scene,
  type StartedController,
  scene,
  startController,
  storm,
  ticks,
} from './cluster.fixture.ts';
import { pushedCpuAndMemory } from './doubles.fixture.ts';

const seconds = (timeout: number) => ({ timeout: timeout * 1000, interval: 100 });
const lastDecision = async ({ closedLoop }: Scene, name: string) => (await closedLoop(name)).status?.lastDecision;

async function memoryRequests({ api, namespace }: Scene, labelSelector: string): Promise<string[]> {
  const { items } = await api.list<{ spec: { containers: { resources: { requests: { memory: string } } }[] } }>(
    resourceTypes.pod,
    { namespace, labelSelector },
  );
  return items.map(({ spec }) => spec.containers[0].resources.requests.memory).sort();
}

describeCluster('the reactive loop', (cluster) => {
  const started: StartedController[] = [];
  const begin = async (prefix: string, replicas: number) => {
    const on = await scene(cluster, prefix);
    await on.deploy({ name: 'web', replicas });
    await expect.poll(async () => (await on.deployment('web')).status?.readyReplicas, seconds(20)).toBe(replicas);
    const operator = await startController(on, cluster);
    started.push(operator);
    return { on, operator, replicas: async () => (await on.deployment('web')).spec.replicas };
  };
  afterAll(async () => {
    await Promise.all(started.map((operator) => operator.stop()));
  });

  it('plays the classical case, and is quiet in between and after a restart', async () => {
    const { on, operator, replicas } = await begin('classical', 8);
    operator.push({ cpu: 2, memory: 40 });
    await on.createLoop('web', pushedCpuAndMemory);
    await expect.poll(replicas, seconds(5)).toBe(7);
    await expect
      .poll(() => lastDecision(on, 'web'), seconds(5))
      .toMatchObject({
        message: 'Low cpu,Low memory',
        winner: 'cpu',
        losers: ['memory'],
        action: 'React to cpu',
        from: 8,
        to: 7,
      });
    await expect.poll(async () => (await on.deployment('web')).status?.readyReplicas, seconds(10)).toBe(7);
    operator.push({ cpu: 5, memory: 28 });
    await expect.poll(() => lastDecision(on, 'web'), seconds(5)).toMatchObject({ action: 'React to memory', to: 6 });
    await ticks(1);
    const quiet = await on.closedLoop('web');
    await ticks(3);
    expect((await on.closedLoop('web')).metadata.resourceVersion).toBe(quiet.metadata.resourceVersion);
    expect(await replicas()).toBe(6);

    await operator.stop();
    const next = await startController(on, cluster);
    started.push(next);
    next.push({ cpu: 5, memory: 28 }, Date.parse(quiet.status?.lastDecision?.time ?? '') / 1000);
    await ticks(2);
    expect((await on.closedLoop('web')).metadata.resourceVersion).toBe(quiet.metadata.resourceVersion);
    expect(await replicas()).toBe(6);
    expect(next.controller.table.get(`${on.namespace}/web`)?.state).toMatchObject({
      ranks: { cpu: 1, memory: 2 },
      recentReactions: ['cpu', 'memory'],
    });
    next.push({ cpu: 2, memory: 60 });
    await expect.poll(replicas, seconds(5)).toBe(5);
  });

  it('never scales what an HPA owns, and goes on when the HPA is gone', async () => {
    const { on, operator, replicas } = await begin('owned', 3);
    await on.api.create(resourceTypes.horizontalPodAutoscaler, on.namespace, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web-hpa' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 3,
        maxReplicas: 3,
      },
    });
    operator.push({ cpu: 2, memory: 40 });
    await on.createLoop('web', pushedCpuAndMemory);
    await expect
      .poll(async () => conditionIn((await on.closedLoop('web')).status, 'Ready'), seconds(5))
      .toMatchObject({ status: 'False', reason: 'OwnedByAnother', message: expect.stringContaining('web-hpa') });
    await ticks(2);
    expect(await replicas()).toBe(3);
    expect(operator.events.map(({ reason }) => reason)).toEqual(['OwnedByAnother']);
    await on.api.delete(resourceTypes.horizontalPodAutoscaler, on.namespace, 'web-hpa');
    await expect.poll(replicas, seconds(5)).toBe(2);
  });

  it('does nothing for a loop that is deleted while it is measured', async () => {
    const { on, operator, replicas } = await begin('deleted', 3);
    operator.push({ cpu: 2, memory: 40 });
    let wasMeasured = false;
    operator.metrics.hooks.beforeAnswer = async () => {
      if (wasMeasured) return;
      wasMeasured = true;
      await on.api.delete(resourceTypes.closedLoop, on.namespace, 'web');
      await expect.poll(() => operator.controller.table.list(), seconds(5)).toEqual([]);
    };
    await on.createLoop('web', pushedCpuAndMemory);
    await expect.poll(() => wasMeasured, seconds(5)).toBe(true);
    await ticks(2);
    expect(await replicas()).toBe(3);
    expect(operator.events).toEqual([]);
  });

  it('says so while its target is gone, and goes on with the one that is made anew', async () => {
    const { on, operator, replicas } = await begin('anew', 3);
    await on.createLoop('web', pushedCpuAndMemory);
    operator.push({ cpu: 20, memory: 60 });
    const ready = async () => conditionIn((await on.closedLoop('web')).status, 'Ready');
    await expect.poll(ready, seconds(5)).toMatchObject({ status: 'True' });
    await on.api.delete(resourceTypes.deployment, on.namespace, 'web', { propagationPolicy: 'Foreground' });
    await expect.poll(ready, seconds(10)).toMatchObject({ status: 'False', reason: 'TargetMissing' });
    await on.deploy({ name: 'web', replicas: 5 });
    await expect.poll(ready, seconds(5)).toMatchObject({ status: 'True' });
    await expect.poll(async () => (await on.deployment('web')).status?.readyReplicas, seconds(10)).toBe(5);
    operator.push({ cpu: 2, memory: 60 });
    await expect.poll(replicas, seconds(5)).toBe(4);
    expect(operator.events.filter(({ type }) => type === 'Warning').map(({ reason }) => reason)).toEqual([
      'TargetMissing',
    ]);
  });

  it('does each reaction once in a storm of writes to its target', async () => {
    const { on, operator, replicas } = await begin('storm', 9);
    // A storm keeps the newest generation unobserved by the Deployment's controller, which is no roll-out here.
    await on.createLoop('web', { ...pushedCpuAndMemory, whileRollingOut: 'React' });
    const calm = new AbortController();
    const writers = [1, 2].map(() => storm(on.api, on.namespace, 'web', calm.signal));
    for (const size of [8, 7, 6]) {
      operator.push({ cpu: 2, memory: 60 });
      await expect.poll(replicas, seconds(10)).toBe(size);
    }
    await ticks(2);
    calm.abort();
    const writes = (await Promise.all(writers)).reduce((sum, each) => sum + each, 0);
    expect(writes).toBeGreaterThan(100);
    expect(await replicas()).toBe(6);
    const { status } = await on.closedLoop('web');
    expect(status?.reactionEpochs.cpu).toHaveLength(3);
    expect(operator.events.filter(({ reason }) => reason === 'Scaled').map(({ note }) => note.split(',')[0])).toEqual(
      [8, 7, 6].map((size) => `Deployment/web: ${size + 1} → ${size}`),
    );
  });

  it('resizes the pods in place, and those made later too', async () => {
    const { on, operator } = await begin('vertical', 2);
    const resize = (by: number) => ({ vertical: { resource: 'memory', by, min: 1, max: 1.5 } });
    await on.createLoop('web', {
      metrics: [
        {
          name: 'memory',
          rank: 1,
          source: { push: {} },
          thresholds: [
            { kind: 'superior', value: 80, reaction: resize(0.5) },
            { kind: 'inferior', value: 20, reaction: resize(-0.5) },
          ],
        },
      ],
      behavior: { maxReplicas: 10, scaleDown: { stabilizationWindowSeconds: 0 } },
    });
    const requests = () => memoryRequests(on, 'app=web');
    operator.push({ memory: 90 });
    await expect.poll(requests, seconds(10)).toEqual(['96Mi', '96Mi']);
    await expect
      .poll(() => lastDecision(on, 'web'), seconds(5))
      .toMatchObject({
        action: 'React to memory',
        vertical: { resource: 'memory', to: 1.5 },
      });
    await on.api.mergePatch(
      resourceTypes.deployment,
      on.namespace,
      'web',
      { spec: { replicas: 3 } },
      { subresource: 'scale' },
    );
    await expect.poll(async () => (await on.deployment('web')).status?.readyReplicas, seconds(10)).toBe(3);
    operator.push({ memory: 90 });
    await expect.poll(requests, seconds(10)).toEqual(['96Mi', '96Mi', '96Mi']);
    operator.push({ memory: 10 });
    await expect.poll(requests, seconds(10)).toEqual(['64Mi', '64Mi', '64Mi']);
    expect(conditionIn((await on.closedLoop('web')).status, 'VerticalScaling')).toMatchObject({ status: 'True' });
  });

  it('resizes the pods of all members when its target is a group', async () => {
    const { on, operator } = await begin('vertical-group', 1);
    await on.deploy({ name: 'db', replicas: 2 });
    await expect.poll(async () => (await on.deployment('db')).status?.readyReplicas, seconds(20)).toBe(2);
    const members = [{ targetRef: { name: 'web' } }, { targetRef: { name: 'db' }, ratio: 2 }];
    await on.api.create(resourceTypes.scalingGroup, on.namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'ScalingGroup',
      metadata: { name: 'shop' },
      spec: { replicas: 1, members },
    });
    const seen = (name: string, size: number) => {
      const sizes = { desired: size, replicas: size, ready: size };
      return { apiVersion: 'apps/v1', kind: 'Deployment', name, ...sizes, state: 'Ready' };
    };
    // What the group's own controller, which does not run here, would say of it.
    await on.api.mergePatch(
      resourceTypes.scalingGroup,
      on.namespace,
      'shop',
      { status: { observedGeneration: 1, replicas: 1, selector: 'app=web', members: [seen('web', 1), seen('db', 2)] } },
      { subresource: 'status' },
    );
    const grow = { vertical: { resource: 'memory', by: 0.5, min: 1, max: 1.5 } };
    await on.createLoop('shop', {
      targetRef: { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', name: 'shop' },
      metrics: [
        {
          name: 'memory',
          rank: 1,
          source: { push: {} },
          thresholds: [{ kind: 'superior', value: 80, reaction: grow }],
        },
      ],
      behavior: { maxReplicas: 10 },
    });
    operator.push({ memory: 90 });
    await expect.poll(() => memoryRequests(on, 'app in (web,db)'), seconds(10)).toEqual(['96Mi', '96Mi', '96Mi']);
  });
});
