import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hindsightLossGradient } from './hindsight.ts';
import { type DecisionBatch, emptyStatistics, policyLossGradient, valueLossGradient } from './policy-loss.ts';

const heads = [3, 4];
const width = 7;
const step = 1e-6;

/** Log-probabilities of one head by the definition. */
function logProbabilities(logits: readonly number[]): number[] {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return logits.map((logit) => logit - Math.log(sum));
}
const headsOf = (logits: readonly number[], row: number) => [
  logProbabilities(logits.slice(row * width, row * width + 3)),
  logProbabilities(logits.slice(row * width + 3, (row + 1) * width)),
];
const entropyOf = (head: readonly number[]) => -head.reduce((sum, log) => sum + Math.exp(log) * log, 0);

/** Central differences of a loss in double precision against a gradient in single precision. */
function expectGradient(loss: (x: number[]) => number, at: readonly number[], gradient: Float32Array): void {
  for (const [i, expected] of gradient.entries()) {
    const [up, down] = [[...at], [...at]];
    up[i] += step;
    down[i] -= step;
    const slope = (loss(up) - loss(down)) / (2 * step);
    expect(Math.abs(slope - expected), `component ${i}: ${expected}, by differences ${slope}`).toBeLessThan(
      2e-4 * (1 + Math.abs(slope)),
    );
  }
}

const logit = fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround);
const anyBatch = fc.integer({ min: 1, max: 4 }).chain((rows) => {
  const rowsOf = <T>(arbitrary: fc.Arbitrary<T>, perRow = 1) =>
    fc.array(arbitrary, { minLength: rows * perRow, maxLength: rows * perRow });
  return fc.record({
    rows: fc.constant(rows),
    logits: rowsOf(logit, width),
    actions: rowsOf(fc.tuple(fc.nat(2), fc.nat(3))),
    /** How far the policy has moved since the action: logarithm of the ratio. */
    moved: rowsOf(fc.double({ min: -0.6, max: 0.6, noNaN: true })),
    advantages: rowsOf(fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround)),
    costs: rowsOf(fc.double({ min: 0, max: 20, noNaN: true }).map(Math.fround), 4),
    clipRange: fc.constantFrom(0.1, 0.2, Number.POSITIVE_INFINITY),
    entropyWeight: fc.constantFrom(0, 0.01, 0.5),
  });
});

