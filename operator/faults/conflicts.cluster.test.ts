/** Others write to the same objects all the time. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import '../../test/cluster.ts';
import { type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type GroupScene, groupName } from './group.fixture.ts';
import { type FaultScene, startFaultScene } from './scene.fixture.ts';

const writesPerSecond = 50;
/** A slow machine takes fewer; the conflicts that are met tell whether it was a storm. */
const mostUnanswered = 8;
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
    onTestFinished(() => storm.abort());
    const storming = [
      startStorm(group, resourceTypes.deployment, 'm03', storm.signal),
      startStorm(group, resourceTypes.scalingGroup, groupName, storm.signal),
    ];
    for (const size of sizes) {
      await group.scaleShop(size);
      // Not until they are ready: Kubernetes' own controller does not get its status of the Deployment written meanwhile.
      await group.sized(size);
    }
    // Requests faster than they can be carried out: the last one counts.
    for (const size of [7, 3, 8, 4]) {
      await group.scaleShop(size);
      await delay(30);
    }
    await group.sized(4);
    storm.abort();
    await Promise.all(storming);
    await group.whole(4);

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
  }, 120_000);
});

/** Until aborted. */
async function startStorm(
  { kubeconfigFile, namespace }: GroupScene,
  type: ResourceType,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const api = await connectKubernetes({ kubeconfigFiles: [kubeconfigFile], userAgent: 'storm' });
  const answers: Promise<unknown>[] = [];
  for (let count = 0; !signal.aborted; count++) {
    const patch = { metadata: { annotations: { storm: String(count) } } };
    answers.push(api.mergePatch(type, namespace, name, patch).catch(() => {}));
    await delay(1000 / writesPerSecond);
    // What is asked faster than it is answered would go on after the end.
    if (count >= mostUnanswered) await answers[count - mostUnanswered];
  }
  await Promise.all(answers);
}
