/** The operator's half of the deliberative loop on a real API server; the test is the agent. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import { describeCluster } from '../../test/cluster.ts';
import { scene } from '../closed-loop/cluster.fixture.ts';
import { pushedCpuAndMemory } from '../closed-loop/doubles.fixture.ts';
import { moreRequests, type OperatorOptions, startOperator, type TestOperator } from '../stages/cluster.fixture.ts';
import { randomGroupProposal } from './operator-policies.ts';

const seconds = (timeout: number) => ({ timeout: timeout * 1000, interval: 25 });
const loopSpec = { ...pushedCpuAndMemory, intervalSeconds: 15, whileRollingOut: 'React' };
/** Within all thresholds. */
const calm = { cpu: 20, memory: 80 };
const checkpoint = { checkpoint: { file: '/checkpoints/web' } };

describeCluster('the deliberative loop in the operator', (cluster) => {
  const operators: TestOperator[] = [];
  afterAll(async () => {
    await Promise.all(operators.map((operator) => operator.stop()));
  });

  async function begin(tuner?: Record<string, unknown>, options: OperatorOptions = {}) {
    const on = await scene(cluster, 'deliberative');
    const more = moreRequests(on);
    await on.deploy({ name: 'web', replicas: 10 });
    await on.createLoop('web', loopSpec);
    if (tuner !== undefined) {
      await more.createDeliberativeLoop('tuner', { closedLoops: { names: ['web'] }, policy: checkpoint, ...tuner });
    }
    const startAgain = async (again: OperatorOptions) => {
      const operator = await startOperator(on, cluster, again);
      operators.push(operator);
      await expect.poll(() => operator.table.list().length, seconds(10)).toBe(1);
      return operator;
    };
    const operator = await startAgain(options);
    const loop = () => operator.table.list()[0];
    let decisions = 0;
    operator.table.onDecision(() => void decisions++);
    const status = async (name = 'tuner') => (await more.deliberativeLoop(name)).status;
    return {
      on,
      more,
      operator,
      startAgain,
      loop,
      status,
      replicas: async () => (await on.deployment('web')).spec.replicas,
      condition: async (type: string, name = 'tuner') =>
        (await status(name))?.conditions?.find((condition) => condition.type === type),
      /** A tick that is over: the loop has decided. */
      async decided(tick: () => void) {
        const before = decisions;
        tick();
        await expect.poll(() => decisions, seconds(10)).toBe(before + 1);
      },
      setMode: (mode: string) =>
        on.api.mergePatch(resourceTypes.deliberativeLoop, on.namespace, 'tuner', { spec: { mode } }),
      ownWrites: (of: TestOperator = operator) => of.writes.filter(({ kind }) => kind === 'DeliberativeLoop').length,
    };
  }

  it('applies what the agent proposes, within guardrails, beside the agent’s own part of the status', async () => {
    const { more, operator, loop, status, replicas, condition, on } = await begin({ mode: 'Bounded' });
    await expect.poll(() => loop().guardrails, seconds(10)).toMatchObject({ maxStep: 4, boundedByStep: true });
    const time = toTimestamp(operator.now());
    await more.propose('tuner', [{ closedLoop: 'web', setPoint: 30, ranks: { cpu: 2, memory: 1 }, time }]);
    await expect.poll(() => loop().state.setPoint, seconds(10)).toMatchObject({ size: 14, applied: false });
    expect(loop().state).toMatchObject({ ranks: { cpu: 2, memory: 1 }, increaseRank: 'memory' });
    operator.tick(calm);
    await expect.poll(replicas, seconds(10)).toBe(14);
    await expect.poll(() => condition('Applied'), seconds(10)).toMatchObject({ status: 'True', reason: 'Applied' });
    expect(await condition('Clamped')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('web: limited by maxStep'),
    });
    expect(await condition('Refused')).toMatchObject({ status: 'False' });
    expect(operator.events.filter(({ name }) => name === 'tuner')).toMatchObject([
      { type: 'Normal', reason: 'RanksChanged', note: 'web: ranks are now memory, cpu' },
      { type: 'Normal', reason: 'ProposalClamped' },
    ]);
    const metric = operator.metrics.getSingleMetric('duoloop_proposal_clamps_total');
    expect((await metric?.get())?.values).toMatchObject([{ labels: { clamp: 'maxStep' }, value: 1 }]);
    // Each has its own part, whoever writes last.
    const hold = { closedLoop: 'web', time: toTimestamp(operator.now() + 1) };
    await more.propose('tuner', [hold]);
    await expect.poll(() => condition('Clamped'), seconds(10)).toMatchObject({ status: 'False' });
    const after = await status();
    expect(after?.proposals).toEqual([hold]);
    expect(after?.policy).toEqual({ name: 'checkpoint' });
    expect(after?.conditions.find(({ type }) => type === 'Ready')).toMatchObject({ reason: 'Deciding' });
    const { metadata } = await on.api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, on.namespace, 'tuner');
    const managers = (metadata as { managedFields?: { manager: string; fieldsV1: object }[] }).managedFields ?? [];
    const ours = managers.find(({ manager }) => manager === 'duoloop-operator')?.fieldsV1;
    expect(JSON.stringify(ours)).toContain('Applied');
    expect(JSON.stringify(ours)).not.toMatch(/proposals|f:policy|Ready/);
  });

  it('takes a proposal in once: neither ticks nor a restart apply it again, and nothing is written meanwhile', async () => {
    const { more, operator, loop, startAgain, replicas, on, ownWrites, condition } = await begin({
      mode: 'Autonomous',
    });
    await expect.poll(() => loop().guardrails, seconds(10)).toMatchObject({ boundedByStep: false });
    const time = toTimestamp(operator.now());
    await more.propose('tuner', [{ closedLoop: 'web', setPoint: 18, time }]);
    await expect.poll(() => loop().state.setPoint, seconds(10)).toMatchObject({ size: 18 });
    operator.tick(calm);
    await expect.poll(replicas, seconds(10)).toBe(18);
    await expect.poll(() => condition('Applied'), seconds(10)).toMatchObject({ status: 'True' });
    await expect
      .poll(async () => (await on.closedLoop('web')).status?.setPoint, seconds(10))
      .toEqual({ size: 18, time, applied: true });
    const before = ownWrites();
    const { resourceVersion } = (await more.deliberativeLoop('tuner')).metadata;
    for (let tick = 0; tick < 3; tick++) {
      operator.tick(calm);
      await delay(100);
    }
    expect(ownWrites()).toBe(before);

    await operator.stop();
    const next = await startAgain({ start: operator.now() });
    await expect.poll(() => next.table.list()[0].guardrails, seconds(10)).toBeDefined();
    next.tick(calm);
    await delay(300);
    expect(next.table.list()[0].state.setPoint).toMatchObject({ size: 18, applied: true });
    expect(await replicas()).toBe(18);
    expect((await more.deliberativeLoop('tuner')).metadata.resourceVersion).toBe(resourceVersion);
    expect(next.writes.filter(({ subresource }) => subresource === 'scale')).toEqual([]);
  });

  it('applies nothing in Observe, takes up in Bounded, and lets go of the set-point when it is switched back', async () => {
    const { more, operator, loop, replicas, condition, setMode } = await begin({ mode: 'Observe' });
    await more.propose('tuner', [{ closedLoop: 'web', setPoint: 12, time: toTimestamp(operator.now()) }]);
    await expect
      .poll(() => condition('Applied'), seconds(10))
      .toMatchObject({ status: 'False', reason: 'ObserveOnly' });
    const shown = async () =>
      (await operator.metrics.getSingleMetric('duoloop_proposals_total')?.get())?.values.map(({ labels }) => labels);
    await expect.poll(shown, seconds(10)).toEqual([{ outcome: 'shown' }]);
    expect(loop()).toMatchObject({ guardrails: undefined, state: { setPoint: null } });
    await setMode('Bounded');
    await expect.poll(() => loop().state.setPoint, seconds(10)).toMatchObject({ size: 12 });
    operator.tick(calm);
    await expect.poll(replicas, seconds(10)).toBe(12);
    await setMode('Recommend');
    await expect.poll(() => loop(), seconds(10)).toMatchObject({ guardrails: undefined, state: { setPoint: null } });
    await expect.poll(() => condition('Applied'), seconds(10)).toMatchObject({ reason: 'RecommendOnly' });
    // No floor any more.
    operator.tick({ cpu: 2, memory: 80 });
    await expect.poll(replicas, seconds(10)).toBe(11);
  });

  it('goes on with the reactive loop alone when the agent falls silent', async () => {
    const guardrails = { staleAfterSeconds: 20 };
    const { more, operator, loop, replicas, condition, decided } = await begin({ mode: 'Bounded', guardrails });
    await expect.poll(() => loop().guardrails, seconds(10)).toBeDefined();
    await more.propose('tuner', [{ closedLoop: 'web', setPoint: 10, time: toTimestamp(operator.now()) }]);
    await expect.poll(() => condition('ProposalsFresh'), seconds(10)).toMatchObject({ status: 'True' });
    // It reacts, but not below the fresh set-point; 30 s after the proposal, that is none any more.
    await decided(() => operator.tick({ cpu: 2, memory: 80 }));
    expect(loop().state.recentReactions).toEqual(['cpu']);
    expect(await replicas()).toBe(10);
    await decided(() => operator.tick({ cpu: 2, memory: 80 }));
    expect(await replicas()).toBe(9);
    // One that comes late is not taken in.
    await more.propose('tuner', [{ closedLoop: 'web', setPoint: 15, time: toTimestamp(operator.now() - 25) }]);
    await expect
      .poll(() => condition('ProposalsFresh'), seconds(10))
      .toMatchObject({ status: 'False', reason: 'Stale', message: expect.stringContaining('web: no fresh proposal') });
    expect(loop().state.setPoint).toMatchObject({ size: 10 });
    expect(operator.events.filter(({ reason }) => reason === 'ProposalRefused')).toHaveLength(1);
  });

  it('looks at a proposal again at the moment at which it turns stale', async () => {
    const { more, operator, condition } = await begin({ mode: 'Observe', guardrails: { staleAfterSeconds: 1 } });
    await more.propose('tuner', [{ closedLoop: 'web', setPoint: 12, time: toTimestamp(operator.now()) }]);
    await expect.poll(() => condition('ProposalsFresh'), seconds(5)).toMatchObject({ status: 'True' });
    operator.setClock(operator.now() + 1);
    await expect
      .poll(() => condition('ProposalsFresh'), seconds(5))
      .toMatchObject({ status: 'False', reason: 'Stale' });
  });

  it('refuses what is unsound and says so once in condition, event and metric', async () => {
    const { more, operator, loop, condition, ownWrites } = await begin({ mode: 'Bounded' });
    await expect.poll(() => loop().guardrails, seconds(10)).toBeDefined();
    const now = operator.now();
    await more.propose('tuner', [
      { closedLoop: 'web', ranks: { cpu: 1, disk: 2 }, time: toTimestamp(now) },
      { closedLoop: 'shop', setPoint: 3, time: toTimestamp(now) },
    ]);
    await expect.poll(() => condition('Refused'), seconds(10)).toMatchObject({ status: 'True', reason: 'Several' });
    expect((await condition('Refused'))?.message).toMatch(/UnknownLoop.*UnknownMetric/);
    await more.propose('tuner', [{ closedLoop: 'web', setPoint: 3, time: toTimestamp(now + 60) }]);
    await expect.poll(() => condition('Refused'), seconds(10)).toMatchObject({ reason: 'FutureDated' });
    const told = operator.events.filter(({ reason }) => reason === 'ProposalRefused');
    expect(told.map(({ note }) => note.slice(note.lastIndexOf('(')))).toEqual([
      '(UnknownMetric)',
      '(UnknownLoop)',
      '(FutureDated)',
    ]);
    const counted = await operator.metrics.getSingleMetric('duoloop_proposal_refusals_total')?.get();
    expect(counted?.values.map(({ value }) => value)).toEqual([1, 1, 1]);
    expect(loop().state).toMatchObject({ setPoint: null, ranks: { cpu: 1, memory: 2 } });
    expect(ownWrites()).toBeLessThanOrEqual(4);
  });

  it('leaves a closed loop to the older of two, until that one is gone', async () => {
    const { more, operator, loop, condition, on } = await begin({ mode: 'Bounded' });
    await expect.poll(() => loop().guardrails, seconds(10)).toMatchObject({ maxStep: 4 });
    // Ages are told in whole seconds.
    await delay(1100);
    await more.createDeliberativeLoop('younger', {
      closedLoops: { names: ['web'] },
      policy: checkpoint,
      mode: 'Autonomous',
      guardrails: { maxStep: 7 },
    });
    await more.propose('younger', [{ closedLoop: 'web', setPoint: 13, time: toTimestamp(operator.now()) }]);
    await expect
      .poll(() => condition('Conflict', 'younger'), seconds(10))
      .toMatchObject({ status: 'True', message: expect.stringContaining('web is tuned by tuner') });
    expect(await condition('Conflict')).toMatchObject({ status: 'False' });
    expect(loop()).toMatchObject({ guardrails: { maxStep: 4 }, state: { setPoint: null } });
    expect(operator.events.filter(({ reason }) => reason === 'Conflict')).toHaveLength(1);
    await on.api.delete(resourceTypes.deliberativeLoop, on.namespace, 'tuner');
    await expect.poll(() => loop().guardrails, seconds(10)).toMatchObject({ maxStep: 7, boundedByStep: false });
    await expect.poll(() => loop().state.setPoint, seconds(10)).toMatchObject({ size: 13 });
    await expect.poll(() => condition('Conflict', 'younger'), seconds(10)).toMatchObject({ status: 'False' });
  });

  it('draws random sizes that a restart does not draw anew', async () => {
    const policy = { randomGroup: { seed: 5 } };
    const { operator, loop, status, replicas, startAgain } = await begin({
      policy,
      mode: 'Autonomous',
      intervalSeconds: 1,
    });
    const behavior = { minReplicas: 1, maxReplicas: 40 };
    const drawn = (now: number) =>
      randomGroupProposal({ closedLoop: 'web', seed: 5, intervalSeconds: 1, guardrails: {}, behavior, now });
    for (let tick = 0; tick < 3; tick++) {
      const wanted = drawn(operator.now());
      await expect.poll(() => loop().state.setPoint?.size, seconds(10)).toBe(wanted.setPoint);
      await expect.poll(async () => (await status())?.proposals, seconds(10)).toEqual([wanted]);
      operator.tick(calm);
      // The next one may come in before the tick gets there.
      const either = [wanted.setPoint, drawn(operator.now()).setPoint];
      await expect.poll(async () => either.includes(await replicas()), seconds(10)).toBe(true);
    }
    expect(await status()).toMatchObject({ policy: { name: 'randomGroup' } });
    const last = drawn(operator.now());
    await expect.poll(async () => (await status())?.proposals, seconds(10)).toEqual([last]);
    await operator.stop();
    const next = await startAgain({ start: operator.now() });
    await expect.poll(() => next.table.list()[0].state.setPoint?.size, seconds(10)).toBe(last.setPoint);
    await delay(300);
    expect((await status())?.proposals).toEqual([last]);
  });

  it('shows what last-ten would do in Observe, and changes no rank', async () => {
    const { operator, loop, status, ownWrites, decided } = await begin({ policy: { lastTen: {} }, mode: 'Observe' });
    const react = (values: { cpu: number; memory: number }) => decided(() => operator.tick(values));
    await expect.poll(async () => (await status())?.policy?.name, seconds(10)).toBe('lastTen');
    await react({ cpu: 20, memory: 28 });
    for (let tick = 0; tick < 10; tick++) await react({ cpu: 2, memory: 80 });
    expect(loop().state.recentReactions).toHaveLength(10);
    const time = toTimestamp(operator.now());
    await expect
      .poll(async () => (await status())?.proposals, seconds(10))
      .toEqual([{ closedLoop: 'web', ranks: { cpu: 2, memory: 1 }, time }]);
    expect(loop().state).toMatchObject({ ranks: { cpu: 1, memory: 2 }, increaseRank: null });
    // It is not proposed with every reaction anew.
    const before = ownWrites();
    for (let tick = 0; tick < 3; tick++) await react({ cpu: 2, memory: 80 });
    expect(ownWrites()).toBe(before);
  });
});
