/** What a promotion sees, is asked for and does. Checkpoints go by the sha256 of their weights. */
import type { DeliberativeLoopStatus } from '../../policies/resources/deliberative-loop.ts';
import type { Band, Outcome, PromotionRecord } from './record.ts';

/** The cluster at one moment. */
export interface Observed {
  /** Of ConfigMap NAME: the policy in force, and the promotion's record. Undefined when there is none yet. */
  readonly inForce: string | undefined;
  readonly record: PromotionRecord | undefined;
  /** Of ConfigMap NAME-canary and NAME-previous; undefined when there is none, or none that can be read. */
  readonly stored: { readonly canary: string | undefined; readonly previous: string | undefined };
  readonly loop: ObservedLoop;
  readonly unixSecond: number;
}

export interface ObservedLoop {
  /** sha256 in spec.policy.canary; `foreign` when it is not NAME-canary that it names. */
  readonly canary: string | undefined;
  /** spec.policy.checkpoint.sha256. */
  readonly pin: string | undefined;
  /** Whether proposals are carried out: mode Bounded or Autonomous. */
  readonly applies: boolean;
  /** How many it tunes. */
  readonly closedLoops: number;
  readonly status: Pick<DeliberativeLoopStatus, 'reward' | 'canary'>;
}

export interface Request {
  /** Undefined: go on with the one under way. */
  readonly candidate: string | undefined;
  readonly abort: boolean;
  /** Tries a candidate again that was turned down before. */
  readonly again: boolean;
  /** Of the gate, once this process has held it against that incumbent. */
  readonly gate:
    | { readonly passed: boolean; readonly reason: string; readonly incumbent: string | undefined }
    | undefined;
  /** Whether this process has taken part in the promotion that is recorded, so that its end is the process's result. */
  readonly takesPart: boolean;
}

/** How long, and what is good enough. */
export interface Criteria {
  readonly canarySeconds: number;
  readonly watchSeconds: number;
  /** Decision intervals without which nothing is judged. */
  readonly minDecisions: number;
  /** Share of closed loops and intervals for which a canary may have nothing sound to say. */
  readonly maxAbstentionShare: number;
  /** Standard errors by which the reward may be below the incumbent's. */
  readonly bandWidth: number;
}

/** A step that writes: one object each, so that each happens or does not. */
export type Write =
  | { readonly kind: 'storeCanary' }
  | { readonly kind: 'begin'; readonly reason: string }
  /** The first policy there is. */
  | { readonly kind: 'install'; readonly reason: string }
  | { readonly kind: 'showCanary'; readonly sha256: string }
  | { readonly kind: 'hideCanary' }
  | { readonly kind: 'movePin'; readonly sha256: string }
  | { readonly kind: 'keepPrevious' }
  | { readonly kind: 'promote'; readonly band: Band; readonly reason: string }
  | { readonly kind: 'rollBack'; readonly outcome: Outcome; readonly reason: string }
  | { readonly kind: 'finish'; readonly outcome: Outcome; readonly reason: string };

export type Step =
  | Write
  /** Compare the candidate with the incumbent and the tuned HPA. */
  | { readonly kind: 'gate' }
  /** Nothing to do before something else happens. */
  | { readonly kind: 'wait'; readonly reason: string }
  /** Without an outcome: there was nothing to go on with. */
  | { readonly kind: 'done'; readonly outcome: Outcome | undefined; readonly reason: string }
  /** A person has to do something first. */
  | { readonly kind: 'refuse'; readonly code: string; readonly reason: string };
