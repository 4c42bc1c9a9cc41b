import { beforeAll, beforeEach, expect, test } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { PrometheusError } from '../../env/cluster/prometheus.ts';
import { type CheckpointBytes, checkpointBytes, configMapOf } from '../checkpoints/policies.fixture.ts';
import { createScene, namespace, plusOne, type Scene } from './rounds.fixture.ts';

let shipped: CheckpointBytes;
let other: CheckpointBytes;
let scene: Scene;
beforeAll(async () => {
  [shipped, other] = await Promise.all([checkpointBytes(), checkpointBytes('frontend', 0.5)]);
});
beforeEach(async () => {
  scene = createScene();
  await scene.api.create(resourceTypes.configMap, namespace, configMapOf('policy', shipped));
});

const ready = async (name?: string) => (await scene.status(name))?.conditions.find(({ type }) => type === 'Ready');
const replacePolicy = (content: Pick<CheckpointBytes, 'document' | 'weights'>) =>
  scene.api.mergePatch(resourceTypes.configMap, namespace, 'policy', configMapOf('policy', content));

const neverAnswered =
  (onAsked: () => void): Scene['controls']['measure'] =>
  (_systems, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      onAsked();
    });

test('proposes for a new DeliberativeLoop in the first round, and again an interval later', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agent = scene.agent('one');
  await agent.round();
  const first = await scene.status();
  expect(first).toMatchObject({
    proposals: [{ closedLoop: 'web', setPoint: 6, confidence: 0.5, value: -1 }],
    policy: { name: 'ppo frontend', sha256: shipped.sha256 },
    agent: { identity: 'one' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'Deciding' }],
  });
  scene.clock.second += 1;
  await agent.round();
  expect((await scene.status())?.proposals).toEqual(first?.proposals);
  await agent.nextRound();
  const second = await scene.status();
  expect(second?.proposals[0].time).not.toBe(first?.proposals[0].time);
  expect(second?.policy?.loadedAt).toBe(first?.policy?.loadedAt);
  expect(second?.conditions).toEqual(first?.conditions);
});

test('all that share a policy are decided in one pass, with one question to Prometheus', async () => {
  let questions = 0;
  const { measure } = scene.controls;
  scene.controls.measure = (systems, signal) => {
    questions += 1;
    return measure(systems, signal);
  };
  for (const name of ['a', 'b', 'c']) {
    await scene.createLoop(name);
    await scene.createTuner(`tuner-${name}`, { closedLoops: { names: [name] } });
  }
  const agent = scene.agent('one');
  await agent.round();
  expect(agent.passes.map((keys) => keys.sort())).toEqual([['shop/a', 'shop/b', 'shop/c']]);
  expect(questions).toBe(1);
});

test('one that watches what another tunes, with the same checkpoint, has a history of its own', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  await scene.createTuner('watcher', { mode: 'Observe' });
  const agent = scene.agent('one');
  await agent.round();
  expect(agent.passes).toEqual([['shop/web'], ['shop/web']]);
});

test('a loop that abstains loses its proposal, the others keep theirs, and the condition says why', async () => {
  await scene.createLoop('web');
  await scene.createLoop('api');
  await scene.createTuner('tuner', { closedLoops: { names: ['web', 'api'] } });
  const agent = scene.agent('one');
  await agent.round();
  expect((await scene.status())?.proposals).toHaveLength(2);
  scene.controls.decide = (view, second) =>
    view.key === 'shop/web'
      ? {
          ...plusOne(view, second),
          proposal: undefined,
          abstention: { reason: 'OutOfDistribution', message: 'p95 is odd' },
        }
      : plusOne(view, second);
  await agent.nextRound();
  expect((await scene.status())?.proposals.map(({ closedLoop }) => closedLoop)).toEqual(['api']);
  expect(await ready()).toMatchObject({ status: 'True', reason: 'SomeAbstain' });
  expect((await ready())?.message).toContain('web: p95 is odd (OutOfDistribution)');
  expect(await agent.metric('duoloop_agent_abstentions_total')).toMatchObject([
    { labels: { reason: 'OutOfDistribution' }, value: 1 },
  ]);
});

test('without Prometheus nothing is proposed, and afterwards all goes on', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agent = scene.agent('one');
  await agent.round();
  const { measure } = scene.controls;
  scene.controls.measure = () => Promise.reject(new PrometheusError('unreachable', 'connect ECONNREFUSED'));
  await agent.nextRound();
  expect(await scene.status()).toMatchObject({ proposals: [], agent: { identity: 'one' } });
  expect(await ready()).toMatchObject({ status: 'False', reason: 'PrometheusUnreachable' });
  scene.controls.measure = measure;
  await agent.nextRound();
  expect((await scene.status())?.proposals).toHaveLength(1);
  expect(await ready()).toMatchObject({ status: 'True', reason: 'Deciding' });
});

