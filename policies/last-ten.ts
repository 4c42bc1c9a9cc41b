/**
 * The deliberative policy of the closed loop operator: each metric keeps its last 10 reaction times; once two have
 * reacted and one has all 10, the one that reacted less, or whose oldest is older, is raised, at most once a minute and
 * not twice in a row. (There with two resources; of more, those that have reacted are compared.)
 */
import type { AppModel } from '../env/apps/app-model.ts';
import type { FleetController } from '../env/ports.ts';
import type { Policy } from './policy.ts';
import { type BatchedReactiveLoop, createReactiveLoop } from './reactive/batched-loop.ts';
import { defaultLoopSpec } from './reactive/default-specs.ts';
import type { LoopSpec } from './reactive/loop-spec.ts';
import { rememberedReactions } from './reactive/loop-state.ts';
import { wholeTicks } from './reactive/reactive-policy.ts';

/** A rank change has to be older than this before the next. */
export const lastTenPauseSeconds = 60;

export interface LastTenInput {
  /** Per metric its last reactions in seconds, oldest first; what is older than the last 10 is not looked at. */
  readonly reactionEpochs: Readonly<Record<string, readonly number[]>>;
  /** The metric raised last (`increaseRank`), and when; null when none was. */
  readonly increaseRank: string | null;
  readonly increaseTime: number | null;
  /** Seconds. */
  readonly now: number;
}

export type LastTenAnswer =
  | { readonly action: 'Increase rank'; readonly metric: string }
  | { readonly action: 'No action'; readonly metric: null };

const noAction: LastTenAnswer = { action: 'No action', metric: null };

/** To be asked after every reaction. */
export function lastTenDecision({ reactionEpochs, increaseRank, increaseTime, now }: LastTenInput): LastTenAnswer {
  if (increaseTime !== null && now - increaseTime <= lastTenPauseSeconds) return noAction;
  const reacted = Object.entries(reactionEpochs)
    .map(([metric, epochs]) => ({ metric, epochs: epochs.slice(-rememberedReactions) }))
    .filter(({ epochs }) => epochs.length > 0);
  if (reacted.length < 2 || reacted.every(({ epochs }) => epochs.length < rememberedReactions)) return noAction;
  const [laggard] = reacted.sort((a, b) => a.epochs.length - b.epochs.length || a.epochs[0] - b.epochs[0]);
  return laggard.metric === increaseRank ? noAction : { action: 'Increase rank', metric: laggard.metric };
}

/** `lastTenDecision` on a lane of the batched loop: the metric to be raised, −1 for none. Allocates nothing. */
function laneDecision({ reactions, ranking, state }: BatchedReactiveLoop, lane: number, now: number): number {
  if (now - ranking.lastChangeSecond[lane] <= lastTenPauseSeconds) return -1;
  let reacted = 0;
  let full = false;
  let laggard = -1;
  let fewest = 0;
  let oldest = 0;
  for (let metric = 0; metric < state.metricNames.length; metric++) {
    const count = reactions.counts[metric * state.lanes + lane];
    if (count === 0) continue;
    reacted++;
    if (count === rememberedReactions) full = true;
    const first = reactions.secondAt(lane, metric, 0);
    if (laggard < 0 || count < fewest || (count === fewest && first < oldest)) {
      laggard = metric;
      fewest = count;
      oldest = first;
    }
  }
  return reacted < 2 || !full || laggard === ranking.raisedMetric[lane] ? -1 : laggard;
}

export interface LastTenController extends FleetController {
  readonly loop: BatchedReactiveLoop;
  /** The lane's last answer. */
  report(lane: number): LastTenAnswer;
}

/** The reactive loop, with last-ten asked after every reaction. */
export function createLastTenController(spec: LoopSpec, app: AppModel, lanes: number): LastTenController {
  const loop = createReactiveLoop({ spec, app, lanes });
  const raised = new Int8Array(lanes).fill(-1);
  return {
    loop,
    intervalSeconds: loop.intervalSeconds,
    resetLane(lane) {
      loop.resetLane(lane);
      raised[lane] = -1;
    },
    decide(metrics, actions) {
      loop.decide(metrics, actions);
      for (let lane = 0; lane < lanes; lane++) {
        raised[lane] = loop.winner[lane] < 0 ? -1 : laneDecision(loop, lane, metrics.second[lane]);
        // A metric that is first already stays there, and guardrails may forbid the change: nothing more to do then.
        if (raised[lane] >= 0) loop.raiseRank(lane, raised[lane], metrics.second[lane]);
      }
    },
    report: (lane) =>
      raised[lane] < 0 ? noAction : { action: 'Increase rank', metric: loop.state.metricNames[raised[lane]] },
  };
}

export const lastTen: Policy = {
  name: 'last-ten',
  description: 'The reactive loop with ranks raised by the last 10 reactions of each metric',
  createController: ({ app, lanes, tickSeconds }) =>
    createLastTenController(wholeTicks(defaultLoopSpec(app), tickSeconds), app, lanes),
};
