/** What an algorithm updates, and the contract of an update. */
import type { NetworkLayout } from '../policies/actor-critic/network.ts';
import { type Adam, adamStep, clipGradientNorm } from './adam.ts';
import type { GradientNetwork } from './gradient-network.ts';
import type { LossStatistics } from './policy-loss.ts';
import type { RolloutBuffer } from './rollout-buffer.ts';

export interface Learner {
  readonly layout: NetworkLayout;
  readonly heads: readonly number[];
  readonly parameters: Float32Array;
  readonly gradient: Float32Array;
  readonly adam: Adam;
  readonly network: GradientNetwork;
  /** Uniform in [0, 1), seeded. */
  uniform(): number;
}

export interface UpdateResult extends LossStatistics {
  gradientNorm: number;
  updates: number;
}

/** Improves the learner's parameters from one rollout, whose advantages and returns are filled in. */
export type Update = (learner: Learner, buffer: RolloutBuffer, learningRate: number) => UpdateResult;

/** Clips the learner's gradient, moves its parameters and uploads them. Returns the norm before clipping. */
export function descend(learner: Learner, learningRate: number, maxGradientNorm: number): number {
  const norm = clipGradientNorm(learner.gradient, maxGradientNorm);
  adamStep(learner.adam, learner.parameters, learner.gradient, learningRate);
  learner.network.load(learner.parameters);
  return norm;
}

/** Shifts and scales `values` in place to mean 0 and deviation 1. */
export function standardise(values: Float32Array): void {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const scale = 1 / (Math.sqrt(squares / values.length) + 1e-8);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] - mean) * scale;
}
