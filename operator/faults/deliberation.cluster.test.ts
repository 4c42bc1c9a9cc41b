/** What an agent proposes, sound and poisoned, to the operator as a process; the test is the agent. */
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { fromTimestamp, toTimestamp } from '../../policies/resources/timestamp.ts';
import { describeCluster } from '../../test/cluster.ts';
import type { SeenDeployment } from '../closed-loop/cluster.fixture.ts';
import { moreRequests } from '../stages/cluster.fixture.ts';
import { type JsonExporter, startJsonExporter } from './json-exporter.fixture.ts';
import type { OperatorProcess } from './operator-process.fixture.ts';
import {
  loopbackSources,
  type OperatorScene,
  operatorScene,
  stoppedAfterwards,
  within,
} from './operator-scene.fixture.ts';

const policy = { checkpoint: { file: '/checkpoints/web' } };
const now = () => Date.now() / 1000;
/** CPU and memory in percent: neither of them too much nor too little. */
const calm = { cpu: 50, memory: 50 };

describeCluster('what an agent proposes', (cluster) => {
  let on: OperatorScene;
  let agent: ReturnType<typeof moreRequests>;
  let exporter: JsonExporter;
  const operators: OperatorProcess[] = [];
  stoppedAfterwards(operators);
  beforeAll(async () => {
    exporter = await startJsonExporter();
    on = await operatorScene(cluster, 'agent', { extraArguments: loopbackSources });
    agent = moreRequests(on);
    operators.push(on.operator);
  });
  afterAll(() => exporter?.close());

  async function begin(loop: string, replicas: number) {
    exporter.set(loop, calm);
    await on.deploy({ name: loop, replicas });
    const metric = (name: string, rank: number) => ({
      name,
      rank,
      source: { http: { url: exporter.url(loop) } },
      thresholds: [
        { kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } },
        { kind: 'inferior', value: 20, reaction: { horizontal: { by: -1 } } },
      ],
    });
    await on.createLoop(loop, {
      targetRef: { name: loop },
      metrics: [metric('cpu', 1), metric('memory', 2)],
      behavior: { maxReplicas: 20, scaleDown: { stabilizationWindowSeconds: 0 } },
    });
    await expect.poll(() => on.condition(loop, 'MetricsAvailable'), within(15)).toMatchObject({ status: 'True' });
  }
  const tune = (name: string, loops: readonly string[], spec: Record<string, unknown>) =>
    agent.createDeliberativeLoop(name, { closedLoops: { names: loops }, policy, ...spec });
  const condition = async (name: string, type: string) =>
    (await agent.deliberativeLoop(name)).status?.conditions?.find((found) => found.type === type);

  /** Every size that a Deployment is given from now on until the test ends. */
  async function sizesOf(name: string): Promise<number[]> {
    const { metadata, spec } = await on.deployment(name);
    const sizes = [spec.replicas];
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const { api, namespace } = on;
    const range = { namespace, resourceVersion: metadata.resourceVersion ?? '', signal: stop.signal };
    const watching = api.watch<SeenDeployment>(resourceTypes.deployment, range, ({ object }) => {
      if (object.metadata.name === name) sizes.push(object.spec.replicas);
    });
    watching.catch(() => {});
    return sizes;
  }

  it('is applied once and within the guardrails; what is stale is not', async () => {
    await begin('bounded', 4);
    await tune('bounder', ['bounded'], { mode: 'Bounded', guardrails: { maxStep: 2, maxReplicas: 9 } });
    const first = { closedLoop: 'bounded', setPoint: 30, time: toTimestamp(now()) };
    await agent.propose('bounder', [first]);
    await expect.poll(() => on.replicas('bounded'), within(10)).toBe(6);
    await expect.poll(() => condition('bounder', 'Clamped'), within(5)).toMatchObject({ status: 'True' });
    // The same proposal shown anew is no further step.
    await agent.propose('bounder', [{ ...first, confidence: 0.5 }]);
    await on.passTicks(3);
    expect(await on.replicas('bounded')).toBe(6);

    await agent.propose('bounder', [{ closedLoop: 'bounded', setPoint: 3, time: toTimestamp(now() - 600) }]);
    await expect.poll(() => condition('bounder', 'ProposalsFresh'), within(5)).toMatchObject({ status: 'False' });
    await on.passTicks(2);
    expect(await on.replicas('bounded')).toBe(6);

    for (const size of [8, 9]) {
      const ranks = { cpu: 2, memory: 1 };
      await agent.propose('bounder', [{ closedLoop: 'bounded', setPoint: 30, ranks, time: toTimestamp(now()) }]);
      await expect.poll(() => on.replicas('bounded'), within(10)).toBe(size);
    }
    expect((await on.closedLoop('bounded')).status?.ranks).toEqual({ cpu: 2, memory: 1 });
    // Guardrails are of the agent; the reactive loop has its own bounds.
    exporter.set('bounded', { ...calm, cpu: 99 });
    await expect.poll(() => on.replicas('bounded'), within(10)).toBeGreaterThan(9);
    exporter.set('bounded', calm);
  });

  it('is only shown in Observe and Recommend', async () => {
    const modes = { observed: 'Observe', recommended: 'Recommend' };
    for (const [loop, mode] of Object.entries(modes)) {
      await begin(loop, 3);
      await tune(`of-${loop}`, [loop], { mode });
      const ranks = { cpu: 2, memory: 1 };
      await agent.propose(`of-${loop}`, [{ closedLoop: loop, setPoint: 5, ranks, time: toTimestamp(now()) }]);
    }
    for (const [loop, mode] of Object.entries(modes)) {
      await expect.poll(() => condition(`of-${loop}`, 'Applied'), within(5)).toMatchObject({ reason: `${mode}Only` });
    }
    await on.passTicks(3);
    for (const loop of Object.keys(modes)) {
      expect(await on.replicas(loop)).toBe(3);
      expect((await on.closedLoop(loop)).status?.ranks).toEqual({ cpu: 1, memory: 2 });
      expect(await on.events(loop, 'Scaled')).toEqual([]);
    }
  });

  it('is not applied where an older DeliberativeLoop tunes the loop', async () => {
    await begin('shared', 4);
    await tune('older', ['shared'], { mode: 'Bounded' });
    // Ages are told in whole seconds.
    await delay(1100);
    await tune('younger', ['shared'], { mode: 'Autonomous' });
    await agent.propose('younger', [{ closedLoop: 'shared', setPoint: 15, time: toTimestamp(now()) }]);
    await agent.propose('older', [{ closedLoop: 'shared', setPoint: 5, time: toTimestamp(now()) }]);
    await expect
      .poll(() => condition('younger', 'Conflict'), within(5))
      .toMatchObject({ status: 'True', message: expect.stringContaining('shared is tuned by older') });
    await expect.poll(() => on.replicas('shared'), within(5)).toBe(5);
    await on.passTicks(3);
    expect(await on.replicas('shared')).toBe(5);
    await expect.poll(() => on.events('younger', 'Conflict'), within(5)).toHaveLength(1);
  });

  it('stays within a budget over all loops', async () => {
    const loops = ['left', 'right'];
    for (const loop of loops) await begin(loop, 3);
    await tune('spender', loops, { mode: 'Autonomous', guardrails: { maxReplicaBudget: 10 } });
    const sizes = await Promise.all(loops.map(sizesOf));
    const time = toTimestamp(now());
    await agent.propose(
      'spender',
      loops.map((closedLoop) => ({ closedLoop, setPoint: 20, time })),
    );
    const sum = async () => (await on.replicas('left')) + (await on.replicas('right'));
    await expect.poll(sum, within(10)).toBe(10);
    await agent.propose('spender', [{ closedLoop: 'left', setPoint: 20, time: toTimestamp(now()) }]);
    await expect.poll(() => condition('spender', 'Clamped'), within(5)).toMatchObject({ status: 'True' });
    await on.passTicks(3);
    expect(await sum()).toBe(10);
    expect(Math.max(...sizes[0]) + Math.max(...sizes[1])).toBe(10);
  });

  it('never takes a target outside the guardrails, however poisoned', async () => {
    await begin('poisoned', 5);
    await tune('poisoner', ['poisoned'], { mode: 'Autonomous', guardrails: { minReplicas: 3, maxReplicas: 8 } });
    const sizes = await sizesOf('poisoned');
    const sound = { closedLoop: 'poisoned', time: toTimestamp(now()) };
    // What the schema says, the API server refuses.
    const malformed = [
      { setPoint: -1 },
      { setPoint: 1e9 },
      { setPoint: 5.5 },
      { setPoint: 'NaN' },
      { setPoint: '7' },
      { ranks: { cpu: -1 } },
      { ranks: { cpu: 'first' } },
      { time: 'yesterday' },
      { closedLoop: '../web' },
    ];
    for (const part of malformed) {
      const refusal = await agent.propose('poisoner', [{ ...sound, ...part }]).catch(({ status }) => status);
      expect([400, 422, 500], JSON.stringify(part)).toContain(refusal);
    }
    // What it cannot say, the operator refuses or clamps; more at a time than loops, at any pace.
    const proposal = fc.record(
      {
        closedLoop: fc.constantFrom('poisoned', 'poisoned', 'elsewhere'),
        setPoint: fc.constantFrom(0, 1, 3, 5, 8, 9, 20, 21, 100_000),
        ranks: fc.constantFrom(
          { cpu: 1, memory: 2 },
          { cpu: 2, memory: 1 },
          { cpu: 1, memory: 1 },
          { cpu: 7 },
          { disk: 1 },
          { constructor: 1 },
          {},
        ),
        age: fc.constantFrom(-600, -6, -1, 0, 0, 0, 1, 179, 600, 1e9),
      },
      { requiredKeys: ['closedLoop', 'age'] },
    );
    for (const proposals of fc.sample(fc.array(proposal, { minLength: 1, maxLength: 8 }), { seed: 4, numRuns: 40 })) {
      const dated = proposals.map(({ age, ...rest }) => ({ ...rest, time: toTimestamp(now() - age) }));
      await agent.propose('poisoner', dated);
      await delay(100);
    }
    // One that is dated a little ahead outranks those before it.
    await delay(1100);
    for (const setPoint of [100_000, 0]) {
      await agent.propose('poisoner', [{ closedLoop: 'poisoned', setPoint, time: toTimestamp(now()) }]);
      await expect.poll(() => on.replicas('poisoned'), within(10)).toBe(setPoint === 0 ? 3 : 8);
    }
    await agent.propose('poisoner', [{ closedLoop: 'poisoned', ranks: { disk: 1 }, time: toTimestamp(now()) }]);
    await expect.poll(() => condition('poisoner', 'Refused'), within(5)).toMatchObject({ reason: 'UnknownMetric' });
    expect([...new Set(sizes)].filter((size) => size < 3 || size > 8)).toEqual([]);
    expect(new Set(sizes).size).toBeGreaterThan(2);
    const { operator } = on;
    expect(operator.logs.filter(({ level }) => level === 'error')).toEqual([]);
    expect(operator.end).toBeUndefined();
    expect(await operator.metric('duoloop_proposal_refusals_total', 'UnknownLoop')).toBeGreaterThan(0);
    expect(await operator.metric('duoloop_proposal_clamps_total', 'maxReplicas')).toBeGreaterThan(0);
  });

  it('is nothing once it is stale: the reactive loop goes on alone, and below the set-point', async () => {
    const staleAfterSeconds = 5;
    await begin('alone', 5);
    await tune('silent', ['alone'], { mode: 'Bounded', guardrails: { staleAfterSeconds } });
    const proposed = now();
    await agent.propose('silent', [{ closedLoop: 'alone', setPoint: 6, time: toTimestamp(proposed) }]);
    await expect.poll(() => on.replicas('alone'), within(4)).toBe(6);
    exporter.set('alone', { ...calm, cpu: 5 });
    await expect
      .poll(() => on.condition('alone', 'ScalingLimited'), within(4))
      .toMatchObject({ status: 'True', reason: 'SetPoint' });
    expect(await on.replicas('alone')).toBe(6);
    await expect.poll(() => on.replicas('alone'), within(15)).toBeLessThan(5);
    const { recentDecisions = [] } = (await on.closedLoop('alone')).status ?? {};
    const firstDown = recentDecisions.findLast(({ from, to }) => from === 6 && to === 5);
    expect(fromTimestamp(firstDown?.time ?? '')).toBeGreaterThanOrEqual(Math.floor(proposed) + staleAfterSeconds);
    await expect
      .poll(() => condition('silent', 'ProposalsFresh'), within(5))
      .toMatchObject({ status: 'False', reason: 'Stale' });
  });
});
