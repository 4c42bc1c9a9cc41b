/** The API server frozen, gone and back, etcd restarted and compacted, each in the middle of work. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import '../../test/cluster.ts';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { AuditedWrite } from './audit.fixture.ts';
import { compact } from './compaction.fixture.ts';
import { type GroupScene, insist, type MemberObject } from './group.fixture.ts';
import { type JsonExporter, startJsonExporter } from './json-exporter.fixture.ts';
import type { OperatorProcess } from './operator-process.fixture.ts';
import { loopbackSources } from './operator-scene.fixture.ts';
import { type FaultScene, startFaultScene } from './scene.fixture.ts';

const members = 12;
const outageSeconds = 30;
/** From the API server's being back to a request's being carried out: a cache waits up to 5 s between two attempts. */
const recoverySeconds = 15;
const floor = 3;

describe.skipIf(!inject('sharedCluster').available)('outages', () => {
  let scene: FaultScene;
  let exporter: JsonExporter;
  let group: GroupScene;
  let operator: OperatorProcess;
  const recoveries: number[] = [];
  beforeAll(async () => {
    [scene, exporter] = await Promise.all([startFaultScene(), startJsonExporter()]);
  });
  afterAll(async () => {
    console.info(`carried out after the API server was back: ${recoveries.map((one) => one.toFixed(1)).join(', ')} s`);
    await Promise.all([scene?.stop(), exporter?.close()]);
  });

  test('frozen for 30 s, then stopped for 30 s: what was begun is ended, what is asked right after is done, loops keep their state', async () => {
    const server = scene.plane.component('kube-apiserver');
    group = await scene.startGroup('outage', members);
    operator = await scene.startOperator('a', { latencyMilliseconds: 50, extraArguments: loopbackSources });
    await operator.logged('leading');
    await startLoop();
    await loneHas(floor + 1);
    exporter.set('lone', { load: 30 });
    const { reactionEpochs } = await loopSays('No Event');
    expect(reactionEpochs.load).not.toEqual([]);

    await group.scaleShop(5);
    await group.begun(5);
    server.pause();
    await delay(outageSeconds * 1000);
    server.resume();
    await carriedOut(3);

    await group.scaleShop(6);
    await group.begun(6);
    await server.kill();
    await delay(outageSeconds * 1000);
    await server.start();
    await carriedOut(4);

    expect((await loopSays('No Event')).reactionEpochs).toEqual(reactionEpochs);
    // Its limit is one pod in five minutes: a loop that had forgotten its reaction would add another.
    exporter.set('lone', { load: 99 });
    expect((await loopSays('High load')).lastDecision?.clampedBy).not.toEqual([]);
    exporter.set('lone', { load: 1 });
    await loneHas(floor);

    const writes = await scene.writesIn(group.namespace);
    for (const size of [5, 3, 6, 4]) expectAtMostOnce(writes, size);
    for (const size of [3, 4]) expect(written(writes, size), `members written to ${size}`).toEqual(group.members);
    expect(sizesOf(writes, 'lone'), 'what the loop wrote').toEqual([floor + 1, floor]);
    expectUnharmed();
  }, 180_000);

  test('etcd restarted, and compacted while the API server is away: watches that cannot be resumed list anew', async () => {
    const etcd = scene.plane.component('etcd');
    const server = scene.plane.component('kube-apiserver');
    group = await scene.startGroup('etcd', members);
    operator = await scene.startOperator('a', { latencyMilliseconds: 50 });
    await operator.logged('leading');

    await group.scaleShop(5);
    await group.begun(5);
    await etcd.kill();
    await delay(3_000);
    await etcd.start();
    await carriedOut(3);

    await group.scaleShop(6);
    await group.begun(6);
    const lists = await operator.metric('duoloop_cache_lists_total', 'kind="ScalingGroup"');
    await server.kill();
    await compact(scene.plane);
    await server.start();
    await carriedOut(4);
    // Of every kind: what it had followed was compacted away.
    expect(await operator.metric('duoloop_cache_lists_total', 'kind="ScalingGroup"')).toBeGreaterThan(lists);
    expect(await operator.metric('duoloop_cache_lists_total', 'kind="Deployment"')).toBeGreaterThan(lists);

    const writes = await scene.writesIn(group.namespace);
    for (const size of [5, 3, 6, 4]) expectAtMostOnce(writes, size);
    for (const size of [3, 4]) expect(written(writes, size), `members written to ${size}`).toEqual(group.members);
    expectUnharmed();
  }, 120_000);

  /** Asks as soon as the API server takes the request. */
  async function carriedOut(size: number): Promise<void> {
    await insist(() => group.scaleShop(size));
    const askedAt = Date.now();
    await group.sized(size, recoverySeconds);
    recoveries.push((Date.now() - askedAt) / 1000);
    // Kubernetes' own controllers wait up to a minute between attempts; started anew they see to the pods at once.
    const others = ['kube-controller-manager', 'kube-scheduler'] as const;
    await Promise.all(others.map((name) => scene.plane.component(name).kill()));
    await Promise.all(others.map((name) => scene.plane.component(name).start()));
    await group.whole(size, 60);
  }

  async function startLoop(): Promise<void> {
    exporter.set('lone', { load: 99 });
    await group.deploy({ name: 'lone', replicas: floor });
    const step = (by: number) => ({ reaction: { horizontal: { by } } });
    await group.api.create(resourceTypes.closedLoop, group.namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'ClosedLoop',
      metadata: { name: 'lone' },
      spec: {
        targetRef: { name: 'lone' },
        intervalSeconds: 1,
        whileRollingOut: 'React',
        metrics: [
          {
            name: 'load',
            rank: 1,
            source: { http: { url: exporter.url('lone') } },
            thresholds: [
              { kind: 'superior', value: 50, ...step(1) },
              { kind: 'inferior', value: 10, ...step(-1) },
            ],
          },
        ],
        behavior: {
          minReplicas: floor,
          maxReplicas: 10,
          scaleUp: { rateLimit: { pods: 1, periodSeconds: 300 } },
          scaleDown: { stabilizationWindowSeconds: 0 },
        },
      },
    });
  }

  const loneHas = (replicas: number) =>
    vi.waitFor(
      async () => {
        const lone = await group.api.get<MemberObject>(resourceTypes.deployment, group.namespace, 'lone');
        expect(lone.spec.replicas).toBe(replicas);
      },
      { timeout: recoverySeconds * 1000, interval: 100 },
    );

  /** The loop's status once its last decision is this one. */
  const loopSays = (message: string) =>
    vi.waitFor(
      async () => {
        const { status } = await group.api.get<ClosedLoop>(resourceTypes.closedLoop, group.namespace, 'lone');
        if (status?.lastDecision?.message !== message) throw new Error(`it says ${status?.lastDecision?.message}`);
        return status;
      },
      { timeout: recoverySeconds * 1000, interval: 100 },
    );

  function sizesOf(writes: readonly AuditedWrite[], name: string) {
    return sizeWrites(writes)
      .filter((write) => write.name === name)
      .map(({ body }) => body?.spec?.replicas);
  }

  function written(writes: readonly AuditedWrite[], replicas: number): string[] {
    return sizeWrites(writes)
      .filter(({ name, body }) => group.members.includes(name) && body?.spec?.replicas === replicas)
      .map(({ name }) => name)
      .sort();
  }

  /** A request that another one follows need not reach every member. */
  function expectAtMostOnce(writes: readonly AuditedWrite[], replicas: number): void {
    const names = written(writes, replicas);
    expect(names, `members written to ${replicas}`).toEqual([...new Set(names)]);
    // Members of a size that nobody asked for.
    const sizes = new Set(sizeWrites(writes).map(({ body }) => body?.spec?.replicas));
    expect([...sizes].every((size) => [3, 4, 5, 6].includes(size ?? 0))).toBe(true);
  }

  function expectUnharmed(): void {
    expect(operator.end, 'how the operator ended').toBeUndefined();
    expect(operator.otherOutput, 'what it wrote beside its log').toEqual([]);
  }
});

/** Writes of replicas by the operator that the API server accepted, whether or not it could answer. */
function sizeWrites(writes: readonly AuditedWrite[]): AuditedWrite[] {
  return writes.filter(
    ({ user, resource, subresource, code }) =>
      user === 'a' && resource === 'deployments' && subresource === 'scale' && code >= 200 && code < 300,
  );
}
