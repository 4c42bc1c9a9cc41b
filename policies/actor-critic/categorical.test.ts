import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entropy, likeliestChoice, logSoftmax, medianMove, sampleChoice } from './categorical.ts';

const anyLogits = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 2, maxLength: 8 });
/** Logits between others that must not be touched or read. */
const embed = (logits: readonly number[]) => Float32Array.from([999, ...logits, 999]);

describe('a categorical head', () => {
  it('has the probabilities of its logits, leaves its neighbours alone and does not mind a shift', () => {
    fc.assert(
      fc.property(anyLogits, fc.double({ min: -500, max: 500, noNaN: true }), (logits, shift) => {
        const row = embed(logits);
        logSoftmax(row, 1, logits.length);
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
        for (const [i, logit] of logits.entries()) expect(Math.exp(row[i + 1])).toBeCloseTo(Math.exp(logit) / total, 5);
        expect([row[0], row.at(-1)]).toEqual([999, 999]);
        const shifted = embed(logits.map((logit) => logit + shift));
        logSoftmax(shifted, 1, logits.length);
        for (let i = 0; i < logits.length; i++) expect(shifted[i + 1]).toBeCloseTo(row[i + 1], 3);
        const plain = logits.map((logit) => Math.exp(logit) / total);
        const expected = -plain.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
        expect(entropy(row, 1, logits.length)).toBeCloseTo(expected, 4);
        expect(plain[likeliestChoice(row, 1, logits.length)]).toBeCloseTo(Math.max(...plain), 6);
      }),
    );
  });

  it('gives each choice the share of [0, 1) that is its probability, in order', () => {
    const probabilities = [0.1, 0.25, 0, 0.4, 0.25];
    const row = embed(probabilities.map(Math.log));
    const borders = [0, 0.1, 0.35, 0.35, 0.75, 1];
    for (let i = 0; i < 1000; i++) {
      const uniform = (i + 0.5) / 1000;
      const choice = sampleChoice(row, 1, 5, uniform);
      expect(uniform >= borders[choice] && uniform < borders[choice + 1], `${uniform} → ${choice}`).toBe(true);
    }
    expect(sampleChoice(row, 1, 5, 0)).toBe(0);
    expect(sampleChoice(row, 1, 5, 1 - 2 ** -32)).toBe(4);
  });
});

describe('the median move', () => {
  const neutral = 2; // of −2 −1 0 +1 +2 +4, and hold
  const median = (probabilities: readonly number[]) => medianMove(embed(probabilities.map(Math.log)), 1, 7, neutral);

  it.each([
    ['all to one move', [0, 0, 0, 0, 1, 0, 0], 4],
    ['all to hold: stay', [0, 0, 0, 0, 0, 0, 1], 2],
    ['stay likeliest, but most of the mass moves up', [0, 0, 0.4, 0.2, 0.2, 0.2, 0], 3],
    ['hold counts as staying', [0.3, 0, 0.1, 0.2, 0, 0.2, 0.2], 2],
    ['most of the mass moves down', [0.3, 0.25, 0, 0, 0, 0, 0.45], 1],
    ['all to the largest', [0, 0, 0, 0, 0, 1, 0], 5],
  ])('is right with %s', (_what, probabilities, expected) => {
    expect(median(probabilities)).toBe(expected);
  });

  it('has at most half of the mass on either side', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 7, maxLength: 7 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        fc.pre(total > 0);
        const moves = weights.slice(0, 6);
        moves[neutral] += weights[6];
        const choice = median(weights.map((weight) => weight / total));
        const mass = (from: number, to: number) => moves.slice(from, to).reduce((sum, weight) => sum + weight, 0);
        // Single precision may not tell halves that differ by less.
        expect(mass(0, choice)).toBeLessThanOrEqual(total / 2 + 1e-3);
        expect(mass(choice + 1, 6)).toBeLessThanOrEqual(total / 2 + 1e-3);
      }),
    );
  });
});
