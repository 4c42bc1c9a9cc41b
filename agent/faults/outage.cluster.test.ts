/**
 * What the agent needs goes away, in the middle of a round where there is a middle, and comes back: meanwhile the reactive
 * loop goes on alone, afterwards the agent goes on by itself. And agents that come on top of each other.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import '../../test/cluster.ts';
import {
  type AgentOptions,
  type AgentScene,
  loopName,
  type SceneRecord,
  startAgentScene,
  steadyLoop,
  steadySize,
} from './agent-scene.fixture.ts';
import type { DuoloopProcess } from './duoloop-process.fixture.ts';
import { alwaysMoving } from './forged-checkpoint.fixture.ts';
import { type QueryProxy, startQueryProxy } from './query-proxy.fixture.ts';
import { createShiftedClock } from './shifted-clock.fixture.ts';
import { startTamperedPrometheus, type TamperedPrometheus } from './tampered-prometheus.fixture.ts';

const namespace = 'shop';
/**
 * The policy always wants less: without the agent the workload grows. Pods that vanish while Prometheus is away would be taken
 * for running ones for another five minutes, since nothing has told it that their series ended.
 */
const guardrails = { maxStep: 2, minReplicas: 2, maxReplicas: 9, staleAfterSeconds: 5 };
const within = (seconds: number) => ({ timeout: seconds * 1000, interval: 50 });

