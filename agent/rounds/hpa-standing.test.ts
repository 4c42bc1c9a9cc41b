import { beforeAll, expect, test } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { LoopComparison } from '../../policies/deliberation/comparison.ts';
import { type CheckpointBytes, checkpointBytes, configMapOf } from '../checkpoints/policies.fixture.ts';
import { createScene, namespace } from './rounds.fixture.ts';

let shipped: CheckpointBytes;
beforeAll(async () => {
  shipped = await checkpointBytes();
});

async function agentWithTwoLoops() {
  const scene = createScene();
  await scene.api.create(resourceTypes.configMap, namespace, configMapOf('policy', shipped));
  await scene.createLoop('web');
  await scene.createLoop('api');
  await scene.createTuner('tuner', { closedLoops: { names: ['web', 'api'] } });
  return { scene, agent: scene.agent('one') };
}

function comparison(seconds: number, violationSeconds: number): LoopComparison {
  const outcome = { seconds, podSeconds: 4 * seconds, scalingActions: 2, podChanges: 2 };
  const terms = { cost: 1, violation: 0, churn: 0 };
  return {
    live: { ...outcome, violationSeconds },
    hpa: { ...outcome, violationSeconds: 2 * violationSeconds },
    reward: { live: { reward: -1, terms }, hpa: { reward: -1.5, terms } },
  };
}

test('sums beside the HPA grow by what is new, also over a policy that begins anew', async () => {
  const { scene, agent } = await agentWithTwoLoops();
  const violations = async () =>
    Object.fromEntries(
      (await agent.metric('duoloop_agent_violation_seconds_total')).map(({ labels, value }) => [labels.under, value]),
    );
  const comparisons: Record<string, LoopComparison> = { 'shop/web': comparison(60, 10), 'shop/api': comparison(60, 5) };
  scene.controls.comparison = (key) => comparisons[key];
  await agent.round();
  expect(await violations()).toEqual({ live: 15, hpa: 30 });
  await agent.nextRound();
  expect(await violations()).toEqual({ live: 15, hpa: 30 });
  // The very objects grow.
  Object.assign(comparisons['shop/web'].live, { seconds: 120, violationSeconds: 12 });
  await agent.nextRound();
  expect(await violations()).toEqual({ live: 17, hpa: 30 });
  comparisons['shop/web'] = comparison(15, 1);
  await agent.nextRound();
  expect(await violations()).toEqual({ live: 18, hpa: 32 });
  expect(await agent.metric('duoloop_agent_compared_seconds_total')).toMatchObject([
    { labels: { namespace, deliberative_loop: 'tuner' }, value: 60 + 60 + 60 + 15 },
  ]);
});

test('tells by how much the last interval was better than the HPA’s', async () => {
  const { scene, agent } = await agentWithTwoLoops();
  const measured = comparison(60, 10);
  scene.controls.comparison = () => measured;
  await agent.round();
  expect(await agent.metric('duoloop_agent_reward_advantage')).toMatchObject([{ value: 0.5 }]);
  // Not measured again: the interval before is not shown as if it were of now.
  await agent.nextRound();
  expect(await agent.metric('duoloop_agent_reward_advantage')).toEqual([]);
});

test('tells for how many loops nothing is proposed, and why, while it is so', async () => {
  const { scene, agent } = await agentWithTwoLoops();
  await agent.round();
  expect(await agent.metric('duoloop_agent_abstaining')).toEqual([]);
  const { decide, measure } = scene.controls;
  const abstention = { reason: 'OutOfDistribution', message: 'p95 is odd' };
  scene.controls.decide = (view, second, policy) => {
    const decided = decide(view, second, policy);
    return view.key === 'shop/web' ? ({ ...decided, proposal: undefined, abstention } as typeof decided) : decided;
  };
  await agent.nextRound();
  expect(await agent.metric('duoloop_agent_abstaining')).toMatchObject([
    { labels: { reason: 'OutOfDistribution' }, value: 1 },
  ]);
  scene.controls.decide = decide;
  scene.controls.measure = () => Promise.reject(new Error('no answer'));
  await agent.nextRound();
  const [abstaining, ...others] = await agent.metric('duoloop_agent_abstaining');
  expect(abstaining.value).toBeGreaterThanOrEqual(1);
  expect(others).toEqual([]);
  scene.controls.measure = measure;
  await agent.nextRound();
  expect(await agent.metric('duoloop_agent_abstaining')).toEqual([]);
});
