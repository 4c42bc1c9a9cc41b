/** Running mean and variance of observations, and their use. */

export interface Normalisation {
  count: number;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Normalised features are cut off here: beyond it a feature says no more than "very unusual". */
export const normalisedLimit = 6;
const epsilon = 1e-4;

export function createNormalisation(width: number): Normalisation {
  return { count: 0, mean: new Float64Array(width), variance: new Float64Array(width).fill(1) };
}

/** Merges a batch (rows × width, row-major) into the running moments (Chan, Golub & LeVeque 1979, parallel form). */
export function updateNormalisation(normalisation: Normalisation, batch: Float32Array): void {
  const { mean, variance } = normalisation;
  const width = mean.length;
  const rows = batch.length / width;
  const total = normalisation.count + rows;
  for (let j = 0; j < width; j++) {
    let sum = 0;
    let squares = 0;
    for (let row = 0; row < rows; row++) {
      const value = batch[row * width + j];
      sum += value;
      squares += value * value;
    }
    const batchMean = sum / rows;
    const batchVariance = Math.max(0, squares / rows - batchMean * batchMean);
    const delta = batchMean - mean[j];
    const merged =
      normalisation.count * variance[j] + rows * batchVariance + (delta * delta * normalisation.count * rows) / total;
    mean[j] += (delta * rows) / total;
    variance[j] = merged / total;
  }
  normalisation.count = total;
}

/** What an actor makes of a raw feature before its first layer: (value − centre) × scale, cut off at `low` and `high`. */
export interface InputScaling {
  readonly centre: ArrayLike<number>;
  readonly scale: ArrayLike<number>;
  readonly low: number;
  readonly high: number;
}

export function normalisedInputs({ mean, variance }: Normalisation): InputScaling {
  const scale = variance.map((each) => 1 / Math.sqrt(each + epsilon));
  return { centre: mean, scale, low: -normalisedLimit, high: normalisedLimit };
}

/** Scales rows × width values. `target` may be `batch`. */
export function scaleInputs(scaling: InputScaling, batch: Float32Array, target: Float32Array): void {
  const { centre, scale, low, high } = scaling;
  const width = centre.length;
  for (let j = 0; j < width; j++) {
    const [zero, factor] = [centre[j], scale[j]];
    for (let i = j; i < batch.length; i += width) {
      const value = (batch[i] - zero) * factor;
      target[i] = value > high ? high : value < low ? low : value;
    }
  }
}

/** Writes (value − mean) ÷ deviation, cut off at ±6, for rows × width values. `target` may be `batch`. */
export function normalise(normalisation: Normalisation, batch: Float32Array, target: Float32Array): void {
  scaleInputs(normalisedInputs(normalisation), batch, target);
}

/** Distance of one value from the mean, in deviations, before the cut. */
export function normalisedDeviation({ mean, variance }: Normalisation, feature: number, value: number): number {
  return (value - mean[feature]) / Math.sqrt(variance[feature] + epsilon);
}
