/**
 * An agent that is killed, at any moment, leaves the cluster no worse than the reactive loop alone. That is, with S =
 * staleAfterSeconds and a tick of one second, after SIGKILL at t
 * - no set-point is in force from t + S on: two ticks later at the latest the workload has the size that the same reactive
 *   loop gives the same workload under the same load in a namespace that has no agent, and keeps it;
 * - until then it is within the guardrails or at that size;
 * - the status is valid, says nothing that is newer than t, and nothing of the agent's is on any object;
 * - the next agent takes over, and at the end, with no agent, the namespace can be deleted.
 * Policies that always want more, or always want less, keep a set-point in force that the reactive loop would not have.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import '../../test/cluster.ts';
import { isNotFound, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createDraw, type Draw } from '../../env/random.ts';
import { deliberativeLoopStatusSchema } from '../../policies/resources/deliberative-loop.ts';
import { nextDueSecond } from '../rounds/schedule.ts';
import {
  type AgentScene,
  loopName,
  type SceneRecord,
  startAgentScene,
  steadyLoop,
  steadySize,
  workload,
} from './agent-scene.fixture.ts';
import type { DuoloopProcess } from './duoloop-process.fixture.ts';
import { alwaysMoving } from './forged-checkpoint.fixture.ts';
import { type QueryProxy, startQueryProxy } from './query-proxy.fixture.ts';

const staleAfterSeconds = 2;
const tickSeconds = 1;
/** Of decisions. */
const intervalSeconds = 1;
const guardrails = { maxStep: 2, minReplicas: 2, maxReplicas: 9, staleAfterSeconds };
/** A machine that other tests share is late now and then. */
const slackSeconds = 1.5;
const queryDelayMilliseconds = 80;
/** Of a round: its lists begin with it, then it measures, then it decides and writes, then it waits; or the first is not there yet. */
const phases = ['list', 'measure', 'write', 'idle', 'start-up'] as const;
const lanes = { 'up-0': 2, 'up-1': 2, 'down-0': -2, 'down-1': -2 } as const;
type Lane = keyof typeof lanes;

