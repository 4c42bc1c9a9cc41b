/** Objects that go, come back and change hands under the operator as a process. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { describeCluster } from '../../test/cluster.ts';
import { type JsonExporter, startJsonExporter } from './json-exporter.fixture.ts';
import type { OperatorProcess } from './operator-process.fixture.ts';
import {
  loopbackSources,
  type OperatorScene,
  operatorScene,
  stoppedAfterwards,
  within,
} from './operator-scene.fixture.ts';

describeCluster('objects that change under the operator', (cluster) => {
  let on: OperatorScene;
  let exporter: JsonExporter;
  const operators: OperatorProcess[] = [];
  stoppedAfterwards(operators);
  beforeAll(async () => {
    exporter = await startJsonExporter();
    // No leader is to be lost here, however busy the machine.
    on = await operatorScene(cluster, 'objects', { extraArguments: loopbackSources, leaseDurationSeconds: 15 });
    operators.push(on.operator);
  });
  afterAll(() => exporter?.close());

  /** One more for more than 80 % CPU, one fewer for less than 20. */
  const loopOn = (name: string, changes: Record<string, unknown> = {}) => ({
    targetRef: { name },
    metrics: [
      {
        name: 'cpu',
        rank: 1,
        source: { http: { url: exporter.url(name) } },
        thresholds: [
          { kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } },
          { kind: 'inferior', value: 20, reaction: { horizontal: { by: -1 } } },
        ],
      },
    ],
    behavior: { maxReplicas: 20, scaleDown: { stabilizationWindowSeconds: 0 } },
    ...changes,
  });
  const remove = (name: string) =>
    on.api.delete(resourceTypes.deployment, on.namespace, name, { propagationPolicy: 'Foreground' });
  const isGone = (name: string) =>
    expect.poll(() => on.deployment(name).catch(({ status }) => status), within(15)).toBe(404);

  it('a ClosedLoop deleted while it is measured: nothing is written afterwards', async () => {
    const { operator, namespace } = on;
    exporter.set('deleted', { cpu: 99 });
    await on.deploy({ name: 'deleted', replicas: 2 });
    await expect.poll(async () => (await on.deployment('deleted')).status?.readyReplicas, within(15)).toBe(2);
    const asked = exporter.hold('deleted');
    await on.createLoop('deleted', loopOn('deleted', { intervalSeconds: 5 }));
    await asked;
    const { metadata } = await on.deployment('deleted');
    await on.api.delete(resourceTypes.closedLoop, namespace, 'deleted');
    await expect.poll(() => operator.metric('duoloop_closed_loops', 'running'), within(3)).toBe(0);
    const answered = await operator.metric('duoloop_source_requests_total', 'source="http"', 'result="ok"');
    exporter.release('deleted');
    const answers = () => operator.metric('duoloop_source_requests_total', 'source="http"', 'result="ok"');
    await expect.poll(answers, within(3)).toBe(answered + 1);
    await delay(1000);
    expect((await on.deployment('deleted')).metadata.resourceVersion).toBe(metadata.resourceVersion);
    expect(await on.events('deleted', 'Scaled')).toEqual([]);
    expect(await operator.metric('duoloop_reactions_total')).toBe(0);
    expect(await operator.metric('duoloop_scaling_failures_total')).toBe(0);
    expect(operator.logs.filter(({ level }) => level === 'error')).toEqual([]);
    expect(operator.end).toBeUndefined();
  });

  it('a member of a group deleted and made anew is brought to its size', async () => {
    const { api, namespace } = on;
    await Promise.all(['front', 'back'].map((name) => on.deploy({ name, replicas: 3 })));
    const members = ['front', 'back'].map((name) => ({ targetRef: { name } }));
    await api.create(resourceTypes.scalingGroup, namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'ScalingGroup',
      metadata: { name: 'shop' },
      spec: { replicas: 3, members },
    });
    const ready = async () => {
      const { status } = await api.get<ScalingGroup>(resourceTypes.scalingGroup, namespace, 'shop');
      return status?.conditions.find(({ type }) => type === 'Ready');
    };
    await expect.poll(ready, within(15)).toMatchObject({ status: 'True' });
    await remove('back');
    await expect.poll(ready, within(15)).toMatchObject({ status: 'False', reason: 'Missing' });
    await isGone('back');
    expect(await on.replicas('front')).toBe(3);
    await on.deploy({ name: 'back', replicas: 1 });
    await expect.poll(() => on.replicas('back'), within(15)).toBe(3);
    await expect.poll(ready, within(15)).toMatchObject({ status: 'True' });
    expect(await on.replicas('front')).toBe(3);
  });

  it('the target of a loop deleted and made anew has no history of sizes', async () => {
    const { namespace } = on;
    exporter.set('anew', { cpu: 50 });
    await on.deploy({ name: 'anew', replicas: 2 });
    const rateLimit = { pods: 1, periodSeconds: 3600 };
    await on.createLoop('anew', loopOn('anew', { behavior: { maxReplicas: 20, scaleUp: { rateLimit } } }));
    const limited = () => on.condition('anew', 'ScalingLimited');
    exporter.set('anew', { cpu: 99 });
    await expect.poll(() => on.replicas('anew'), within(15)).toBe(3);
    // The hour's one replica is used up.
    await expect.poll(limited, within(5)).toMatchObject({ status: 'True', reason: 'ScaleUpRate' });
    await on.passTicks(3);
    expect(await on.replicas('anew')).toBe(3);

    await remove('anew');
    const isReady = () => on.condition('anew', 'Ready');
    await expect.poll(isReady, within(15)).toMatchObject({ status: 'False', reason: 'TargetMissing' });
    await isGone('anew');
    await on.deploy({ name: 'anew', replicas: 5 });
    await expect.poll(() => on.replicas('anew'), within(10)).toBe(6);
    await on.passTicks(3);
    expect(await on.replicas('anew')).toBe(6);
    expect(await isReady()).toMatchObject({ status: 'True' });
    expect((await on.closedLoop('anew')).metadata.namespace).toBe(namespace);
  });

  it('a target taken over by an HPA is left alone until the HPA goes', async () => {
    const { api, namespace, operator } = on;
    exporter.set('taken', { cpu: 50 });
    await on.deploy({ name: 'taken', replicas: 2 });
    await on.createLoop('taken', loopOn('taken'));
    const ready = () => on.condition('taken', 'Ready');
    await expect.poll(ready, within(15)).toMatchObject({ status: 'True' });
    // Of a metric that nobody measures: it scales nothing itself.
    await api.create(resourceTypes.horizontalPodAutoscaler, namespace, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'rival' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'taken' },
        minReplicas: 1,
        maxReplicas: 9,
      },
    });
    const refused = { status: 'False', reason: 'OwnedByAnother', message: expect.stringContaining('rival') };
    await expect.poll(ready, within(10)).toMatchObject(refused);
    const refusals = () => operator.metric('duoloop_refusals_total', 'reason="OwnedByAnother"');
    const [before, { resourceVersion }] = [await refusals(), await on.stored('taken')];
    exporter.set('taken', { cpu: 99 });
    await on.passTicks(4);
    expect(await on.replicas('taken')).toBe(2);
    expect((await on.stored('taken')).resourceVersion).toBe(resourceVersion);
    expect(await refusals()).toBeGreaterThanOrEqual(before + 3);
    expect(await on.condition('taken', 'ScalingActive')).toMatchObject({ status: 'False', reason: 'OwnedByAnother' });
    await expect
      .poll(() => on.events('taken', 'OwnedByAnother'), within(5))
      .toEqual([{ type: 'Warning', note: expect.stringContaining('rival') }]);

    await api.delete(resourceTypes.horizontalPodAutoscaler, namespace, 'rival');
    await expect.poll(() => on.replicas('taken'), within(10)).toBeGreaterThan(2);
    exporter.set('taken', { cpu: 50 });
    await expect.poll(ready, within(5)).toMatchObject({ status: 'True' });
  });
});
