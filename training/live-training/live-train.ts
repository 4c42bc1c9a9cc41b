/** Fine-tuning on live closed loops: a rollout by the policy, a small PPO update, a checkpoint, and again. */

import { createDraw } from '../../env/random.ts';
import type { Checkpoint, CheckpointDocument } from '../../policies/actor-critic/checkpoint.ts';
import { networkShape } from '../../policies/actor-critic/checkpoint.ts';
import { networkLayout } from '../../policies/actor-critic/network.ts';
import type { TensorLibrary } from '../../policies/actor-critic/tensor-backend.ts';
import { createGradientNetwork } from '../gradient-network.ts';
import type { Learner, UpdateResult } from '../learner.ts';
import { createPpoUpdate } from '../ppo.ts';
import { createReturnScale } from '../return-scale.ts';
import { type Run, snapshot, takeUp } from '../run-state.ts';
import type { LiveEnv, LiveOutcome } from './contract.ts';
import type { LiveUpdateOptions } from './live-options.ts';
import { createLiveCollector, type LiveRollout } from './live-rollout.ts';

export interface LiveTrainInput {
  readonly env: LiveEnv;
  readonly tf: TensorLibrary;
  readonly resume: Checkpoint;
  readonly options: LiveUpdateOptions;
  readonly signal: AbortSignal;
  /** Seconds that only go forward. */
  readonly elapsed: () => number;
  /** After every update, with a checkpoint of it. */
  readonly onUpdate: (progress: LiveProgress, checkpoint: Checkpoint) => Promise<void>;
}

export interface LiveProgress {
  /** Decisions of all closed loops in this call. */
  readonly decisions: number;
  readonly rollout: LiveRollout;
  /** Undefined when there were too few rows to learn from. */
  readonly update: UpdateResult | undefined;
  readonly violationPercent: number;
  readonly meanReplicas: number;
}

/** Runs until all decisions are made or it is aborted; what was complete by then is learned from. */
export async function trainOnline(input: LiveTrainInput): Promise<{ checkpoint: Checkpoint; finished: boolean }> {
  const { env, tf, resume, options, signal, elapsed } = input;
  const shape = networkShape(resume.document);
  const layout = networkLayout(shape);
  const run = takeUp(resume);
  const returnScale = createReturnScale(env.lanes, options.discount);
  Object.assign(returnScale.moments, run.returnMoments);
  const network = createGradientNetwork(tf, layout);
  network.load(run.parameters);
  const draw = createDraw(options.seed);
  const learner: Learner = {
    layout,
    heads: shape.heads,
    parameters: run.parameters,
    gradient: new Float32Array(run.parameters.length),
    adam: run.adam,
    network,
    uniform: () => draw.uniform(0, 1),
  };
  const collector = createLiveCollector({
    env,
    steps: options.rolloutSteps,
    discount: options.discount,
    traceDecay: options.traceDecay,
    rewardScale: returnScale.scale(),
  });
  const ppo = createPpoUpdate(options);
  const before = { environmentSteps: run.environmentSteps, seconds: run.seconds };
  let decisions = 0;
  let outcome = env.outcome();
  const document = () => describeLive(resume.document, run, decisions, options);
  let checkpoint = snapshot(run, document());
  try {
    while (decisions < options.environmentSteps && !signal.aborted) {
      const rollout = await collector.collect(learner, run.normalisation, signal);
      decisions += rollout.steps * env.lanes;
      const rows = rollout.buffer.steps;
      const update = rows >= options.minRows ? ppo(learner, rollout.buffer, options.learningRate) : undefined;
      run.environmentSteps = before.environmentSteps + decisions;
      run.seconds = before.seconds + elapsed();
      const progress = { decisions, rollout, update, ...since(outcome, env.outcome()) };
      outcome = env.outcome();
      run.trainingCurve.push(pointOf(run, progress));
      checkpoint = snapshot(run, document());
      await input.onUpdate(progress, checkpoint);
    }
    return { checkpoint, finished: decisions >= options.environmentSteps };
  } finally {
    network.dispose();
  }
}

function since(before: LiveOutcome, now: LiveOutcome): { violationPercent: number; meanReplicas: number } {
  const seconds = now.seconds - before.seconds;
  return {
    violationPercent: (100 * (now.violationSeconds - before.violationSeconds)) / seconds,
    meanReplicas: (now.podSeconds - before.podSeconds) / seconds,
  };
}

const orNull = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : null);

function pointOf(run: Run, { rollout, update, violationPercent, meanReplicas }: LiveProgress) {
  return {
    environmentSteps: run.environmentSteps,
    seconds: run.seconds,
    reward: orNull(rollout.meanReward),
    violationPercent: orNull(violationPercent),
    meanReplicas: orNull(meanReplicas),
    entropy: orNull(update && update.entropy / update.rows),
    klDivergence: orNull(update && update.approximateKl / update.rows),
    lagrangeMultiplier: run.lagrangian.multiplier,
  };
}

/** What the checkpoint was before it went live, and how far it has come since. */
function describeLive(
  document: CheckpointDocument,
  run: Run,
  decisions: number,
  { learningRate, rolloutSteps, seed }: LiveUpdateOptions,
): CheckpointDocument {
  const { hyperparameters, resume, seeds } = document;
  const earlier = typeof hyperparameters.liveDecisions === 'number' ? hyperparameters.liveDecisions : 0;
  return {
    ...document,
    createdAt: new Date().toISOString(),
    seeds: { ...seeds, live: seed },
    hyperparameters: {
      ...hyperparameters,
      liveDecisions: earlier + decisions,
      liveLearningRate: learningRate,
      liveRolloutSteps: rolloutSteps,
    },
    trainingCurve: [...run.trainingCurve],
    // Those were of other weights.
    evaluation: [],
    resume: resume && {
      ...resume,
      environmentSteps: run.environmentSteps,
      seconds: run.seconds,
      adamStep: run.adam.step,
    },
  };
}
