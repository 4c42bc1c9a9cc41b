/** A promotion from its gate to its end, on an API server in memory. */
import { describe, expect, it } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { type ConfigMap, checkpointOfConfigMap, writeCheckpointConfigMap } from '../export/config-map.ts';
import { type PromotionOptions, promote } from './promote.ts';
import { criteria, type PromotionScene, promotionScene } from './scene.fixture.ts';
import { shaOf, tinyCheckpoint } from './tiny-checkpoint.fixture.ts';

const namespace = 'shop';
const name = 'policy';
const incumbent = tinyCheckpoint(1);
const candidates = [tinyCheckpoint(2), tinyCheckpoint(3), tinyCheckpoint(4)];

async function toCanary(on: PromotionScene, more: Partial<PromotionOptions> = {}) {
  const result = await promote(on.options({ candidate: candidates[0], ...more }));
  expect(result.outcome).toBe('Waiting');
}

async function toWatch(on: PromotionScene) {
  await toCanary(on);
  on.time.second += criteria.canarySeconds;
  await on.report();
  expect((await promote(on.options({ candidate: candidates[0] }))).outcome).toBe('Waiting');
}

describe('a promotion', () => {
  it('goes by gate, canary and watch, and leaves the incumbent as the previous policy', async () => {
    const on = await promotionScene(incumbent, { pin: true });
    await toCanary(on);
    expect((await on.loop()).spec.policy.canary).toEqual({
      configMap: { name: 'policy-canary' },
      sha256: shaOf(candidates[0]),
    });
    expect((await on.inForce()).sha256).toBe(shaOf(incumbent));
    // Neither time nor decisions alone are enough.
    await on.report({ decisions: 3 });
    on.time.second += criteria.canarySeconds;
    expect((await promote(on.options())).outcome).toBe('Waiting');
    expect((await on.inForce()).record?.stage).toBe('Canary');
    await on.report();
    expect((await promote(on.options())).outcome).toBe('Waiting');
    expect(await on.inForce()).toMatchObject({
      sha256: shaOf(candidates[0]),
      record: { stage: 'Watch', incumbent: shaOf(incumbent), band: { measure: 'mean', mean: -1, decisions: 50 } },
    });
    const { policy } = (await on.loop()).spec;
    expect(policy).toEqual({ checkpoint: { configMap: { name }, sha256: shaOf(candidates[0]) } });
    await on.report({ mean: -1.05 });
    on.time.second += criteria.watchSeconds;
    expect(await promote(on.options())).toMatchObject({ outcome: 'Accepted', inForce: shaOf(candidates[0]) });
    const previous = await on.api.get<ConfigMap>(resourceTypes.configMap, namespace, 'policy-previous');
    expect(shaOf(await checkpointOfConfigMap(previous))).toBe(shaOf(incumbent));
    const { items } = await on.api.list<{ reason: string }>(resourceTypes.event, { namespace });
    expect(items.map(({ reason }) => reason)).toEqual(['PromotionBegan', 'PolicyPromoted', 'PromotionAccepted']);
  });

  it('is rolled back when the reward falls below the incumbent’s band, and is not tried again unasked', async () => {
    const on = await promotionScene(incumbent, { pin: true });
    await toWatch(on);
    await on.report({ mean: -1.2 });
    expect((await promote(on.options())).outcome).toBe('Waiting');
    await on.report({ mean: -1.4 });
    const again = on.options({ candidate: candidates[0] });
    expect(await promote(again)).toMatchObject({ outcome: 'RolledBack', inForce: shaOf(incumbent) });
    expect((await on.loop()).spec.policy.checkpoint?.sha256).toBe(shaOf(incumbent));
    expect(await promote(again)).toMatchObject({ outcome: 'RolledBack', inForce: shaOf(incumbent) });
    expect(await promote({ ...again, again: true })).toMatchObject({ outcome: 'Waiting' });
  });

  it.each([
    ['has nothing sound to say', { abstentions: 6 }, 'abstentions'],
    ['is not asked', { decisions: 0 }, 'see whether it runs'],
  ])('ends with a canary that %s', async (_, report, reason) => {
    const on = await promotionScene(incumbent);
    await toCanary(on);
    await on.report(report);
    on.time.second += 3 * criteria.canarySeconds;
    const result = await promote(on.options({ candidate: candidates[0] }));
    expect(result).toMatchObject({ outcome: 'Rejected', reason: expect.stringContaining(reason) });
    expect((await on.loop()).spec.policy.canary).toBeUndefined();
    expect((await on.inForce()).sha256).toBe(shaOf(incumbent));
  });

  it('is rolled back when the agent says nothing of the new policy', async () => {
    const on = await promotionScene(incumbent);
    await toWatch(on);
    on.time.second += criteria.watchSeconds;
    expect((await promote(on.options())).outcome).toBe('RolledBack');
    expect((await on.inForce()).sha256).toBe(shaOf(incumbent));
  });

  it('ends at the gate, with the reason on record', async () => {
    const on = await promotionScene(incumbent);
    const holdGate = async () => ({ passed: false, reason: 'it does not beat hpa-tuned', rivals: [] });
    const result = await promote(on.options({ candidate: candidates[0], holdGate }));
    expect(result).toMatchObject({ outcome: 'Rejected', reason: 'it does not beat hpa-tuned' });
    expect((await on.inForce()).record).toMatchObject({ stage: 'Rejected', candidate: shaOf(candidates[0]) });
  });

  it.each([
    ['a canary', toCanary],
    ['watched', toWatch],
  ])('is undone while it is %s, and then there is nothing to undo', async (_, reach) => {
    const on = await promotionScene(incumbent, { pin: true });
    await reach(on);
    expect(await promote(on.options({ abort: true }))).toMatchObject({ outcome: 'Aborted', inForce: shaOf(incumbent) });
    expect((await on.loop()).spec.policy).toEqual({ checkpoint: { configMap: { name }, sha256: shaOf(incumbent) } });
    expect(await promote(on.options({ abort: true }))).toMatchObject({
      outcome: 'Idle',
      reason: expect.stringContaining('aborted'),
    });
  });

  it('leaves alone what somebody else puts in force', async () => {
    const on = await promotionScene(incumbent, { pin: true });
    await toWatch(on);
    await writeCheckpointConfigMap(on.api, candidates[2], { namespace, name, fieldManager: 'somebody' });
    expect(await promote(on.options())).toMatchObject({ outcome: 'Superseded', inForce: shaOf(candidates[2]) });
    // The pin refuses it still.
    expect((await on.loop()).spec.policy.checkpoint?.sha256).toBe(shaOf(candidates[0]));
  });

  it('refuses a second candidate, a canary of somebody else’s, and a first policy that would act at once', async () => {
    const on = await promotionScene(incumbent);
    await toCanary(on);
    const other = promote(on.options({ candidate: candidates[1] }));
    await expect(other).rejects.toMatchObject({ code: 'PROMOTION_BUSY' });

    const theirs = await promotionScene(incumbent);
    const patch = { spec: { policy: { canary: { file: '/checkpoints/new' } } } };
    await theirs.api.mergePatch(resourceTypes.deliberativeLoop, namespace, 'tuner', patch);
    const refused = promote(theirs.options({ candidate: candidates[0] }));
    await expect(refused).rejects.toMatchObject({ code: 'PROMOTION_CANARY' });

    const fresh = await promotionScene(undefined);
    const first = promote(fresh.options({ candidate: candidates[0] }));
    await expect(first).rejects.toMatchObject({ code: 'PROMOTION_FIRST' });
    const shown = await promotionScene(undefined, { mode: 'Recommend' });
    expect(await promote(shown.options({ candidate: candidates[0] }))).toMatchObject({ outcome: 'Accepted' });
    expect((await shown.inForce()).sha256).toBe(shaOf(candidates[0]));
  });
});
