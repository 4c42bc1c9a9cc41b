import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DemandPerTick } from './demand.ts';
import { coverNeeds, readyUnderPlan } from './plan.ts';
import { planTradeOff } from './trade-off.ts';

const sizes = 3;
/** Group sizes 1 to 3; a size may cost nothing more than the one below it. */
const podsPerSize = Float64Array.of(0, 1, 2, 4);

const small = fc.record({
  needed: fc.array(fc.integer({ min: 1, max: sizes }), { minLength: 1, maxLength: 7 }).map((n) => Int32Array.from(n)),
  coldTicks: fc.integer({ min: 0, max: 3 }),
});

/** Pods one by one: ordered with their tick, the youngest leaving first. The first plan entry is ready from the start. */
function readyByPods(plan: Int32Array, coldTicks: number): number[] {
  const orderedAt: number[] = Array(plan[0]).fill(Number.NEGATIVE_INFINITY);
  return [...plan].map((desired, tick) => {
    while (orderedAt.length > desired) orderedAt.pop();
    while (orderedAt.length < desired) orderedAt.push(tick);
    return orderedAt.filter((ordered) => tick - ordered >= coldTicks).length;
  });
}

function* allPlans(ticks: number): Generator<Int32Array> {
  const plan = new Int32Array(ticks).fill(1);
  for (;;) {
    yield plan.slice();
    let tick = 0;
    while (tick < ticks && plan[tick] === sizes) plan[tick++] = 1;
    if (tick === ticks) return;
    plan[tick]++;
  }
}

/** Pods plus weighted violations of a plan, by the pod-by-pod simulation. */
function costOf(plan: Int32Array, { needed }: { needed: Int32Array }, coldTicks: number, weight: number): number {
  const ready = readyByPods(plan, coldTicks);
  return plan.reduce((sum, size, tick) => {
    const violation = ready[tick] < needed[tick] ? weight : 0;
    return sum + podsPerSize[size] + violation;
  }, 0);
}

describe('readyUnderPlan', () => {
  it('is what a pod-by-pod simulation gives', () => {
    fc.assert(
      fc.property(small, ({ needed: plan, coldTicks }) => {
        expect([...readyUnderPlan(plan, coldTicks)]).toEqual(readyByPods(plan, coldTicks));
      }),
    );
  });
});

describe('coverNeeds', () => {
  it('keeps pods through gaps shorter than the cold start and drops them in longer ones', () => {
    const needed = Int32Array.of(2, 1, 1, 2, 1, 1, 1, 1, 1, 2);
    expect([...coverNeeds(needed, 3)]).toEqual([2, 2, 2, 2, 1, 1, 2, 2, 2, 2]);
    expect([...coverNeeds(needed, 0)]).toEqual([...needed]);
  });

  it('has no violation and no plan without violations is cheaper, over all plans of small cases', () => {
    fc.assert(
      fc.property(small, ({ needed, coldTicks }) => {
        const pods = (plan: Int32Array) => costOf(plan, { needed }, coldTicks, 0);
        const keepsSla = (plan: Int32Array) => {
          const ready = readyByPods(plan, coldTicks);
          return needed.every((need, tick) => ready[tick] >= need);
        };
        const plan = coverNeeds(needed, coldTicks);
        expect(keepsSla(plan)).toBe(true);
        let fewest = Number.POSITIVE_INFINITY;
        for (const other of allPlans(needed.length)) if (keepsSla(other)) fewest = Math.min(fewest, pods(other));
        expect(pods(plan)).toBe(fewest);
      }),
      { numRuns: 60 },
    );
  });
});

describe('planTradeOff', () => {
  const tradeOff = (demand: DemandPerTick, coldTicks: number, violationWeight: number) =>
    planTradeOff({ demand, coldTicks, podsPerSize, minGroupSize: 1, violationWeight });
  const servable = (needed: Int32Array): DemandPerTick => ({ needed, servable: new Uint8Array(needed.length).fill(1) });

  it('is optimal over all plans of small cases, for any weight', () => {
    fc.assert(
      fc.property(small, fc.integer({ min: 0, max: 24 }), ({ needed, coldTicks }, quarterWeight) => {
        const weight = quarterWeight / 4;
        const plan = tradeOff(servable(needed), coldTicks, weight);
        let best = Number.POSITIVE_INFINITY;
        for (const other of allPlans(needed.length)) {
          best = Math.min(best, costOf(other, { needed }, coldTicks, weight));
        }
        expect(costOf(plan, { needed }, coldTicks, weight)).toBeCloseTo(best, 9);
      }),
      { numRuns: 60 },
    );
  });

  it('gives a lone spike up when it costs more than its weight, and serves it when not', () => {
    const needed = Int32Array.of(1, 1, 1, 1, 3, 1, 1);
    // The spike holds 3 more pods for the tick and the two of its cold start: 9 pod-ticks.
    expect([...tradeOff(servable(needed), 2, 8.9)]).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect([...tradeOff(servable(needed), 2, 9.1)]).toEqual([1, 1, 3, 3, 3, 1, 1]);
  });

  it('holds the largest size through ticks that no size serves', () => {
    const demand = { needed: Int32Array.of(1, 3, 1), servable: Uint8Array.of(1, 0, 1) };
    expect([...tradeOff(demand, 1, 0.01)]).toEqual([3, 3, 1]);
  });

  it('with a large weight it is the plan without violations', () => {
    fc.assert(
      fc.property(small, ({ needed, coldTicks }) => {
        expect(tradeOff(servable(needed), coldTicks, 1e6)).toEqual(coverNeeds(needed, coldTicks));
      }),
    );
  });
});
