import { describe, expect, it } from 'vitest';
import { holdChoice, setPointMoves } from '../env/deliberative-action.ts';
import type { ScalingEnv } from '../env/simulator/scaling-env.ts';
import { hindsightChoices, hindsightCosts } from './hindsight.ts';

const stepTicks = 3;
const coldTicks = 6;
/** Size g carries 100 g and has 2 g pods. */
const capacities = Float64Array.of(100, 200, 300, 400, 500);
const podsOfSize = Float64Array.of(0, 2, 4, 6, 8, 10);

function costs(groupSize: number, demand: (tick: number) => number, violation = 10): Record<string, number> {
  const env = {
    lanes: 1,
    weights: { violation, depthShare: 0, churn: 0 },
    nominalPods: 4,
    lastStep: { ticks: stepTicks },
    laneDelays: { coldStartTicks: Int32Array.of(coldTicks) },
    reactiveLoop: { state: { groupSize: Int32Array.of(groupSize), minGroupSize: 1, maxGroupSize: 5 } },
    futureDemand: (_lane: number, tick: number) => demand(tick),
  } as unknown as ScalingEnv;
  const out = new Float32Array(hindsightChoices);
  hindsightCosts(env, podsOfSize, capacities, out, 0);
  return Object.fromEntries([...setPointMoves.map((move, i) => [`${move}`, out[i]]), ['hold', out[holdChoice]]]);
}

describe('what each move would have cost', () => {
  it('is its pods where every size is enough, within the bounds of the group; hold costs what staying does', () => {
    expect(costs(3, () => 50)).toEqual({ '-2': 0.5, '-1': 1, 0: 1.5, 1: 2, 2: 2.5, 4: 2.5, hold: 1.5 });
  });

  it('counts the ticks that the pods ordered now decide: from a cold start on, for one interval', () => {
    const during = (from: number, to: number) => costs(2, (tick) => (tick >= from && tick < to ? 390 : 50));
    // Before the new pods are ready nothing that is kept or ordered makes a difference.
    expect(during(0, coldTicks)['1']).toBe(1.5);
    expect(during(0, coldTicks)['0']).toBe(1);
    // In the interval after it, sizes 1 to 3 fail and 4 does not.
    const decided = during(coldTicks, coldTicks + stepTicks);
    expect(decided['2']).toBe(2);
    expect(decided['1']).toBeGreaterThan(10);
    expect(decided['0']).toBeGreaterThan(10);
    expect(during(coldTicks + stepTicks, 1000)['0']).toBe(1); // the next decision's
  });

  it('counts at once what a pod given up is missed for', () => {
    const soon = costs(3, (tick) => (tick < 3 ? 250 : 50));
    expect(soon['0']).toBe(1.5);
    expect(soon['-1']).toBeGreaterThan(10);
    const later = costs(3, (tick) => (tick >= coldTicks + stepTicks ? 250 : 50));
    expect(later['-1']).toBe(1); // can be ordered again in time
  });

  it('prefers the size that fails less where all fail, once violations are dearer than the pods', () => {
    const hopeless = costs(3, () => 600, 40);
    const order = ['-2', '-1', '0', '1', '2'].map((move) => hopeless[move]);
    for (const [i, cost] of order.entries()) if (i > 0) expect(cost).toBeLessThan(order[i - 1]);
  });
});
