/** Scales rewards by the deviation of the discounted return (as Stable-Baselines3's VecNormalize does), so that one learning rate serves every price of a violation. */
export interface ReturnScale {
  /** Takes a step's rewards into account; a lane's return starts anew where its episode ended. */
  update(rewards: Float32Array, terminated: Uint8Array, truncated: Uint8Array): void;
  /** Factor on rewards. */
  scale(): number;
  /** Forgets the running returns, not the moments. */
  restart(): void;
  /** Count, mean and variance, for checkpoints. */
  readonly moments: { count: number; mean: number; variance: number };
}

export function createReturnScale(lanes: number, discount: number): ReturnScale {
  const returns = new Float64Array(lanes);
  const moments = { count: 0, mean: 0, variance: 1 };
  return {
    moments,
    restart() {
      returns.fill(0);
    },
    update(rewards, terminated, truncated) {
      let sum = 0;
      let squares = 0;
      for (let lane = 0; lane < lanes; lane++) {
        const value = returns[lane] * discount + rewards[lane];
        returns[lane] = terminated[lane] === 1 || truncated[lane] === 1 ? 0 : value;
        sum += value;
        squares += value * value;
      }
      const mean = sum / lanes;
      const variance = Math.max(0, squares / lanes - mean * mean);
      const total = moments.count + lanes;
      const delta = mean - moments.mean;
      moments.variance =
        (moments.count * moments.variance + lanes * variance + (delta * delta * moments.count * lanes) / total) / total;
      moments.mean += (delta * lanes) / total;
      moments.count = total;
    },
    scale: () => 1 / Math.sqrt(moments.variance + 1e-8),
  };
}
