/** What the stages of the Distributed topology ask of the deliberative side. */
import type { LastTenAnswer } from '../../policies/last-ten.ts';

export interface RankDeliberation {
  /**
   * Last-ten's answer for a closed loop that a DeliberativeLoop with that policy tunes or watches; "No action" for others.
   * @param reactionEpochs per metric its last reactions, Unix seconds, oldest first
   */
  askLastTen(loopKey: string, reactionEpochs: Readonly<Record<string, readonly number[]>>, now: number): LastTenAnswer;
  /** Proposes to raise a metric, which goes through the guard like any proposal; the same second again changes nothing. */
  raise(loopKey: string, metric: string, second: number): RaiseResult;
}

export interface RaiseResult {
  /** The rank is raised, by this call or one before for the same second. */
  readonly applied: boolean;
  /** What became of it, for people. */
  readonly message: string;
}
