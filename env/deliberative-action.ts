/** The two-head action of the deliberative loop, and how a choice becomes proposals; the same in simulator, comparison and agent. */
import type { ActionHead } from './contract.ts';
import type { ReactiveLoop } from './ports.ts';

/** What the set-point may be moved by in one decision. */
export const setPointMoves = [-2, -1, 0, 1, 2, 4] as const;
/** The choice after the moves: no proposal, so that an earlier set-point runs out. */
export const holdChoice = setPointMoves.length;
/** The choice of the rank head that raises nothing; choice i > 0 raises metric i − 1. */
export const noRaiseChoice = 0;

export function actionHeads(metricNames: readonly string[]): ActionHead[] {
  return [
    { name: 'raiseRank', choices: ['none', ...metricNames] },
    { name: 'moveSetPoint', choices: [...setPointMoves.map((move) => (move > 0 ? `+${move}` : `${move}`)), 'hold'] },
  ];
}

/** Proposes what the choices say. The reactive loop's guardrails decide what becomes of it. */
export function proposeChoice(loop: ReactiveLoop, lane: number, raise: number, move: number, second: number): void {
  if (raise !== noRaiseChoice) loop.raiseRank(lane, raise - 1, second);
  if (move !== holdChoice) loop.proposeSetPoint(lane, loop.state.groupSize[lane] + setPointMoves[move], second);
}
