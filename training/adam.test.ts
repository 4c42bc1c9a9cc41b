import { describe, expect, it } from 'vitest';
import { adamStep, clipGradientNorm, createAdam } from './adam.ts';

describe('Adam', () => {
  it('goes the way that algorithm 1 gives by hand', () => {
    // β₁ = 0.9, β₂ = 0.999, ε = 1e-5, rate 0.1, from 1. m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)
    const table = [
      // gradient, m, v, m̂, √v̂, parameter
      [2, 0.2, 0.004, 2, 2, 0.9000005],
      [-1, 0.08, 0.004996, 0.4210526, 1.580901, 0.8733669],
      [0.5, 0.122, 0.005241004, 0.4501845, 1.3224029, 0.8393243],
    ];
    const adam = createAdam(1);
    const parameters = Float32Array.of(1);
    for (const [gradient, first, second, corrected, deviation, parameter] of table) {
      const before = parameters[0];
      adamStep(adam, parameters, Float32Array.of(gradient), 0.1);
      expect(adam.firstMoment[0]).toBeCloseTo(first, 6);
      expect(adam.secondMoment[0]).toBeCloseTo(second, 7);
      expect(before - parameters[0]).toBeCloseTo((0.1 * corrected) / (deviation + 1e-5), 6);
      expect(parameters[0]).toBeCloseTo(parameter, 6);
    }
    expect(adam.step).toBe(3);
  });

  it('finds the lowest point of a valley a thousand times steeper one way than the other', () => {
    const [target, steepness] = [Float32Array.of(3, -2), Float32Array.of(1000, 1)];
    const adam = createAdam(2);
    const parameters = new Float32Array(2);
    for (let step = 0; step < 2000; step++) {
      const gradient = parameters.map((value, i) => steepness[i] * (value - target[i]));
      adamStep(adam, parameters, gradient, 0.02);
    }
    expect(parameters[0]).toBeCloseTo(3, 2);
    expect(parameters[1]).toBeCloseTo(-2, 2);
  });
});

describe('clipping of the gradient’s norm', () => {
  it('shortens a gradient that is too long, keeps its direction and tells the length before', () => {
    const gradient = Float32Array.of(3, 0, -4);
    expect(clipGradientNorm(gradient, 0.5)).toBe(5);
    expect([...gradient].map((value) => Math.fround(value))).toEqual([0.3, 0, -0.4].map(Math.fround));
  });

  it('leaves a shorter one alone, and one of nothing', () => {
    const gradient = Float32Array.of(0.3, 0.4);
    expect(clipGradientNorm(gradient, 0.6)).toBeCloseTo(0.5, 6);
    expect(gradient).toEqual(Float32Array.of(0.3, 0.4));
    expect(clipGradientNorm(new Float32Array(3), 0.5)).toBe(0);
  });
});
