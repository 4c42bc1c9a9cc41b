/** The whole two-loop system as one controller: a deliberative policy over the reactive loop and its guardrails. */
import type { AppModel } from '../env/apps/app-model.ts';
import { actionHeads, holdChoice, noRaiseChoice, proposeChoice } from '../env/deliberative-action.ts';
import { createObservationBuilder } from '../env/observation/observation.ts';
import type { FleetController, ReactiveLoop } from '../env/ports.ts';
import { type Checkpoint, readCheckpoint } from './actor-critic/checkpoint.ts';
import { checkpointDecider, type Decider } from './actor-critic/decider.ts';
import type { Policy } from './policy.ts';
import { createReactiveLoop } from './reactive/batched-loop.ts';
import { wholeTicks } from './reactive/reactive-policy.ts';

/** Which halves of the action take effect; the ablations switch one off. */
export interface ActionMask {
  readonly ranks: boolean;
  readonly setPoints: boolean;
}

export interface TwoLoopOptions {
  readonly app: AppModel;
  readonly loop: ReactiveLoop;
  readonly decider: Decider;
  /** Seconds between two decisions of the policy; a multiple of the loop's interval. */
  readonly intervalSeconds: number;
  readonly coldStartSeconds: number;
  readonly metricLagSeconds: number;
  readonly mask?: ActionMask;
  /** Sees every decision of a lane, for inspection: its raw observation and the decider after deciding. */
  readonly onDecision?: (lane: number, observation: Float32Array, decider: Decider) => void;
}

export function createTwoLoopController(options: TwoLoopOptions): FleetController {
  const { app, loop, decider, intervalSeconds, mask = { ranks: true, setPoints: true }, onDecision } = options;
  const { lanes, metricNames } = loop.state;
  const builder = createObservationBuilder({ app, lanes, metricNames, intervalSeconds });
  const width = builder.names.length;
  const observations = new Float32Array(lanes * width);
  const rows = Array.from({ length: lanes }, (_, lane) => observations.subarray(lane * width, (lane + 1) * width));
  const callsPerDecision = Math.max(1, Math.round(intervalSeconds / loop.intervalSeconds));
  let call = 0;
  return {
    intervalSeconds: loop.intervalSeconds,
    resetLane(lane) {
      loop.resetLane(lane);
      builder.resetLane(lane, options);
    },
    decide(metrics, actions) {
      if (call++ % callsPerDecision === 0) {
        builder.observe(metrics, loop.state, observations);
        for (let lane = 0; lane < lanes; lane++) {
          // On missing measurements the policy says nothing: the set-point runs out and the reactive loop goes on alone.
          if (Number.isNaN(metrics.load[lane])) continue;
          decider.decide(rows[lane]);
          onDecision?.(lane, rows[lane], decider);
          const raise = mask.ranks ? decider.raise : noRaiseChoice;
          const move = mask.setPoints ? decider.move : holdChoice;
          proposeChoice(loop, lane, raise, move, metrics.second[lane]);
        }
      }
      loop.decide(metrics, actions);
    },
  };
}

export interface CheckpointPolicyOptions {
  readonly name: string;
  readonly origin: string;
  readonly checkpoint: Checkpoint;
  readonly mask?: ActionMask;
  readonly onDecision?: TwoLoopOptions['onDecision'];
}

/** The two-loop system with the policy of a checkpoint. */
export function checkpointPolicy({ name, origin, checkpoint, mask, onDecision }: CheckpointPolicyOptions): Policy {
  const { document } = checkpoint;
  return {
    name,
    description: `two loops, ${document.algorithm} checkpoint of ${document.createdAt}`,
    createController({ app, lanes, tickSeconds, coldStartSeconds, metricLagSeconds }) {
      const loop = createReactiveLoop({ spec: wholeTicks(document.loop, tickSeconds), app, lanes });
      const { metricNames } = loop.state;
      const { names } = createObservationBuilder({
        app,
        lanes: 1,
        metricNames,
        intervalSeconds: document.intervalSeconds,
      });
      const heads = actionHeads(metricNames).map((head) => head.choices.length);
      return createTwoLoopController({
        app,
        loop,
        decider: checkpointDecider(checkpoint, names, heads, origin),
        intervalSeconds: document.intervalSeconds,
        coldStartSeconds,
        metricLagSeconds,
        mask,
        onDecision,
      });
    },
  };
}

export async function loadCheckpointPolicy(folder: string): Promise<Policy> {
  return checkpointPolicy({ name: `checkpoint:${folder}`, origin: folder, checkpoint: await readCheckpoint(folder) });
}