test('one DeliberativeLoop’s wrong queries are its own problem', async () => {
  await scene.createLoop('web');
  await scene.createLoop('api');
  await scene.createTuner('tuner');
  await scene.createTuner('wrong', { closedLoops: { names: ['api'] }, observation: { preset: 'custom' } });
  await scene.agent('one').round();
  expect(await ready('tuner')).toMatchObject({ status: 'True' });
  expect(await ready('wrong')).toMatchObject({ status: 'False', reason: 'InvalidQueries' });
});

test('a bad new checkpoint is refused while the old one goes on, and a good one takes over', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agent = scene.agent('one');
  await agent.round();
  await replacePolicy({ document: shipped.document, weights: other.weights });
  await agent.nextRound();
  expect(await scene.status()).toMatchObject({
    proposals: [{ closedLoop: 'web' }],
    policy: { sha256: shipped.sha256 },
  });
  expect(await ready()).toMatchObject({ status: 'True', reason: 'NewCheckpointRefused' });
  expect((await ready())?.message).toContain('sha256 of weights.bin is not the one in checkpoint.json');
  // That of the old policy, which nothing interrupted.
  expect(agent.forgotten).toEqual([]);
  await replacePolicy(other);
  await agent.nextRound();
  expect(await scene.status()).toMatchObject({ proposals: [{}], policy: { sha256: other.sha256 } });
  expect(await ready()).toMatchObject({ status: 'True', reason: 'Deciding' });
  expect(agent.events.map(({ reason }) => reason)).toEqual([
    'CheckpointLoaded',
    'CheckpointRefused',
    'CheckpointLoaded',
  ]);
});

test('a new checkpoint for other metrics does not take over either', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agent = scene.agent('one');
  await agent.round();
  scene.controls.refusal = ({ sha256 }) => (sha256 === other.sha256 ? 'it was trained for latency' : undefined);
  await replacePolicy(other);
  await agent.nextRound();
  expect(await scene.status()).toMatchObject({ proposals: [{}], policy: { sha256: shipped.sha256 } });
  expect((await ready())?.message).toContain('it was trained for latency (WrongMetrics)');
  expect(agent.forgotten).toEqual([]);
});

test('without a checkpoint that can be used nothing is proposed', async () => {
  await scene.createLoop('web');
  await scene.createTuner('absent', { policy: { checkpoint: { configMap: { name: 'absent' } } } });
  await scene.createTuner('slow', { mode: 'Observe', intervalSeconds: 60 });
  await scene.agent('one').round();
  expect(await scene.status('absent')).toMatchObject({ proposals: [] });
  expect(await ready('absent')).toMatchObject({ status: 'False', reason: 'CheckpointMissing' });
  expect(await ready('slow')).toMatchObject({ status: 'False', reason: 'WrongInterval' });
  expect((await ready('slow'))?.message).toContain('set spec.intervalSeconds to 15');
});

test('a second agent waits, says so, and takes over when the first is gone', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const [one, two] = [scene.agent('one'), scene.agent('two')];
  await one.round();
  await two.round();
  for (let i = 0; i < 2; i++) await Promise.all([one.nextRound(), two.round()]);
  expect(two.passes).toEqual([]);
  expect(two.events).toMatchObject([{ reason: 'AnotherAgent', note: expect.stringContaining('one') }]);
  expect(await two.metric('duoloop_agent_deliberative_loops')).toContainEqual({
    labels: { state: 'passive' },
    value: 1,
  });
  for (let i = 0; i < 4; i++) await two.nextRound();
  expect(await scene.status()).toMatchObject({ agent: { identity: 'two' }, proposals: [{}] });
  expect(two.events.at(-1)).toMatchObject({ reason: 'TakenOver', note: expect.stringContaining('one does no more') });
  await one.round();
  expect(one.events.at(-1)).toMatchObject({ reason: 'AnotherAgent' });
});

test('of two that begin in one moment one decides', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agents = [scene.agent('one'), scene.agent('two')];
  await Promise.all(agents.map((agent) => agent.round()));
  const identity = (await scene.status())?.agent?.identity;
  const events = agents.map((agent) => agent.events.map(({ reason }) => reason));
  expect(events.filter((reasons) => reasons.includes('AnotherAgent'))).toHaveLength(1);
  await Promise.all(agents.map((agent) => agent.nextRound()));
  expect((await scene.status())?.agent?.identity).toBe(identity);
});

test('a canary decides beside it, and its summary goes on after a restart', async () => {
  await scene.api.create(resourceTypes.configMap, namespace, configMapOf('next', other));
  await scene.createLoop('web');
  const policy = { checkpoint: { configMap: { name: 'policy' } }, canary: { configMap: { name: 'next' } } };
  await scene.createTuner('tuner', { policy });
  scene.controls.decide = (view, second, { sha256 }) => {
    const decision = plusOne(view, second);
    if (sha256 === shipped.sha256 || decision.proposal === undefined) return decision;
    return { ...decision, proposal: { ...decision.proposal, setPoint: view.groupSize - 1 } };
  };
  const agent = scene.agent('one');
  await agent.round();
  await agent.nextRound();
  expect(await scene.status()).toMatchObject({
    proposals: [{ setPoint: 6 }],
    canary: { sha256: other.sha256, decisions: 2, agreementPercent: 0, meanSetPoint: 4, incumbentMeanSetPoint: 6 },
  });
  const restarted = scene.agent('one');
  await restarted.nextRound();
  await restarted.nextRound();
  expect((await scene.status())?.canary).toMatchObject({ decisions: 3 });
});

