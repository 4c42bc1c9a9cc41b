/**
 * A batch of environments in the manner of Gymnasium's VectorEnv: every lane is one application.
 * Autoreset is *same-step*: when a lane ends, the returned observation is the first of its next episode
 * and the last one of the ended episode is in `finalObservations`.
 */
export interface ActionHead {
  readonly name: string;
  readonly choices: readonly string[];
}

/** All arrays are owned by the environment and overwritten by the next step. */
export interface VectorStep {
  /** `lanes * observationNames.length`, lane-major. */
  readonly observations: Float32Array;
  readonly rewards: Float32Array;
  /** 1 where the episode ended in an absorbing state. Duoloop's environments never end so. */
  readonly terminated: Uint8Array;
  /** 1 where the episode was cut off by its time limit: the learner bootstraps from `finalObservations`. */
  readonly truncated: Uint8Array;
  /** Like `observations`; rows are valid only where `terminated` or `truncated` is 1. */
  readonly finalObservations: Float32Array;
  /** Named terms of the reward, each per lane, logged by themselves. */
  readonly terms: Readonly<Record<string, Float32Array>>;
}

export interface VectorEnv {
  readonly lanes: number;
  readonly observationNames: readonly string[];
  readonly actionHeads: readonly ActionHead[];
  /** Starts every lane anew; the same seed gives the same trajectory. Returns the first observations. */
  reset(seed: number): Float32Array;
  /** `actions`: `lanes * actionHeads.length` choice indices, lane-major. Returns once all lanes have gone one decision interval. */
  step(actions: Int32Array): VectorStep;
}
