/** What a loop remembers when a decision could not be carried out, or its target is another one. Pure. */
import type { LoopState } from '../../policies/reactive/loop-state.ts';

/**
 * As if the reaction had not been: it counts neither as one nor, where the size was not changed, for the rate limits, and a
 * set-point is still to be applied. What was measured (recommendations, missing ticks) stays, and so does what others changed
 * since.
 * @param present the loop's state now
 * @param before the state that was decided on
 * @param decided the state that the decision left
 * @param isScaled the size was changed as decided; something else failed
 */
export function undone(present: LoopState, before: LoopState, decided: LoopState, isScaled: boolean): LoopState {
  const { reactionEpochs, recentReactions, added, removed } = before;
  const reactions = { ...present, reactionEpochs, recentReactions };
  if (isScaled) return reactions;
  const isSameSetPoint = present.setPoint?.second === decided.setPoint?.second;
  return { ...reactions, added, removed, setPoint: isSameSetPoint ? before.setPoint : present.setPoint };
}

/** Without sizes: windows and rate limits start anew. Ranks and reactions are the loop's own. */
export function withoutHistory(state: LoopState): LoopState {
  return {
    ...state,
    startSecond: null,
    recommendations: [],
    added: [],
    removed: [],
    notSmallerSecond: { cpu: null, memory: null },
  };
}
