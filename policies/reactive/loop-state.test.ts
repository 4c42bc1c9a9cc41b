import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLoopSpec } from './loop-spec.ts';
import { adoptRanks, initialLoopState, initialRanks, raiseRank, ranksWithRaised } from './loop-state.ts';

const names = ['cpu', 'memory', 'p95', 'constructor'];
const spec = parseLoopSpec({
  metrics: names.map((name, index) => ({
    name,
    rank: index + 1,
    thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
  })),
  behavior: { maxReplicas: 10 },
  guardrails: { rankChangesPerHour: 3 },
});
const limits = { guardrails: { rankChangesPerHour: 1000 } };
const permutation = fc
  .shuffledSubarray(names, { minLength: names.length })
  .map((order) => Object.fromEntries(order.map((name, index) => [name, index + 1])));

describe('adoptRanks', () => {
  it('makes of an adjacent swap exactly what raiseRank makes', () => {
    fc.assert(
      fc.property(permutation, fc.constantFrom(...names), fc.nat(10_000), (ranks, metric, second) => {
        const { state } = adoptRanks(limits, initialLoopState(spec), ranks, 0);
        const raise = raiseRank(limits, state, metric, second);
        const adoption = adoptRanks(limits, state, ranksWithRaised(state.ranks, metric) ?? {}, second);
        expect(adoption.state).toEqual(raise.state);
        expect(adoption.adopted).toBe(raise.raised);
        expect(raise.raised).toBe(state.ranks[metric] > 1);
        if (raise.raised) {
          expect(raise.state).toMatchObject({ increaseRank: metric, increaseTime: second });
          expect(raise.state.ranks[metric]).toBe(state.ranks[metric] - 1);
        }
      }),
    );
  });

  it('takes over any permutation, names a metric that rose, and changes nothing the second time', () => {
    fc.assert(
      fc.property(permutation, permutation, (from, to) => {
        const before = adoptRanks(limits, initialLoopState(spec), from, 1).state;
        const { state, adopted } = adoptRanks(limits, before, to, 2);
        expect(state.ranks).toEqual(to);
        expect(adopted).toBe(names.some((name) => from[name] !== to[name]));
        if (adopted) expect(to[state.increaseRank as string]).toBeLessThan(from[state.increaseRank as string]);
        expect(adoptRanks(limits, state, to, 3)).toEqual({ state, adopted: false, refusedBy: 'unchanged' });
      }),
    );
  });

  it.each([
    [{ cpu: 1, memory: 2, p95: 3 }, 'incomplete'],
    [{ cpu: 1, memory: 1, p95: 3, constructor: 4 }, 'incomplete'],
    [{ cpu: 1, memory: 2, p95: 3, constructor: 5 }, 'incomplete'],
    [{ cpu: 1, memory: 2, p95: 3, constructor: 4, disk: 5 }, 'unknownMetric'],
    [{ cpu: 2, memory: 1, p95: 3, toString: 4 }, 'unknownMetric'],
    [{}, 'incomplete'],
  ])('refuses %j: %s', (ranks, refusedBy) => {
    const state = initialLoopState(spec);
    expect(adoptRanks(spec, state, ranks as unknown as Record<string, number>, 5)).toEqual({
      state,
      adopted: false,
      refusedBy,
    });
  });

  it('counts a whole ranking as one change of the hour', () => {
    let state = initialLoopState(spec);
    const reversed = { cpu: 4, memory: 3, p95: 2, constructor: 1 };
    for (const [second, ranks] of [reversed, initialRanks(spec), reversed].entries()) {
      ({ state } = adoptRanks(spec, state, ranks, second));
    }
    expect(state.ranks).toEqual(reversed);
    expect(raiseRank(spec, state, 'cpu', 3).refusedBy).toBe('rankChangesPerHour');
    expect(raiseRank(spec, state, 'cpu', 3600.5).raised).toBe(true);
  });
});
