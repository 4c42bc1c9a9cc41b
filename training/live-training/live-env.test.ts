import { describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import { holdChoice, setPointMoves } from '../../env/deliberative-action.ts';
import type { LoopDecision, LoopView } from '../../policies/deliberation/contract.ts';
import type { LiveDeliberation } from '../../policies/deliberation/deliberation.ts';
import {
  type DeliberativeLoopSpec,
  guardrailsSchema,
  type Proposal,
} from '../../policies/resources/deliberative-loop.ts';
import type { LiveWorld } from './contract.ts';
import { createLiveEnv } from './live-env.ts';

const app = await loadApp('frontend');
const keys = ['shop/a', 'shop/b'];
const guardrails = guardrailsSchema.parse({ maxStep: 2, maxReplicas: 7 }) as DeliberativeLoopSpec['guardrails'];
const unreachable = new KubernetesError(0, 'Unreachable', 'connect ECONNREFUSED');
const signal = new AbortController().signal;

function scene() {
  const proposed: (readonly Proposal[])[] = [];
  const sizes = [5, 6];
  const failing = { look: false, propose: false, past: false };
  const remembered: unknown[] = [];
  const time = { second: 1000 };
  const world: LiveWorld = {
    keys,
    async look() {
      if (failing.look) throw unreachable;
      const behavior = { minReplicas: 1, maxReplicas: 10 };
      const metrics = [{ name: 'cpu', rank: 1 }];
      const views = keys.map(
        (key, i) => ({ key, groupSize: sizes[i], spec: { behavior, metrics } }) as unknown as LoopView,
      );
      return { guardrails, views };
    },
    async propose(proposals) {
      if (failing.propose) throw unreachable;
      proposed.push(proposals);
    },
    async past({ fromSecond, toSecond, stepSeconds }) {
      if (failing.past) throw unreachable;
      expect({ fromSecond, toSecond, stepSeconds }).toEqual({ fromSecond: 454, toSecond: 994, stepSeconds: 6 });
      return new Map([['shop/a', [{ unixSecond: 994, load: 70 }]]]);
    },
    release: async () => {},
  };
  let look = 0;
  const abstaining = new Set<string>();
  const deliberation = {
    observationNames: ['look'],
    intervalSeconds: 60,
    historySeconds: 5400,
    remember: (key: string, loads: unknown) => remembered.push([key, loads]),
    decide(views: readonly LoopView[]) {
      look++;
      return views.map(
        ({ key }): Partial<LoopDecision> => ({
          key,
          observation: Float32Array.of(look),
          abstention: abstaining.has(key) ? { reason: 'MetricsMissing', message: 'no load' } : undefined,
        }),
      );
    },
    comparison: () => ({ live: { seconds: 1 }, reward: { live: { reward: -look } } }),
  } as unknown as LiveDeliberation;
  const lines: string[] = [];
  const env = createLiveEnv({
    world,
    deliberation,
    app,
    metricNames: ['cpu'],
    log: (line) => lines.push(line),
    clock: {
      now: () => time.second,
      pause: async (milliseconds) => {
        time.second += milliseconds / 1000;
      },
      timeScale: 10,
      epochSecond: 0,
    },
  });
  const act = (...moves: number[]) => ({
    choices: Int32Array.from(moves.flatMap((move) => [0, move])),
    confidences: Float32Array.of(0.5, 0.5),
    values: new Float32Array(2),
  });
  return { env, act, proposed, failing, time, abstaining, lines, sizes, remembered };
}
const up4 = setPointMoves.indexOf(4);

describe('a step on live closed loops', () => {
  it('proposes within the guardrails, and takes a decision interval however long the rest of it took', async () => {
    const on = scene();
    expect((await on.env.first(signal)).usable).toEqual(Uint8Array.of(1, 1));
    const begun = on.time.second;
    on.time.second += 2;
    const step = await on.env.step(on.act(up4, holdChoice), signal);
    expect(on.time.second).toBe(begun + 6);
    expect(step.rewards).toEqual(Float32Array.of(-2, -2));
    expect(step.observations).toEqual(Float32Array.of(2, 2));
    // The step of 4 is cut to 2, then the maximum of 7 holds for both.
    expect(on.proposed).toMatchObject([[{ closedLoop: 'a', setPoint: 7, confidence: 0.5 }, { closedLoop: 'b' }]]);
    expect(on.proposed[0][1].setPoint).toBeUndefined();
    await on.env.step(on.act(0, up4), signal);
    expect(on.proposed[1]).toMatchObject([{ setPoint: 3 }, { setPoint: 7 }]);
  });

  it('proposes nothing for a loop that cannot be decided for, and says so once', async () => {
    const on = scene();
    on.abstaining.add('shop/b');
    expect((await on.env.first(signal)).usable).toEqual(Uint8Array.of(1, 0));
    await on.env.step(on.act(up4, up4), signal);
    expect(on.proposed[0].map(({ closedLoop }) => closedLoop)).toEqual(['a']);
    on.abstaining.clear();
    await on.env.step(on.act(up4, up4), signal);
    expect(on.lines).toEqual(['shop/b: not decided on: no load', 'shop/b: decided on again']);
  });

  it('is told the load of the past by the application’s clock, and begins without where there is none to be had', async () => {
    const on = scene();
    await on.env.first(signal);
    expect(on.remembered).toEqual([['shop/a', [{ second: 9940, load: 70 }]]]);
    const off = scene();
    off.failing.past = true;
    expect((await off.env.first(signal)).usable).toEqual(Uint8Array.of(1, 1));
    expect(off.lines).toEqual(['begun without the load of the past: connect ECONNREFUSED']);
  });

  it('has a gap while the API server is gone, and learns nothing from what was not carried out', async () => {
    const on = scene();
    await on.env.first(signal);
    on.failing.propose = true;
    expect(Array.from((await on.env.step(on.act(up4, up4), signal)).rewards)).toEqual([Number.NaN, Number.NaN]);
    on.failing.propose = false;
    on.failing.look = true;
    expect((await on.env.step(on.act(up4, up4), signal)).usable).toEqual(Uint8Array.of(0, 0));
    on.failing.look = false;
    const back = await on.env.step(on.act(up4, up4), signal);
    expect(on.proposed.at(-1)).toEqual([]);
    expect(back.usable).toEqual(Uint8Array.of(1, 1));
  });
});
