import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askLastTen, raiseProposal, randomGroupProposal } from './operator-policies.ts';

const input = {
  closedLoop: 'shop',
  seed: 7,
  intervalSeconds: 60,
  guardrails: {},
  behavior: { minReplicas: 2, maxReplicas: 9 },
  now: 1_700_000_003,
};

describe('randomGroupProposal', () => {
  it('is the same all interval long, whoever asks, and another by seed, loop and interval', () => {
    const first = randomGroupProposal(input);
    // 1_700_000_003 is 23 s into its minute.
    expect(first.time).toBe('2023-11-14T22:13:00.000Z');
    expect(randomGroupProposal({ ...input, now: input.now + 36 })).toEqual(first);
    const sequence = (change: Partial<typeof input>) =>
      Array.from(
        { length: 20 },
        (_, minute) => randomGroupProposal({ ...input, ...change, now: minute * 60 }).setPoint,
      );
    expect(sequence({})).toEqual(sequence({}));
    expect(sequence({ seed: 8 })).not.toEqual(sequence({}));
    expect(sequence({ closedLoop: 'cart' })).not.toEqual(sequence({}));
  });

  it('gives every size between the bounds its share', () => {
    const guardrails = { minReplicas: 3, maxReplicas: 8 };
    const counts = new Map<number, number>();
    for (let minute = 0; minute < 6000; minute++) {
      const { setPoint = Number.NaN } = randomGroupProposal({ ...input, guardrails, now: minute * 60 });
      counts.set(setPoint, (counts.get(setPoint) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([3, 4, 5, 6, 7, 8]);
    // 1000 each is expected, with a standard deviation of 29.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('stays within bounds that hardly meet', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.nat(20), fc.nat(20), (a, b, c, d) => {
        const behavior = { minReplicas: Math.min(a, b), maxReplicas: Math.max(a, b) };
        const guardrails = { minReplicas: Math.min(c, d), maxReplicas: Math.max(c, d) };
        const { setPoint } = randomGroupProposal({ ...input, behavior, guardrails });
        expect(setPoint).toBeLessThanOrEqual(Math.min(behavior.maxReplicas, guardrails.maxReplicas));
      }),
    );
  });
});

describe('askLastTen', () => {
  const epochs = { cpu: Array.from({ length: 10 }, (_, index) => index * 15), memory: [150] };
  const nothing = { increaseRank: null, increaseTime: null };
  const memory = { action: 'Increase rank', metric: 'memory' };

  it('does not repeat a raise within a minute that was proposed, even if it was refused', () => {
    expect(askLastTen(nothing, epochs, undefined, false, 200)).toEqual(memory);
    const proposed = { metric: 'memory', second: 200 };
    expect(askLastTen(nothing, epochs, proposed, false, 260).metric).toBeNull();
    expect(askLastTen(nothing, epochs, proposed, false, 261)).toEqual(memory);
  });

  it('takes a raise that is only shown as made', () => {
    const proposed = { metric: 'memory', second: 200 };
    expect(askLastTen(nothing, epochs, proposed, true, 500).metric).toBeNull();
    // One that was made since counts more.
    expect(askLastTen({ increaseRank: 'cpu', increaseTime: 300 }, epochs, proposed, true, 500)).toEqual(memory);
  });
});

describe('raiseProposal', () => {
  it('swaps with the one above, and has nothing to say of the first or of an unknown one', () => {
    const ranks = { cpu: 1, memory: 2, p95: 3 };
    expect(raiseProposal('shop', ranks, 'p95', 1.5)).toEqual({
      closedLoop: 'shop',
      ranks: { cpu: 1, memory: 3, p95: 2 },
      time: '1970-01-01T00:00:01.500Z',
    });
    expect(raiseProposal('shop', ranks, 'cpu', 1)).toBeUndefined();
    expect(raiseProposal('shop', ranks, 'disk', 1)).toBeUndefined();
  });
});
