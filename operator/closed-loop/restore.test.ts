import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../policies/reactive/decide.ts';
import { initialLoopState, type LoopState } from '../../policies/reactive/loop-state.ts';
import { closedLoopSpecSchema, closedLoopStatusSchema } from '../../policies/resources/closed-loop.ts';
import { loopSpecOf } from './loop-spec-of.ts';
import { rebaseState, rememberedStatus, restoreState } from './restore.ts';
import { nextStatus } from './status.ts';

const metric = (name: string, rank: number) => ({
  name,
  rank,
  source: { push: {} },
  thresholds: [
    { kind: 'superior', value: 70, reaction: { horizontal: { by: 2 } } },
    { kind: 'inferior', value: 20, reaction: { horizontal: { by: -3 } } },
  ],
});
const specWith = (...metrics: ReturnType<typeof metric>[]) =>
  loopSpecOf(
    closedLoopSpecSchema.parse({
      targetRef: { name: 'web' },
      metrics,
      behavior: {
        maxReplicas: 50,
        scaleUp: { rateLimit: { pods: 4, periodSeconds: 60 } },
        scaleDown: { stabilizationWindowSeconds: 0, rateLimit: { percent: 20, periodSeconds: 120 } },
      },
    }),
    undefined,
    undefined,
  );
const spec = specWith(metric('cpu', 1), metric('memory', 2), metric('queue', 3));
const now = 1_800_000_000;

/** To the millisecond, as timestamps are. */
const second = fc.integer({ min: 0, max: 3_600_000 }).map((ago) => (now * 1000 - ago) / 1000);
const change = fc.record({ second, size: fc.integer({ min: 1, max: 20 }) });
const byTime = <T extends { second: number }>(changes: T[]) => [...changes].sort((a, b) => a.second - b.second);
const name = fc.constantFrom('cpu', 'memory', 'queue');

const state: fc.Arbitrary<LoopState> = fc.record({
  startSecond: fc.constant(null),
  ranks: fc
    .shuffledSubarray(['cpu', 'memory', 'queue'], { minLength: 3 })
    .map((order) => Object.fromEntries(order.map((each, place) => [each, place + 1]))),
  reactionEpochs: fc.record({
    cpu: fc.array(second, { maxLength: 10 }),
    memory: fc.array(second, { maxLength: 10 }),
    queue: fc.array(second, { maxLength: 10 }),
  }),
  recentReactions: fc.array(name, { maxLength: 10 }),
  increaseRank: fc.option(name),
  increaseTime: fc.option(second),
  rankChangeSeconds: fc.array(second, { maxLength: 60 }),
  recommendations: fc.constant([]),
  added: fc.array(change, { maxLength: 30 }).map(byTime),
  removed: fc.array(change, { maxLength: 30 }).map(byTime),
  notSmallerSecond: fc.constant({ cpu: null, memory: null }),
  missingTicks: fc.constant(0),
  setPoint: fc.option(fc.record({ size: fc.integer({ min: 0, max: 60 }), second, applied: fc.boolean() })),
});

const statusOf = (remembered: LoopState) =>
  closedLoopStatusSchema.parse(
    JSON.parse(
      JSON.stringify(
        nextStatus(undefined, {
          generation: 1,
          target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
          replicas: 3,
          state: remembered,
          record: undefined,
          isAct: false,
          conditions: [],
        }),
      ),
    ),
  );

describe('what a loop remembers', () => {
  it('comes back from the status as it was', () => {
    fc.assert(
      fc.property(state, (remembered) => {
        expect(restoreState(spec, statusOf(remembered), true)).toEqual(remembered);
      }),
    );
  });

  it('makes a new leader decide as the old one would have, rate limits and set-point included', () => {
    const observation = fc.record({
      groupSize: fc.integer({ min: 1, max: 50 }),
      metrics: fc.record({
        cpu: fc.integer({ max: 100, min: 0 }),
        memory: fc.integer({ max: 100, min: 0 }),
        queue: fc.constant(50),
      }),
    });
    fc.assert(
      fc.property(state, observation, (remembered, observed) => {
        const restored = restoreState(spec, statusOf(remembered), true);
        expect(decide(spec, restored, observed, now)).toEqual(decide(spec, remembered, observed, now));
      }),
    );
  });

  it('takes the ranks of the spec when somebody changed it meanwhile', () => {
    const raised = { ...initialLoopState(spec), ranks: { cpu: 2, memory: 1, queue: 3 } };
    expect(restoreState(spec, statusOf(raised), false).ranks).toEqual({ cpu: 1, memory: 2, queue: 3 });
  });

  it.each([
    ['a rank twice', { cpu: 1, memory: 1, queue: 3 }],
    ['an unknown metric', { cpu: 1, memory: 2, disk: 3 }],
    ['a metric less', { cpu: 1, memory: 2 }],
  ])('does not take over a ranking with %s', (_, ranks) => {
    const stored = { ...statusOf(initialLoopState(spec)), ranks: ranks as unknown as Record<string, number> };
    expect(restoreState(spec, stored, true).ranks).toEqual({ cpu: 1, memory: 2, queue: 3 });
  });
});

describe('a changed spec', () => {
  const raised: LoopState = {
    ...initialLoopState(spec),
    ranks: { cpu: 2, memory: 1, queue: 3 },
    recentReactions: ['cpu', 'queue'],
    increaseRank: 'queue',
  };

  it('keeps raised ranks when only something else was changed', () => {
    expect(rebaseState(raised, spec, { ...spec, paused: true })).toBe(raised);
  });

  it('forgets a metric that is gone and ranks anew', () => {
    const after = specWith(metric('cpu', 1), metric('memory', 2));
    expect(rebaseState(raised, spec, after)).toMatchObject({
      ranks: { cpu: 1, memory: 2 },
      recentReactions: ['cpu'],
      increaseRank: null,
    });
  });
});

it('keeps no more than the status has room for, the newest', () => {
  const many = Array.from({ length: 100 }, (_, i) => ({ second: now - 100 + i, size: 1 }));
  const { recentChanges, rankChanges } = rememberedStatus({
    ...initialLoopState(spec),
    added: many,
    rankChangeSeconds: many.map((each) => each.second),
  });
  expect([recentChanges.length, rankChanges.length]).toEqual([64, 60]);
  expect(recentChanges.at(-1)?.time).toBe(new Date((now - 1) * 1000).toISOString());
});
