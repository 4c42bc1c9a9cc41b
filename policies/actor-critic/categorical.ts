/** Categorical distributions over the heads' logits, one row of logits per decision. */

/** Turns `logits[offset … offset + count)` into log-probabilities, in place. */
export function logSoftmax(logits: Float32Array, offset: number, count: number): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = offset; i < offset + count; i++) if (logits[i] > largest) largest = logits[i];
  let sum = 0;
  for (let i = offset; i < offset + count; i++) sum += Math.exp(logits[i] - largest);
  const shift = largest + Math.log(sum);
  for (let i = offset; i < offset + count; i++) logits[i] -= shift;
}

/** The choice that a uniform number in [0, 1) falls on. */
export function sampleChoice(logProbabilities: Float32Array, offset: number, count: number, uniform: number): number {
  let left = uniform;
  for (let i = 0; i < count - 1; i++) {
    left -= Math.exp(logProbabilities[offset + i]);
    if (left < 0) return i;
  }
  return count - 1;
}

export function likeliestChoice(logits: Float32Array, offset: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (logits[offset + i] > logits[offset + best]) best = i;
  return best;
}

export function entropy(logProbabilities: Float32Array, offset: number, count: number): number {
  let sum = 0;
  for (let i = offset; i < offset + count; i++) sum -= Math.exp(logProbabilities[i]) * logProbabilities[i];
  return sum;
}

/**
 * The median of an ordered head whose last choice, "hold", counts as `neutral`. Where several moves in one direction
 * share the probability, the likeliest single choice can be "stay" although most of the mass wants to move.
 */
export function medianMove(logits: Float32Array, offset: number, count: number, neutral: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) if (logits[offset + i] > largest) largest = logits[offset + i];
  let total = 0;
  for (let i = 0; i < count; i++) total += Math.exp(logits[offset + i] - largest);
  const ofHold = Math.exp(logits[offset + count - 1] - largest);
  let cumulative = 0;
  for (let i = 0; i < count - 1; i++) {
    cumulative += Math.exp(logits[offset + i] - largest) + (i === neutral ? ofHold : 0);
    if (cumulative >= total / 2) return i;
  }
  return neutral;
}