describe.skipIf(!inject('sharedCluster').available)('an agent that is killed', () => {
  let scene: AgentScene;
  const records = new Map<string, SceneRecord>();
  const proxies: QueryProxy[] = [];

  beforeAll(async () => {
    scene = await startAgentScene([...Object.keys(lanes), 'alone']);
    for (const namespace of [...Object.keys(lanes), 'alone']) {
      records.set(namespace, scene.record(namespace));
      await scene.closedLoop(namespace, steadyLoop);
    }
    await Promise.all(
      Object.entries(lanes).map(async ([namespace, move]) => {
        await scene.checkpoint(namespace, 'policy', await alwaysMoving(move));
        await scene.deliberativeLoop(namespace, {
          closedLoops: { names: [loopName] },
          policy: { checkpoint: { configMap: { name: 'policy' } } },
          mode: 'Bounded',
          intervalSeconds,
          guardrails,
        });
      }),
    );
  }, 120_000);
  afterAll(async () => {
    await scene?.stop();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }, 60_000);

  test('20 times, at random moments of every phase of a round', { timeout: 170_000 }, async () => {
    await Promise.all((Object.keys(lanes) as Lane[]).map(killInEveryPhase));
  });

  async function killInEveryPhase(lane: Lane): Promise<void> {
    const proxy = await startQueryProxy(scene.lab.prometheusUrl, queryDelayMilliseconds);
    proxies.push(proxy);
    const draw = createDraw(Object.keys(lanes).indexOf(lane) + 1);
    for (const phase of phases) {
      const agent = await scene.agent(`${lane}-${phase}`, { namespaces: [lane], prometheusUrl: proxy.url });
      if (phase === 'start-up') await killInStartUp(agent, draw);
      else {
        await agent.start();
        await setPointInForce(lane, agent);
        await killIn(lane, phase, agent, proxy, draw);
      }
      await expectReactiveLoopAlone(lane, now(), `${lane}, killed in ${phase}`);
    }
    const last = await scene.agent(`${lane}-last`, { namespaces: [lane] });
    await last.start();
    await setPointInForce(lane, last);
    await last.kill();
    await expectDeletable(lane);
  }

  const now = () => Date.now() / 1000;
  const record = (namespace: string) => records.get(namespace) as SceneRecord;

  /** Until that agent has moved the workload to where the reactive loop alone would not leave it. */
  async function setPointInForce(lane: Lane, agent: DuoloopProcess): Promise<void> {
    const seen = async () => {
      const { status } = await scene.readDeliberativeLoop(lane);
      const size = await scene.replicas(lane);
      return { servedBy: status?.agent?.identity, direction: Math.sign(size - steadySize) };
    };
    const expected = { servedBy: agent.name.split(' ').at(-1), direction: Math.sign(lanes[lane]) };
    try {
      await expect.poll(seen, { timeout: 20_000, interval: 50 }).toEqual(expected);
    } catch (error) {
      throw new Error(`${agent.name} has no set-point in force; the end of its log:\n${await agent.logTail()}`, {
        cause: error,
      });
    }
  }

  async function killIn(
    lane: Lane,
    phase: 'list' | 'measure' | 'write' | 'idle',
    agent: DuoloopProcess,
    proxy: QueryProxy,
    draw: Draw,
  ) {
    switch (phase) {
      case 'list':
        await delay(
          1000 * (nextDueSecond(`${lane}/${loopName}`, intervalSeconds, now()) - now()) + draw.uniform(0, 40),
        );
        break;
      case 'measure':
        await proxy.asked();
        await delay(draw.uniform(0, queryDelayMilliseconds));
        expect(proxy.waiting, 'questions that are not answered yet').toBeGreaterThan(0);
        break;
      case 'write':
        await proxy.asked();
        await proxy.answered();
        await delay(draw.uniform(0, 40));
        break;
      case 'idle':
        await proxy.asked();
        await proxy.answered();
        await delay(draw.uniform(200, 700));
        break;
    }
    await agent.kill();
  }

  async function killInStartUp(agent: DuoloopProcess, draw: Draw): Promise<void> {
    const starting = agent.start().catch((error: Error) => error.message);
    await delay(draw.uniform(100, 2_500));
    await agent.kill();
    await starting;
  }

  async function expectReactiveLoopAlone(lane: Lane, killed: number, when: string): Promise<void> {
    const deadline = killed + staleAfterSeconds + 2 * tickSeconds + slackSeconds;
    await delay((deadline - now() + 1) * 1000);
    const sizes = record(lane).sizes;
    const alone = await scene.replicas('alone');
    expect(alone, 'size without an agent').toBe(steadySize);
    const before = sizes.findLast(({ second }) => second <= deadline);
    expect(before?.replicas, `${when}: size once the set-point has run out`).toBe(alone);
    const outside = sizes.filter(
      ({ second, replicas }) =>
        second > killed &&
        replicas !== alone &&
        (second > deadline || replicas < guardrails.minReplicas || replicas > guardrails.maxReplicas),
    );
    expect(outside, when).toEqual([]);
    await expectUntouched(lane, killed, when);
  }

  async function expectUntouched(lane: Lane, killed: number, when: string): Promise<void> {
    const { status, metadata } = await scene.readDeliberativeLoop(lane);
    // Before the first write there is none of the agent's.
    const { proposals } = deliberativeLoopStatusSchema.parse({ proposals: [], ...status });
    expect(
      proposals.filter(({ time }) => Date.parse(time) / 1000 > killed),
      when,
    ).toEqual([]);
    const loop = await scene.readClosedLoop(lane);
    const target = await scene.api.get<typeof loop>(resourceTypes.deployment, lane, workload);
    for (const { finalizers, ownerReferences } of [metadata, loop.metadata, target.metadata] as Held[]) {
      expect([finalizers, ownerReferences], when).toEqual([undefined, undefined]);
    }
  }

  /** With a set-point in force and nobody who takes it back. */
  async function expectDeletable(lane: Lane): Promise<void> {
    await scene.api.delete(resourceTypes.namespace, undefined, lane);
    const gone = () =>
      scene.api.get(resourceTypes.namespace, undefined, lane).then(
        () => false,
        (error: unknown) => isNotFound(error),
      );
    await expect.poll(gone, { timeout: 30_000, interval: 200 }).toBe(true);
  }
});

interface Held {
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly object[];
}
