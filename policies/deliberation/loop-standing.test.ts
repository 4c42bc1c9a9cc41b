import { describe, expect, it } from 'vitest';
import { type ClosedLoopStatus, closedLoopSpecSchema } from '../resources/closed-loop.ts';
import { ranksInForce, reactionStanding, wantedMemorySize } from './loop-standing.ts';

const metric = (name: string, rank: number) => ({
  name,
  rank,
  source: { push: {} },
  thresholds: [{ kind: 'superior' as const, value: 70, reaction: { horizontal: { by: 1 } } }],
});
const spec = closedLoopSpecSchema.parse({
  targetRef: { kind: 'Deployment', name: 'web' },
  intervalSeconds: 15,
  metrics: [metric('p95', 10), metric('cpu', 20)],
  behavior: { maxReplicas: 9 },
});
const names = ['p95', 'cpu'];
const empty: ClosedLoopStatus = {
  ranks: {},
  ranking: '',
  target: '',
  recentDecisions: [],
  reactionEpochs: {},
  recentReactions: [],
  rankChanges: [],
  recentChanges: [],
  conditions: [],
};
const decision: NonNullable<ClosedLoopStatus['lastDecision']> = {
  time: '2026-01-01T00:00:00.000Z',
  message: 'High cpu',
  losers: [],
  clampedBy: [],
  action: 'React to cpu',
  from: 9,
  to: 9,
  missing: [],
  values: {},
};
const standing = (status: ClosedLoopStatus, breaches: number[], unixSecond: number, timeScale = 1) =>
  reactionStanding(
    { key: 'shop/web', spec, status, groupSize: 9, measurement: undefined },
    names,
    breaches,
    { second: unixSecond * timeScale, unixSecond },
    timeScale,
  );

describe('reactions', () => {
  const reacted: ClosedLoopStatus = {
    ...empty,
    reactionEpochs: { cpu: [970, 1000] },
    recentReactions: ['p95', 'cpu', 'cpu'],
    lastDecision: { ...decision, winner: 'cpu' },
  };

  it('go on unwritten while the winner is still in breach: the loop is at its largest, tick after tick', () => {
    // Ticks at 1015, 1030 and 1045; that of 1060 is still to come.
    const found = standing(reacted, [0, 1], 1060);
    expect(found.lastReactionSecond).toEqual([Number.NEGATIVE_INFINITY, 1045]);
    expect(found.recentReactions).toEqual([1, 5]);
    // The last ten are all its own.
    expect(standing(reacted, [0, 1], 2000).recentReactions).toEqual([0, 10]);
  });

  it('are those written once the breach is over', () => {
    const found = standing(reacted, [0, 0], 1060);
    expect(found.lastReactionSecond[1]).toBe(1000);
    expect(found.recentReactions).toEqual([1, 2]);
  });

  it('are dated by the clock of the observation where a lab runs faster than life', () => {
    expect(standing(reacted, [0, 0], 1060, 10).lastReactionSecond[1]).toBe(10_000);
  });

  it('of the future, or of no number, count as of now and as never', () => {
    const odd = { ...reacted, reactionEpochs: { cpu: [5000], p95: [Number.NaN] } };
    expect(standing(odd, [0, 0], 1060).lastReactionSecond).toEqual([Number.NEGATIVE_INFINITY, 1060]);
  });
});

describe('ranks', () => {
  it.each<[string, Record<string, number>, Record<string, number>]>([
    ['the status says', { p95: 2, cpu: 1 }, { p95: 2, cpu: 1 }],
    ['the spec says when the status has none', {}, { p95: 1, cpu: 2 }],
    ['the spec says when the status is of other metrics', { p95: 2, memory: 1 }, { p95: 1, cpu: 2 }],
    ['the spec says when the status has one twice', { p95: 1, cpu: 1 }, { p95: 1, cpu: 2 }],
    ['the spec says when the status has more', { p95: 2, cpu: 1, memory: 3 }, { p95: 1, cpu: 2 }],
  ])('are what %s', (_, ranks, expected) => {
    expect(ranksInForce(spec, { ...empty, ranks })).toEqual(expected);
  });
});

it('the memory size is the last that a decision wanted', () => {
  const vertical = (to: number) => ({ ...decision, vertical: { resource: 'memory' as const, to } });
  expect(wantedMemorySize({ ...empty, lastDecision: decision, recentDecisions: [vertical(1.5), vertical(1.25)] })).toBe(
    1.5,
  );
  expect(wantedMemorySize({ ...empty, lastDecision: vertical(1.75), recentDecisions: [vertical(1.75)] })).toBe(1.75);
  expect(wantedMemorySize(empty)).toBeUndefined();
});