describe('the policy’s loss', () => {
  it('has the gradient of the clipped surrogate less the entropy bonus, and reports its parts', () => {
    fc.assert(
      fc.property(anyBatch, ({ rows, logits, actions, moved, advantages, clipRange, entropyWeight }) => {
        const joint = (x: readonly number[], row: number) =>
          headsOf(x, row).reduce((sum, head, h) => sum + head[actions[row][h]], 0);
        const old = Float32Array.from({ length: rows }, (_, row) => joint(logits, row) - moved[row]);
        const ratios = Array.from({ length: rows }, (_, row) => Math.exp(joint(logits, row) - old[row]));
        // At its kinks the surrogate has no gradient.
        fc.pre(ratios.every((ratio) => Math.abs(Math.abs(ratio - 1) - clipRange) > 1e-3));
        const surrogate = (ratio: number, advantage: number) =>
          Math.min(ratio * advantage, Math.max(1 - clipRange, Math.min(1 + clipRange, ratio)) * advantage);
        const loss = (x: number[]) => {
          let sum = 0;
          for (let row = 0; row < rows; row++) {
            sum -= surrogate(Math.exp(joint(x, row) - old[row]), advantages[row]);
            sum -= entropyWeight * headsOf(x, row).reduce((total, head) => total + entropyOf(head), 0);
          }
          return sum / rows;
        };
        const batch: DecisionBatch = {
          rows,
          heads,
          actions: Int32Array.from(actions.flat()),
          oldLogProbabilities: old,
          advantages: Float32Array.from(advantages),
          returns: new Float32Array(rows),
        };
        const gradient = new Float32Array(rows * width);
        const statistics = emptyStatistics();
        const weights = { clipRange, entropyWeight, valueWeight: 1 };
        policyLossGradient(batch, Float32Array.from(logits), weights, gradient, statistics);
        expectGradient(loss, logits, gradient);
        const sum = (of: (ratio: number, row: number) => number) =>
          ratios.reduce((s, ratio, row) => s + of(ratio, row), 0);
        expect(statistics.rows).toBe(rows);
        expect(statistics.policyLoss).toBeCloseTo(-sum((ratio, row) => surrogate(ratio, advantages[row])), 4);
        expect(statistics.entropy).toBeCloseTo(
          sum((_, row) => headsOf(logits, row).reduce((total, head) => total + entropyOf(head), 0)),
          4,
        );
        expect(statistics.approximateKl).toBeCloseTo(
          sum((ratio) => ratio - 1 - Math.log(ratio)),
          4,
        );
        expect(statistics.clipped).toBe(
          sum((ratio, row) => ((ratio - 1) * Math.sign(advantages[row]) > clipRange ? 1 : 0)),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('stays finite for logits that leave one choice only', () => {
    const gradient = new Float32Array(width);
    const batch: DecisionBatch = {
      rows: 1,
      heads,
      actions: Int32Array.of(0, 3),
      oldLogProbabilities: Float32Array.of(0),
      advantages: Float32Array.of(1),
      returns: new Float32Array(1),
    };
    const weights = { clipRange: 0.2, entropyWeight: 0.01, valueWeight: 1 };
    const statistics = emptyStatistics();
    policyLossGradient(batch, Float32Array.of(500, 0, -500, 0, 0, 0, 1000), weights, gradient, statistics);
    expect([...gradient].every(Number.isFinite)).toBe(true);
    expect(Object.values(statistics).every(Number.isFinite)).toBe(true);
  });
});

describe('the critic’s loss', () => {
  it('has the gradient of half the mean squared error, weighted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(logit, logit), { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0.1, max: 2, noNaN: true }),
        (pairs, weight) => {
          const [values, returns] = [pairs.map(([v]) => v), pairs.map(([, r]) => r)];
          const squares = (x: readonly number[]) => x.reduce((sum, v, i) => sum + 0.5 * (v - returns[i]) ** 2, 0);
          const gradient = new Float32Array(pairs.length);
          const statistics = emptyStatistics();
          const rows = pairs.length;
          valueLossGradient(Float32Array.from(returns), Float32Array.from(values), rows, weight, gradient, statistics);
          expectGradient((x) => (weight * squares(x)) / rows, values, gradient);
          expect(statistics.valueLoss).toBeCloseTo(squares(values), 4);
        },
      ),
    );
  });
});

describe('the loss in hindsight', () => {
  it('has the gradient of the expected cost less the entropy bonus in the head that moves, and none elsewhere', () => {
    fc.assert(
      fc.property(anyBatch, ({ rows, logits, costs, entropyWeight }) => {
        const expectedCost = (x: readonly number[], row: number) =>
          headsOf(x, row)[1].reduce((sum, log, a) => sum + Math.exp(log) * costs[row * 4 + a], 0);
        const loss = (x: number[]) => {
          let sum = 0;
          for (let row = 0; row < rows; row++) {
            sum += expectedCost(x, row) - entropyWeight * entropyOf(headsOf(x, row)[1]);
          }
          return sum / rows;
        };
        const gradient = new Float32Array(rows * width);
        const statistics = emptyStatistics();
        const row = Float32Array.from(logits);
        hindsightLossGradient(rows, heads, 1, Float32Array.from(costs), row, entropyWeight, gradient, statistics);
        // Costs of up to 20 magnify what single precision rounds off.
        expectGradient(
          (x) => loss(x) / 10,
          logits,
          gradient.map((value) => value / 10),
        );
        const total = Array.from({ length: rows }, (_, r) => expectedCost(logits, r)).reduce((a, b) => a + b);
        expect(Math.abs(statistics.policyLoss - total)).toBeLessThan(1e-4 * (1 + total));
      }),
      { numRuns: 200 },
    );
  });
});
