/** Whether a policy can tune a closed loop at all: the metrics that it was trained for, and weights that can be a policy's. */
import type { Checkpoint } from '../actor-critic/checkpoint.ts';
import type { ClosedLoopSpec } from '../resources/closed-loop.ts';
import type { Finding } from './measurement-check.ts';

/** Trained weights stay below ten; a thousand already saturates every neuron. */
const largestWeight = 1000;

/** Undefined, or why a loop with other metrics than the policy was trained for cannot be tuned by it. */
export function metricDifference(
  metricNames: readonly string[],
  { metrics }: Pick<ClosedLoopSpec, 'metrics'>,
  origin: string,
): string | undefined {
  const theirs = metrics.map(({ name }) => name);
  const lacks = metricNames.filter((name) => !theirs.includes(name));
  const unknown = theirs.filter((name) => !metricNames.includes(name));
  if (lacks.length === 0 && unknown.length === 0) return undefined;
  const differences = [
    ...(lacks.length > 0 ? [`it lacks ${lacks.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`${unknown.join(', ')} ${unknown.length > 1 ? 'are' : 'is'} unknown to the policy`] : []),
  ];
  return `checkpoint ${origin} was trained for a closed loop with the metrics ${metricNames.join(', ')}, this one has ${theirs.join(', ')}: ${differences.join(' and ')}. Name its metrics so, or train a policy over this loop`;
}

/** Undefined for weights that training can lead to. */
export function weightFinding({ parameters }: Checkpoint, origin: string): Finding | undefined {
  let largest = 0;
  for (const weight of parameters) {
    // NaN compares false with everything.
    if (!(Math.abs(weight) <= largest)) largest = Math.abs(weight);
    if (Number.isNaN(largest)) break;
  }
  if (largest <= largestWeight) return undefined;
  return {
    reason: 'NotANumber',
    message: `checkpoint ${origin} has weights of up to ${largest.toPrecision(3)}, which no training leads to: it is damaged or forged, train or copy it anew`,
  };
}
