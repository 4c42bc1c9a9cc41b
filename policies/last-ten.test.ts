import { describe, expect, it } from 'vitest';
import { lastTen, lastTenDecision } from './last-ten.ts';
import { createTestFleet, testApp } from './reactive/fleet.fixture.ts';

const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
const ask = (
  cpu: number[],
  memory: number[],
  increaseRank: string | null = null,
  increaseTime: number | null = null,
  now = 1000,
) => lastTenDecision({ reactionEpochs: { cpu, memory }, increaseRank, increaseTime, now });
const raise = (metric: string) => ({ action: 'Increase rank', metric });
const nothing = { action: 'No action', metric: null };

describe('lastTenDecision', () => {
  it.each([
    ['one has never reacted', ask(from(0, 10), []), nothing],
    ['none has reacted ten times', ask(from(0, 9), from(20, 9)), nothing],
    ['9 cpu and 1 memory, then 2 more for cpu', ask([...from(0, 9), 20, 21], [10]), raise('memory')],
    ['the shorter list is raised, either way', ask([10], from(20, 10)), raise('cpu')],
    ['of two full lists the one with the older head', ask(from(0, 10), from(5, 10)), raise('cpu')],
    ['only the last ten are looked at', ask(from(0, 30), from(5, 10)), raise('memory')],
    ['a change exactly a minute old is too young', ask(from(0, 10), [3], 'cpu', 940), nothing],
    ['a change over a minute old is not', ask(from(0, 10), [3], 'cpu', 939), raise('memory')],
    ['what was raised last is not raised again', ask(from(0, 10), [3], 'memory', 0), nothing],
  ])('%s', (_, answer, expected) => {
    expect(answer).toEqual(expected);
  });

  it('compares those that have reacted when there are more than two', () => {
    const reactionEpochs = { cpu: from(0, 10), memory: [4, 5], p95: [] };
    const input = { reactionEpochs, increaseRank: null, increaseTime: null, now: 1000 };
    expect(lastTenDecision(input)).toEqual(raise('memory'));
  });
});

describe('policy last-ten', () => {
  it('raises the rank of the metric that reacted less, lane by lane, and forgets it on reset', async () => {
    const app = testApp([1]);
    const context = { app, lanes: 2, tickSeconds: 5, coldStartSeconds: 30, metricLagSeconds: 30, seed: 1 };
    const controller = (await lastTen.createController(context)) as ReturnType<typeof lastTen.createController> & {
      loop: { state: { ranks: Int32Array } };
    } & Awaited<ReturnType<typeof lastTen.createController>>;
    const fleet = createTestFleet(2, 1, 1);
    const tick = (p95: number, cpu: number) => {
      for (let lane = 0; lane < 2; lane++) fleet.metrics.second[lane] += controller.intervalSeconds;
      fleet.metrics.p95Milliseconds.set([p95, 1]);
      fleet.metrics.cpuPercent.fill(cpu);
      fleet.metrics.memory.fill(60);
      controller.decide(fleet.metrics, fleet.actions);
    };
    const ranks = (lane: number) => [0, 1, 2].map((metric) => controller.loop.state.ranks[metric * 2 + lane]);
    tick(1, 80);
    for (let i = 0; i < 9; i++) tick(6, 80);
    expect(ranks(0)).toEqual([1, 2, 3]);
    tick(6, 80);
    expect(ranks(0)).toEqual([2, 1, 3]);
    expect(ranks(1)).toEqual([1, 2, 3]);
    controller.resetLane(0);
    expect(ranks(0)).toEqual([1, 2, 3]);
  });
});
