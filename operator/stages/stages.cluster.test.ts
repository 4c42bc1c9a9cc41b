/** The Distributed topology on a real API server: the same outcomes as Inline, other people's stages, and a kill in between. */
import { afterAll, expect, it } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { StageKind } from '../../policies/resources/stages.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import { describeCluster } from '../../test/cluster.ts';
import { scene } from '../closed-loop/cluster.fixture.ts';
import { pushedCpuAndMemory } from '../closed-loop/doubles.fixture.ts';
import { moreRequests, type OperatorOptions, startOperator, type TestOperator } from './cluster.fixture.ts';
import { stageKinds, stageName, stageTypes } from './stage-types.ts';

const seconds = (timeout: number) => ({ timeout: timeout * 1000, interval: 25 });
const classicalLoop = {
  ...pushedCpuAndMemory,
  intervalSeconds: 15,
  // The Deployment's controller needs a moment for every size, and the test's ticks are not 15 s apart.
  whileRollingOut: 'React',
};
const lastTen = {
  closedLoops: { names: ['web'] },
  policy: { lastTen: {} },
  mode: 'Bounded',
};

describeCluster('the Distributed topology', (cluster) => {
  const operators: TestOperator[] = [];
  afterAll(async () => {
    await Promise.all(operators.map((operator) => operator.stop()));
  });

  async function begin(topology: 'Inline' | 'Distributed', options: OperatorOptions = {}) {
    const on = await scene(cluster, topology.toLowerCase());
    const more = moreRequests(on);
    await on.deploy({ name: 'web', replicas: 20 });
    const startAgain = async (again: OperatorOptions = {}) => {
      const operator = await startOperator(on, cluster, again);
      operators.push(operator);
      await expect.poll(() => operator.table.list().length, seconds(10)).toBe(1);
      return operator;
    };
    await on.createLoop('web', { ...classicalLoop, topology });
    const operator = await startAgain(options);
    if (topology === 'Distributed') {
      const stages = () => Promise.all(stageKinds.map((kind) => more.stage('web', kind).catch(() => undefined)));
      await expect.poll(async () => (await stages()).every((stage) => stage !== undefined), seconds(10)).toBe(true);
      // The operator must have seen them too, or the first tick has nowhere to write to.
      await expect
        .poll(() => operator.writes.filter(({ kind }) => kind === 'ExecutionD').length, seconds(10))
        .toBeGreaterThan(0);
    }
    return { on, more, operator, startAgain, replicas: async () => (await on.deployment('web')).spec.replicas };
  }
  type Begun = Awaited<ReturnType<typeof begin>>;

  const isDone = async ({ more }: Begun, kind: StageKind, time: string) =>
    (await more.stage('web', kind)).status?.time === time;

  /** Plays ticks and says of each what was decided and what became of it. */
  async function play(begun: Begun, ticks: readonly (readonly [cpu: number, memory: number])[]) {
    const { on, more, operator, replicas } = begun;
    const decisions: { message: string; action: string }[] = [];
    operator.table.onDecision((_, { message, action }) => void decisions.push({ message, action }));
    const rows = [];
    for (const [cpu, memory] of ticks) {
      const count = decisions.length;
      const time = toTimestamp(operator.tick({ cpu, memory }));
      await expect.poll(() => decisions.length, seconds(10)).toBe(count + 1);
      const { message, action } = decisions[count];
      if ((await on.closedLoop('web')).spec.topology === 'Distributed') {
        await expect.poll(() => isDone(begun, 'Execution', time), seconds(10)).toBe(true);
        // A rank that was raised is done once the ClosedLoop's status has it, which is with the next tick.
        const isRaised = () => operator.table.list()[0].state.increaseTime === operator.now();
        const isDeliberated = async () => isRaised() || isDone(begun, 'ExecutionD', time);
        if (action !== 'No action') await expect.poll(isDeliberated, seconds(10)).toBe(true);
        // Each resource has the words of its stage.
        expect((await more.stage('web', 'Decision')).spec).toMatchObject({ message, time });
        expect((await more.stage('web', 'Execution')).spec).toMatchObject({ action, time });
      }
      const state = operator.table.get(`${on.namespace}/web`)?.state;
      rows.push({
        message,
        action,
        ranks: { ...state?.ranks },
        raised: state?.increaseRank,
        raisedInTick: state?.increaseTime === operator.now(),
        replicas: await replicas(),
      });
    }
    return rows;
  }

  const classicalTicks = [
    ...Array.from({ length: 9 }, () => [2, 40] as const),
    [5, 28],
    [2, 60],
    [2, 60],
    [3, 36],
    [5, 50],
  ] as const;

  it('comes to the same as Inline in the classical case', async () => {
    const [inline, distributed] = await Promise.all([begin('Inline'), begin('Distributed')]);
    const outcomes = [];
    for (const begun of [inline, distributed]) {
      await begun.more.createDeliberativeLoop('tuner', lastTen);
      const guardrails = () => begun.operator.table.list()[0].guardrails;
      await expect.poll(guardrails, seconds(10)).toMatchObject({ boundedByStep: true });
      outcomes.push(await play(begun, classicalTicks));
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    const [rows] = outcomes;
    expect(rows[0]).toEqual({
      message: 'Low cpu,Low memory',
      action: 'React to cpu',
      ranks: { cpu: 1, memory: 2 },
      raised: null,
      raisedInTick: false,
      replicas: 19,
    });
    expect(rows.map(({ raisedInTick }) => raisedInTick).indexOf(true)).toBe(10);
    expect(rows[10]).toMatchObject({ action: 'React to cpu', raised: 'memory', ranks: { cpu: 2, memory: 1 } });
    expect(rows[12]).toMatchObject({ message: 'Low cpu,Low memory', action: 'React to memory', replicas: 7 });
    expect(rows[13]).toMatchObject({ message: 'No Event', action: 'No action', replicas: 7 });
    await expect
      .poll(async () => (await distributed.more.stage('web', 'ExecutionD')).status?.message, seconds(10))
      .toBe('No action');
    // The rank change is in the ClosedLoop itself, and the deliberative side kept the last ten.
    const { status } = await distributed.on.closedLoop('web');
    expect(status).toMatchObject({ increaseRank: 'memory', ranks: { cpu: 2, memory: 1 }, ranking: 'memory,cpu' });
    const { data } = (await distributed.more.stage('web', 'DecisionD')).spec as { data: Record<string, number[]> };
    expect(data).toEqual(distributed.operator.table.list()[0].state.reactionEpochs);
    expect([data.cpu.length, data.memory.length]).toEqual([10, 2]);
    expect((await distributed.more.deliberativeLoop('tuner')).status?.proposals).toMatchObject([
      { closedLoop: 'web', ranks: { cpu: 2, memory: 1 } },
    ]);
  });

  it('keeps its hands off a stage that another controller manages, and goes on with what that one writes', async () => {
    const begun = await begin('Distributed');
    const { more, operator, replicas } = begun;
    await more.patchStage('web', 'Decision', { spec: { managedBy: 'example.com/decider' } });
    await expect.poll(async () => (await more.stage('web', 'Decision')).spec.managedBy, seconds(5)).toBeTruthy();
    const time = toTimestamp(operator.tick({ cpu: 2, memory: 40 }));
    await expect
      .poll(async () => (await more.stage('web', 'Decision')).spec, seconds(10))
      .toMatchObject({ time, message: 'Low cpu,Low memory' });
    // The next tick does not overtake it either.
    operator.tick({ cpu: 1, memory: 39 });
    const heldBack = async () =>
      (await operator.metrics.getSingleMetric('duoloop_stage_messages_held_back_total')?.get())?.values[0]?.value;
    await expect.poll(heldBack, seconds(10)).toBe(1);
    expect((await more.stage('web', 'Monitoring')).spec).toMatchObject({ time, data: { cpu: 2, memory: 40 } });
    expect((await more.stage('web', 'Execution')).spec.time).toBeUndefined();
    expect(operator.writes.filter(({ kind, subresource }) => kind === 'Decision' && subresource)).toEqual([]);
    // The other controller prefers memory.
    await more.patchStage('web', 'Execution', { spec: { time, action: 'React to memory' } });
    await more.patchStage('web', 'Decision', { status: { time, message: 'React to memory' } }, 'status');
    await expect.poll(() => isDone(begun, 'Execution', time), seconds(10)).toBe(true);
    expect(await replicas()).toBe(19);
    expect(operator.table.list()[0].state.recentReactions).toEqual(['memory']);
  });

  it.each<[string, NonNullable<OperatorOptions['killAfter']>]>([
    ['before the message is executed', ({ kind, subresource }) => kind === 'Execution' && subresource === undefined],
    [
      'between noting down and scaling',
      ({ kind, subresource, body }) =>
        kind === 'Execution' && subresource === 'status' && 'underWay' in (body.status ?? {}),
    ],
    ['after scaling', ({ kind, subresource }) => kind === 'Deployment' && subresource === 'scale'],
    [
      'after the status of the loop',
      ({ kind, body }) => kind === 'ClosedLoop' && JSON.stringify(body).includes('React to'),
    ],
  ])('carries a message out once when it is killed %s', async (_, killAfter) => {
    let isArmed = false;
    const begun = await begin('Distributed', { killAfter: (write) => isArmed && killAfter(write) });
    const { operator, startAgain, replicas, more, on } = begun;
    isArmed = true;
    const second = operator.tick({ cpu: 2, memory: 40 });
    const time = toTimestamp(second);
    await expect.poll(() => operator.life.isAlive, seconds(10)).toBe(false);
    await operator.stop();
    expect(await isDone(begun, 'Execution', time)).toBe(false);
    const next = await startAgain({ start: second });
    await expect.poll(() => isDone(begun, 'Execution', time), seconds(10)).toBe(true);
    expect(await replicas()).toBe(19);
    const scalings = [...operator.writes, ...next.writes].filter(({ subresource }) => subresource === 'scale');
    expect(scalings.map(({ body }) => body.spec)).toEqual([{ replicas: 19 }]);
    await expect
      .poll(async () => (await more.stage('web', 'DecisionD')).spec.data, seconds(10))
      .toEqual({ cpu: [second] });
    // And it goes on with the next.
    const later = toTimestamp(next.tick({ cpu: 2, memory: 40 }));
    await expect.poll(() => isDone(begun, 'Execution', later), seconds(10)).toBe(true);
    expect(await replicas()).toBe(18);
    expect((await on.closedLoop('web')).status?.lastDecision).toMatchObject({ time: later, from: 19, to: 18 });
  });

  it('drops a message that nobody carried out in time', async () => {
    const begun = await begin('Distributed');
    const { more, operator, replicas } = begun;
    const life = 60 + 60;
    await more.patchStage('web', 'Decision', { spec: { managedBy: 'example.com/decider' } });
    await expect.poll(async () => (await more.stage('web', 'Decision')).spec.managedBy, seconds(5)).toBeTruthy();
    const second = operator.tick({ cpu: 2, memory: 40 });
    const time = toTimestamp(second);
    await expect.poll(async () => (await more.stage('web', 'Decision')).spec.time, seconds(10)).toBe(time);
    operator.setClock(second + life + 1);
    await more.patchStage('web', 'Execution', { spec: { time, action: 'React to cpu' } });
    await expect.poll(() => isDone(begun, 'Execution', time), seconds(10)).toBe(true);
    expect((await more.stage('web', 'Execution')).status?.message).toContain('older than 120 s');
    expect(operator.events).toMatchObject([{ name: 'web', reason: 'MessageDropped' }]);
    expect(await replicas()).toBe(20);
  });

  it('owns its stages, adopts one made before, and takes them away with the topology', async () => {
    const { on, more } = await begin('Distributed');
    const owner = (await on.closedLoop('web')).metadata.uid;
    for (const kind of stageKinds) {
      const { metadata, spec } = await more.stage('web', kind);
      expect(metadata.ownerReferences).toMatchObject([
        { kind: 'ClosedLoop', name: 'web', uid: owner, controller: true },
      ]);
      expect(spec).toMatchObject({ closedLoop: 'web' });
    }
    const workload = await on.deployment('web');
    expect(workload.metadata.ownerReferences).toBeUndefined();

    // A stage that its user made, to name another controller before the first message.
    await on.api.create(stageTypes.Decision, on.namespace, {
      apiVersion: stageTypes.Decision.apiVersion,
      kind: 'Decision',
      metadata: { name: stageName('other', 'Decision') },
      spec: { closedLoop: 'other', managedBy: 'example.com/decider' },
    });
    await on.createLoop('other', { ...classicalLoop, targetRef: { name: 'else' }, topology: 'Distributed' });
    await expect
      .poll(async () => (await more.stage('other', 'Decision')).metadata.ownerReferences?.[0]?.name, seconds(10))
      .toBe('other');
    expect((await more.stage('other', 'Decision')).spec.managedBy).toBe('example.com/decider');

    await on.api.mergePatch(resourceTypes.closedLoop, on.namespace, 'web', { spec: { topology: 'Inline' } });
    const left = async () => (await on.api.list(stageTypes.Execution, { namespace: on.namespace })).items.length;
    await expect.poll(left, seconds(10)).toBe(1);
  });
});