test('a question that is never answered costs half an interval, and is told', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner', { intervalSeconds: 8 });
  scene.controls.measure = neverAnswered(() => {});
  await scene.agent('one').round();
  expect(await scene.status()).toMatchObject({ proposals: [] });
  expect((await ready())?.message).toContain('measuring took longer than 4 s');
});

test('one that is stopped in a round decides nothing more', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agent = scene.agent('one');
  const stop = new AbortController();
  scene.controls.measure = neverAnswered(() => stop.abort(new Error('stopped by SIGTERM')));
  await expect(agent.rounds.round(stop.signal)).rejects.toThrow('stopped by SIGTERM');
  expect(await scene.status()).toBeUndefined();
  expect(agent.passes).toEqual([]);
});

test('gives its claim up at its end, but not another’s', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const one = scene.agent('one');
  await one.round();
  // Somebody else took over while this process was frozen.
  const claim = { identity: 'two', renewTime: new Date((scene.clock.second + 100) * 1000).toISOString() };
  const patch = { status: { agent: claim } };
  await scene.api.mergePatch(resourceTypes.deliberativeLoop, namespace, 'tuner', patch);
  await one.rounds.release(new AbortController().signal);
  expect((await scene.status())?.agent).toEqual(claim);
  expect(await ready()).toMatchObject({ reason: 'Deciding' });
});

test('an API server that is away is no end: the next round serves', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agent = scene.agent('one');
  agent.connection.setDown(true);
  await expect(agent.round()).rejects.toThrow('ECONNREFUSED');
  agent.connection.setDown(false);
  await agent.round();
  expect((await scene.status())?.proposals).toHaveLength(1);
});

test('a policy is told once what load each loop had before, with one question for all', async () => {
  for (const name of ['a', 'b']) {
    await scene.createLoop(name);
    await scene.createTuner(`tuner-${name}`, { closedLoops: { names: [name] } });
  }
  scene.controls.past = async (systems, fromSecond) =>
    new Map(systems.map(({ key }) => [key, [7, 8, 9].map((load, i) => ({ unixSecond: fromSecond + i, load }))]));
  const agent = scene.agent('one');
  await agent.round();
  expect(agent.questionsOfPast.map((keys) => keys.sort())).toEqual([['shop/a', 'shop/b']]);
  expect(agent.remembered).toEqual({ 'shop/a': [7, 8, 9], 'shop/b': [7, 8, 9] });
  await agent.nextRound();
  expect(agent.questionsOfPast).toHaveLength(1);
  scene.controls.past = () => Promise.reject(new PrometheusError('timeout', 'too much'));
  await replacePolicy(other);
  await agent.nextRound();
  expect(agent.questionsOfPast).toHaveLength(2);
  expect((await scene.status('tuner-a'))?.proposals).toHaveLength(1);
});

test('the reward of every measured interval counts once, and the difference to the HPA is shown', async () => {
  await scene.createLoop('web');
  await scene.createTuner('tuner');
  const agent = scene.agent('one');
  const sums = { seconds: 15, scalingActions: 1, podChanges: 1 };
  const term = { cost: 1, violation: 0.5, churn: 0 };
  const reward = { live: { reward: -1.5, terms: term }, hpa: { reward: -2, terms: term } };
  const comparison = {
    live: { ...sums, violationSeconds: 3, podSeconds: 75 },
    hpa: { ...sums, violationSeconds: 5, podSeconds: 60 },
  };
  const once = { ...comparison, reward };
  scene.controls.comparison = () => once;
  await agent.round();
  await agent.nextRound();
  expect((await scene.status())?.reward).toEqual({
    sha256: shipped.sha256,
    decisions: 1,
    mean: -1.5,
    deviation: 0,
    advantageMean: 0.5,
    advantageDeviation: 0,
  });
  expect(await agent.metric('duoloop_agent_hpa_difference_violation_seconds')).toMatchObject([{ value: -2 }]);
  expect(await agent.metric('duoloop_agent_hpa_difference_pod_seconds')).toMatchObject([{ value: 15 }]);
  scene.controls.comparison = () => ({ ...comparison, reward: { ...reward } });
  await agent.nextRound();
  expect((await scene.status())?.reward).toMatchObject({ decisions: 2 });
  expect(await agent.metric('duoloop_agent_reward')).toContainEqual({
    labels: { namespace, deliberative_loop: 'tuner', term: 'violation' },
    value: -0.5,
  });
});
