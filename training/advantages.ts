/**
 * Generalised advantage estimation (Schulman et al. 2016, equation 16), with bootstrapping at truncation.
 *
 * Arrays are time-major: `steps × lanes`. `values[t]` is the value of the observation at t. Where an episode was
 * truncated after step t, `nextValues` must hold the value of its final observation; elsewhere that of the next
 * observation; where it terminated, nothing is bootstrapped.
 */
export interface AdvantageInput {
  readonly steps: number;
  readonly lanes: number;
  readonly rewards: Float32Array;
  readonly values: Float32Array;
  readonly nextValues: Float32Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** γ */
  readonly discount: number;
  /** λ */
  readonly traceDecay: number;
}

/** Writes advantages and returns (advantage + value, the critic's targets); both `steps × lanes`. */
export function generalisedAdvantages(input: AdvantageInput, advantages: Float32Array, returns: Float32Array): void {
  const { steps, lanes, rewards, values, nextValues, terminated, truncated, discount, traceDecay } = input;
  for (let lane = 0; lane < lanes; lane++) {
    let running = 0;
    for (let t = steps - 1; t >= 0; t--) {
      const i = t * lanes + lane;
      const bootstrap = terminated[i] === 1 ? 0 : discount * nextValues[i];
      const error = rewards[i] + bootstrap - values[i];
      const ended = terminated[i] === 1 || truncated[i] === 1;
      running = error + (ended ? 0 : discount * traceDecay * running);
      advantages[i] = running;
      returns[i] = running + values[i];
    }
  }
}
