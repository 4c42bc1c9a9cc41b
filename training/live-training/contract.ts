/** A cluster as something to train on: an environment whose step takes a decision interval of real time. */
import type { LoadHistory, LoadRequest } from '../../env/cluster/live/load-history.ts';
import type { ActionHead } from '../../env/contract.ts';
import type { LoopView } from '../../policies/deliberation/contract.ts';
import type { ModelClock } from '../../policies/deliberation/model-clock.ts';
import type { DeliberativeLoopSpec, Proposal } from '../../policies/resources/deliberative-loop.ts';

/** What a look at the cluster tells. */
export interface Sight {
  readonly guardrails: DeliberativeLoopSpec['guardrails'];
  /** In the order of the world's keys; undefined for a closed loop that is gone or cannot be read. */
  readonly views: readonly (LoopView | undefined)[];
}

/** The closed loops of one DeliberativeLoop, which this process has claimed as an agent does. */
export interface LiveWorld {
  /** `namespace/name` of each closed loop; they stay the same. */
  readonly keys: readonly string[];
  /**
   * Reads and measures; what cannot be measured is missing in the views.
   * @throws UserError `LIVE_MODE`, `LIVE_AGENT` when it may not act here any more
   */
  look(signal: AbortSignal): Promise<Sight>;
  /** The load of the closed loops before now, by their keys; those of which nothing is known are left out. @throws PrometheusError */
  past(request: LoadRequest, signal: AbortSignal): ReturnType<LoadHistory['read']>;
  /**
   * Renews the claim and shows the proposals to the operator.
   * @throws UserError `LIVE_AGENT` when somebody else has claimed it
   */
  propose(proposals: readonly Proposal[], signal: AbortSignal): Promise<void>;
  /** Gives up claim and proposals; set-points run out, and the reactive loop goes on alone. */
  release(): Promise<void>;
}

/** Per lane one closed loop. All arrays are overwritten by the next step. */
export interface LiveStep {
  /** lanes × observationNames.length, lane-major. */
  readonly observations: Float32Array;
  /** 1 where the observation is sound and can be decided on. */
  readonly usable: Uint8Array;
  /** Of the interval that ends with this observation; NaN where it was not measured, and in the first. */
  readonly rewards: Float32Array;
}

/** What the policy says of one step. */
export interface LiveActions {
  /** lanes × heads choice indices. Those of lanes that are not usable are not looked at. */
  readonly choices: Int32Array;
  /** Probability of each lane's joint choice, and the critic's value of its observation. */
  readonly confidences: Float32Array;
  readonly values: Float32Array;
}

/** Sums over all lanes since the beginning. */
export interface LiveOutcome {
  readonly seconds: number;
  readonly violationSeconds: number;
  readonly podSeconds: number;
}

/** As env/contract.ts' VectorEnv, but its step waits; episodes neither end nor begin. */
export interface LiveEnv {
  readonly lanes: number;
  readonly observationNames: readonly string[];
  readonly actionHeads: readonly ActionHead[];
  first(signal: AbortSignal): Promise<LiveStep>;
  /** Proposes, waits until the interval is over, and observes. @throws the signal's reason when aborted while waiting */
  step(actions: LiveActions, signal: AbortSignal): Promise<LiveStep>;
  outcome(): LiveOutcome;
}

export interface LiveClock extends ModelClock {
  /** Unix seconds. */
  readonly now: () => number;
  /** Resolves after the time. @throws the signal's reason when aborted */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}
