/** Others write to the same objects all the time. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import '../../test/cluster.ts';
import { type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type GroupScene, groupName } from './group.fixture.ts';
import { type FaultScene, startFaultScene } from './scene.fixture.ts';

const writesPerSecond = 50;
const sizes = [4, 2, 6, 3, 5, 2];

describe.skipIf(!inject('sharedCluster').available)('conflict storms', () => {
  let scene: FaultScene;
  beforeAll(async () => {
    scene = await startFaultScene();
  });
  afterAll(() => scene?.stop());

  test('a member and the group are written 50 times a second: every scaling is carried out, each member once', async () => {
    const group = await scene.startGroup('storm', 7);
    // With it, what the operator knows of a version is older than the next foreign write.
    const operator = await scene.startOperator('a', { latencyMilliseconds: 20 });
    await operator.logged('leading');
    const storm = new AbortController();
    const storming = [
      startStorm(group, resourceTypes.deployment, 'm03', storm.signal),
      startStorm(group, resourceTypes.scalingGroup, groupName, storm.signal),
    ];
    const began = Date.now();
    const seconds: number[] = [];
    for (const size of sizes) {
      await group.scaleShop(size);
      const shop = await group.whole(size, 15);
      seconds.push(shop.status?.lastScaling?.seconds ?? Number.NaN);
    }
    // Requests faster than they can be carried out: the last one counts.
    for (const size of [7, 3, 8, 4]) {
      await group.scaleShop(size);
      await delay(30);
    }
    await group.whole(4, 15);
    const lastedSeconds = (Date.now() - began) / 1000;
    storm.abort();
    for (const count of await Promise.all(storming)) {
      expect(count / lastedSeconds, 'foreign writes a second').toBeGreaterThan(writesPerSecond * 0.6);
    }
    expect(Math.max(...seconds), 'seconds of a scaling').toBeLessThan(5);

    const writes = (await scene.writesIn(group.namespace)).filter(({ user }) => user === 'a');
    expect(writes.filter(({ code }) => code === 409).length, 'conflicts that were met').toBeGreaterThan(sizes.length);
    const accepted = writes.filter(({ subresource, code }) => subresource === 'scale' && code < 300);
    for (const name of group.members) {
      const written = accepted.filter((write) => write.name === name).map(({ body }) => body?.spec?.replicas);
      expect(written.slice(0, sizes.length), name).toEqual(sizes);
      // Of the four in a row each at most once, and no more after the last.
      expect(written.slice(sizes.length).length, name).toBeLessThanOrEqual(4);
      expect(written.at(-1), name).toBe(4);
    }
    // What the others wrote is there still.
    for (const { metadata } of (await group.deployments()).filter((one) => one.metadata.name === 'm03')) {
      expect(metadata.annotations).toHaveProperty('storm');
    }
    expect(await operator.metric('duoloop_reconciles_total', 'queue="scaling-group"', 'result="error"')).toBe(0);
    expect(operator.otherOutput).toEqual([]);
  });
});

/** Until aborted; resolves to how often it wrote. */
async function startStorm(
  { kubeconfigFile, namespace }: GroupScene,
  type: ResourceType,
  name: string,
  signal: AbortSignal,
): Promise<number> {
  const api = await connectKubernetes({ kubeconfigFiles: [kubeconfigFile], userAgent: 'storm' });
  const answers: Promise<unknown>[] = [];
  for (let count = 0; !signal.aborted; count++) {
    const patch = { metadata: { annotations: { storm: String(count) } } };
    answers.push(api.mergePatch(type, namespace, name, patch));
    await delay(1000 / writesPerSecond);
  }
  await Promise.all(answers);
  return answers.length;
}
