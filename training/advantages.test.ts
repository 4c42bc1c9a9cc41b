import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AdvantageInput, generalisedAdvantages } from './advantages.ts';

const value = fc.double({ min: -10, max: 10, noNaN: true }).map(Math.fround);
const anyRollout = fc
  .record({ steps: fc.integer({ min: 1, max: 12 }), lanes: fc.integer({ min: 1, max: 4 }) })
  .chain(({ steps, lanes }) => {
    const size = { minLength: steps * lanes, maxLength: steps * lanes };
    const floats = fc.array(value, size).map((values) => Float32Array.from(values));
    const flags = fc
      .array(fc.integer({ min: 0, max: 5 }), size)
      .map((draws) => Uint8Array.from(draws, (draw) => (draw === 0 ? 1 : 0)));
    const share = fc.constantFrom(0, 0.5, 0.9, 1);
    return fc.record({
      steps: fc.constant(steps),
      lanes: fc.constant(lanes),
      rewards: floats,
      values: floats,
      nextValues: floats,
      terminated: flags,
      truncated: flags,
      discount: share,
      traceDecay: share,
    });
  });

function advantagesOf(input: AdvantageInput) {
  const [advantages, returns] = [new Float32Array(input.rewards.length), new Float32Array(input.rewards.length)];
  generalisedAdvantages(input, advantages, returns);
  return { advantages, returns };
}

/** Temporal difference error of a step. */
function error(input: AdvantageInput, i: number): number {
  const bootstrap = input.terminated[i] === 1 ? 0 : input.discount * input.nextValues[i];
  return input.rewards[i] + bootstrap - input.values[i];
}

describe('generalised advantages', () => {
  it('are the discounted sums of the errors that follow within the episode', () => {
    fc.assert(
      fc.property(anyRollout, (input) => {
        const { advantages, returns } = advantagesOf(input);
        const { steps, lanes, discount, traceDecay } = input;
        for (let lane = 0; lane < lanes; lane++) {
          for (let t = 0; t < steps; t++) {
            let sum = 0;
            let weight = 1;
            for (let later = t; later < steps; later++) {
              const i = later * lanes + lane;
              sum += weight * error(input, i);
              if (input.terminated[i] === 1 || input.truncated[i] === 1) break;
              weight *= discount * traceDecay;
            }
            expect(advantages[t * lanes + lane]).toBeCloseTo(sum, 3);
            expect(returns[t * lanes + lane]).toBeCloseTo(sum + input.values[t * lanes + lane], 3);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('without decay make the returns discounted rewards: bootstrapped where cut off, not where terminated', () => {
    const rollout = (terminated: number, truncated: number): AdvantageInput => ({
      steps: 4,
      lanes: 1,
      rewards: Float32Array.of(1, 2, 4, 8),
      values: Float32Array.of(5, 6, 7, 9),
      // Before the cut and at the end: the value of the next observation; at the cut: of the final one, 100.
      nextValues: Float32Array.of(6, 100, 9, 16),
      terminated: Uint8Array.of(0, terminated, 0, 0),
      truncated: Uint8Array.of(0, truncated, 0, 0),
      discount: 0.5,
      traceDecay: 1,
    });
    // Second half in both: 4 + (8 + 16/2)/2 = 12 and 8 + 16/2 = 16.
    expect([...advantagesOf(rollout(0, 1)).returns]).toEqual([1 + (2 + 50) / 2, 2 + 50, 12, 16]);
    expect([...advantagesOf(rollout(1, 0)).returns]).toEqual([1 + 2 / 2, 2, 12, 16]);
  });
});
