/** Whether an observation is like those that a policy was trained on, by the moments that its inputs are normalised with. */
import { type Normalisation, normalisedDeviation, normalisedLimit } from '../actor-critic/normalisation.ts';
import type { Finding } from './measurement-check.ts';

export type FeatureCheck = (observation: Float32Array) => Finding | undefined;

/**
 * Features of traffic have long tails: on held-out days of all families a flash crowd takes up to 9 of 57 features beyond
 * the limit at which inputs are cut off, and the mean square of the cut inputs to 10.3, with every shipped checkpoint.
 */
const largestCutOffShare = 0.2;
const largestMeanSquare = 12;
/** CPU against load: 6 deviations are pods three times as strong or weak as calibrated, or a wrong unit. */
const capacityFeature = 'capacity.fast';
const shownFeatures = 3;

export function createFeatureCheck(normalisation: Normalisation, names: readonly string[]): FeatureCheck {
  const capacityIndex = names.indexOf(capacityFeature);
  const deviations = new Float64Array(names.length);

  function furthest(observation: Float32Array): string {
    return [...deviations.keys()]
      .sort((a, b) => Math.abs(deviations[b]) - Math.abs(deviations[a]))
      .slice(0, shownFeatures)
      .map((j) => `${names[j]} ${said(observation[j])} (${said(deviations[j])} deviations from the mean)`)
      .join(', ');
  }

  return (observation) => {
    let cutOff = 0;
    let squares = 0;
    for (let j = 0; j < names.length; j++) {
      if (Number.isNaN(observation[j])) {
        return {
          reason: 'NotANumber',
          message: `feature ${names[j]} is not a number: report this with the measurements of the moment`,
        };
      }
      const deviation = normalisedDeviation(normalisation, j, observation[j]);
      const distance = Math.abs(deviation);
      deviations[j] = deviation;
      if (distance > normalisedLimit) cutOff++;
      squares += Math.min(distance, normalisedLimit) ** 2;
    }
    if (Math.abs(deviations[capacityIndex]) > normalisedLimit) {
      const factor = said(Math.exp(observation[capacityIndex]));
      return {
        reason: 'OutOfDistribution',
        message: `CPU and load contradict the app model: pods look ${factor} times as strong as calibrated. Check the units of both queries and the pods' CPU requests, or calibrate again`,
      };
    }
    if (cutOff > largestCutOffShare * names.length || squares > largestMeanSquare * names.length) {
      return {
        reason: 'OutOfDistribution',
        message: `${cutOff} of ${names.length} features are far from all that was trained: ${furthest(observation)}. Train on such traffic, or check the queries`,
      };
    }
    return undefined;
  };
}

function said(value: number): string {
  return String(Number(value.toPrecision(3)));
}