describe.skipIf(!inject('sharedCluster').available)('outages under the agent', () => {
  let scene: AgentScene;
  /** The agents'; the operator asks another one. */
  let prometheus: TamperedPrometheus;
  let proxy: QueryProxy;
  let record: SceneRecord;
  const agents: DuoloopProcess[] = [];

  beforeAll(async () => {
    scene = await startAgentScene([namespace]);
    prometheus = await startTamperedPrometheus(scene.lab);
    proxy = await startQueryProxy(prometheus.url, 80);
    record = scene.record(namespace);
    await scene.closedLoop(namespace, steadyLoop);
    await scene.checkpoint(namespace, 'policy', await alwaysMoving(-2));
    await scene.deliberativeLoop(namespace, {
      closedLoops: { names: [loopName] },
      policy: { checkpoint: { configMap: { name: 'policy' } } },
      mode: 'Bounded',
      // An agent measures for half of it at most; others have the machine as well.
      intervalSeconds: 2,
      guardrails,
    });
  }, 120_000);
  afterEach(async () => {
    for (const agent of agents) expect(await agent.otherOutput()).toEqual([]);
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
    const sizes = record.sizes.map(({ replicas }) => replicas);
    expect(sizes.filter((each) => each < guardrails.minReplicas || each > steadySize)).toEqual([]);
  });
  afterAll(async () => {
    await scene?.stop();
    await prometheus?.stop();
    await proxy?.close();
  }, 60_000);

  async function startAgent(name: string, options: AgentOptions = {}): Promise<DuoloopProcess> {
    const agent = await scene.agent(name, { prometheusUrl: proxy.url, ...options });
    agents.push(agent);
    await agent.start();
    return agent;
  }
  const status = async () => (await scene.readDeliberativeLoop(namespace)).status;
  const ready = async () => (await status())?.conditions?.find(({ type }) => type === 'Ready');
  const holder = async () => (await status())?.agent?.identity;
  const size = () => scene.replicas(namespace);
  /** The reactive loop takes back at once what a set-point took away, so that there is nothing to see but the moment. */
  const lastTuned = () => record.sizes.findLast(({ replicas }) => replicas < steadySize)?.second ?? 0;
  /** The agent's set-points are applied from now on: nothing else makes the workload smaller. */
  const tuned = () => {
    const since = now();
    return expect
      .poll(async () => ({ isTuned: lastTuned() > since, says: (await ready())?.message }), within(25))
      .toEqual({ isTuned: true, says: expect.stringMatching(/^Decides for 1 closed loop/) });
  };
  const alone = () =>
    expect
      .poll(async () => (await size()) === steadySize && now() - lastTuned() > guardrails.staleAfterSeconds, within(20))
      .toBe(true);
  /** Who claimed the loop since then, each as often as it changed. */
  const holdersSince = (second: number) =>
    record.deliberativeLoops
      .filter((seen) => seen.second >= second)
      .flatMap(({ object }) => object.status?.agent?.identity ?? [])
      .filter((identity, i, all) => identity !== all[i - 1]);
  const now = () => Date.now() / 1000;

  const failures: Record<string, { begin(): unknown; end(): unknown; says: RegExp }> = {
    stopped: {
      begin: () => prometheus.component.stop(),
      end: () => prometheus.component.start(),
      says: /ECONNREFUSED|cannot be reached|socket/,
    },
    frozen: {
      begin: () => prometheus.component.pause(),
      end: () => prometheus.component.resume(),
      says: /took longer|did not answer/,
    },
    'killed, and back without its data': {
      begin: async () => {
        await prometheus.component.kill();
        await rm(join(prometheus.folder, 'prometheus'), { recursive: true, force: true });
      },
      end: () => prometheus.component.start(),
      says: /ECONNREFUSED|cannot be reached|socket/,
    },
  };
  test.for(Object.keys(failures))('Prometheus is %s in a round', { timeout: 60_000 }, async (failure) => {
    const { begin, end, says } = failures[failure];
    const agent = await startAgent('one');
    await tuned();
    await proxy.asked();
    try {
      await begin();
      await expect.poll(ready, within(15)).toMatchObject({ status: 'False', message: expect.stringMatching(says) });
      expect((await status())?.proposals).toEqual([]);
      await alone();
      // It is there, and says so, all the time.
      const renewed = (await status())?.agent?.renewTime;
      await expect.poll(async () => (await status())?.agent?.renewTime, within(8)).not.toBe(renewed);
    } finally {
      await end();
    }
    await expect.poll(ready, within(20)).toMatchObject({ status: 'True' });
    await tuned();
    expect(agent.pid).toBeDefined();
  });

  test('the API server is killed in a round, and back', { timeout: 90_000 }, async () => {
    const agent = await startAgent('one');
    await tuned();
    const server = scene.lab.controlPlane.component('kube-apiserver');
    await proxy.asked();
    await server.kill();
    await expect.poll(() => agent.readiness().catch(({ status }) => status), within(15)).toBe(503);
    await server.start();
    const back = now();
    await expect.poll(() => agent.readiness().catch(() => ''), within(20)).toContain('ok');
    const proposed = async () => Date.parse((await status())?.proposals?.[0]?.time ?? '') / 1000;
    await expect.poll(proposed, within(20)).toBeGreaterThan(back);
    await tuned();
    expect(holdersSince(back)).toEqual(['one']);
  });

  test('an agent that is asked to end in a round gives its claim up, and its set-point runs out', {
    timeout: 60_000,
  }, async () => {
    const agent = await startAgent('one');
    await tuned();
    await proxy.asked();
    await agent.stop();
    expect((await agent.logs()).at(-1)).toMatchObject({ level: 'info', msg: 'agent has stopped' });
    const left = await status();
    expect(left?.agent).toBeUndefined();
    expect(left?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ reason: 'AgentStopped' });
    await alone();
    await startAgent('two');
    await tuned();
  });

  test('of two agents one decides; the other takes over when it is killed', { timeout: 60_000 }, async () => {
    const one = await startAgent('one');
    await tuned();
    const since = now();
    const two = await startAgent('two');
    await expect.poll(() => two.metric('duoloop_agent_deliberative_loops', 'state="passive"'), within(10)).toBe(1);
    expect(await two.metric('duoloop_agent_deliberative_loops', 'state="own"')).toBe(0);
    await delay(3_000);
    expect(holdersSince(since)).toEqual(['one']);
    await one.kill();
    await expect.poll(holder, within(15)).toBe('two');
    await tuned();
    expect(holdersSince(since)).toEqual(['one', 'two']);
  });

  test('an agent that was frozen in a round does not write over its successor', { timeout: 60_000 }, async () => {
    const one = await startAgent('one');
    await startAgent('two');
    await tuned();
    const since = now();
    await proxy.asked();
    one.pause();
    await expect.poll(holder, within(15)).toBe('two');
    one.resume();
    await expect.poll(() => one.metric('duoloop_agent_deliberative_loops', 'state="passive"'), within(15)).toBe(1);
    await delay(2_000);
    expect(holdersSince(since)).toEqual(['one', 'two']);
    await tuned();
  });

  test.for([3600, -3600])('an agent whose clock jumps by %i s, and back', { timeout: 60_000 }, async (jumpSeconds) => {
    const clock = await createShiftedClock(scene.folder, `jump${jumpSeconds}`);
    await startAgent('one', { preload: [clock.module] });
    await tuned();
    await clock.shift(jumpSeconds);
    // What is dated so far away is not fresh.
    await alone();
    await clock.shift(0);
    await tuned();
  });
});
