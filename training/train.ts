/**
 * A training run: rollouts under domain randomisation, first learned from in hindsight (hindsight.ts), then by PPO or
 * A2C, while a Lagrangian moves the price of violations. It goes in segments. At the start of each, environment and random
 * streams begin anew from (seed, segment), so a run resumed at a segment's end goes on exactly as if it had not stopped.
 */
import { performance } from 'node:perf_hooks';
import { podsPerGroupSize } from '../env/apps/group.ts';
import { createDraw, mixSeed } from '../env/random.ts';
import { createGroupDemand } from '../env/simulator/create-kernel.ts';
import { createScalingEnv, type ScalingEnv } from '../env/simulator/scaling-env.ts';
import type { Checkpoint, CheckpointDocument } from '../policies/actor-critic/checkpoint.ts';
import { checkCheckpointFits } from '../policies/actor-critic/decider.ts';
import { type NetworkShape, networkLayout } from '../policies/actor-critic/network.ts';
import type { TensorLibrary } from '../policies/actor-critic/tensor-backend.ts';
import { createReactiveLoop } from '../policies/reactive/batched-loop.ts';
import { agentLoopSpec } from '../policies/reactive/default-specs.ts';
import type { LoopSpec } from '../policies/reactive/loop-spec.ts';
import { checkpointPolicy } from '../policies/two-loop.ts';
import { createA2cUpdate } from './a2c.ts';
import { createGradientNetwork } from './gradient-network.ts';
import { createHindsightUpdate, type HindsightOptions } from './hindsight.ts';
import type { ValidationPoint } from './inspection.ts';
import { defaultLagrangianOptions, updateLagrangian } from './lagrangian.ts';
import type { Learner, Update, UpdateResult } from './learner.ts';
import { autoTargetShare } from './options.ts';
import { createPpoUpdate } from './ppo.ts';
import { createRolloutCollector, type RolloutSummary } from './rollout.ts';
import { createSums, describeRun, type RunInput, snapshot, startRun } from './run-state.ts';
import { resolveTunedPolicy } from './tune.ts';
import { createValidation } from './validation.ts';

export interface TrainInput extends RunInput {
  tf: TensorLibrary;
  /** The reactive loop to train over; `agentLoopSpec(app)` otherwise. */
  loop?: LoopSpec;
  /** Ends the run after the rollout in hand. What is returned then is the last segment's end. */
  signal?: AbortSignal;
  onRollout?: (progress: TrainProgress) => void;
  /** Called at every segment's end with a checkpoint to resume from. */
  onSegment?: (checkpoint: Checkpoint) => Promise<void>;
}

export interface TrainProgress {
  environmentSteps: number;
  seconds: number;
  phase: 'hindsight' | 'ppo' | 'a2c';
  rollout: RolloutSummary;
  update: UpdateResult;
  learningRate: number;
  violationWeight: number;
  validation: ValidationPoint | null;
}

/** A target of 0 % would let the price of violations rise without end. */
const leastTargetPercent = 0.1;

/** Runs to the end, or to the last segment before an abort. Throws UserError when what is to be resumed does not fit. */
export async function train(input: TrainInput): Promise<Checkpoint> {
  const { app, options, tf, signal } = input;
  const loop = input.loop ?? agentLoopSpec(app);
  const env = createTrainingEnv(input, loop);
  const shape: NetworkShape = {
    inputs: env.observationNames.length,
    hidden: options.hidden,
    heads: env.actionHeads.map((head) => head.choices.length),
  };
  if (input.from) checkCheckpointFits(input.from, env.observationNames, shape.heads, 'to begin from');
  const run = startRun(input, shape);
  const collector = createRolloutCollector({
    env,
    steps: options.rolloutSteps,
    discount: options.discount,
    traceDecay: options.traceDecay,
    hindsight: { podsOfSize: podsPerGroupSize(app), capacities: createGroupDemand(app).capacities },
  });
  Object.assign(collector.returnScale.moments, run.returnMoments);
  const network = createGradientNetwork(tf, networkLayout(shape));
  network.load(run.parameters);
  const learner: Learner = {
    layout: networkLayout(shape),
    heads: shape.heads,
    parameters: run.parameters,
    gradient: new Float32Array(run.parameters.length),
    adam: run.adam,
    network,
    uniform: () => 0,
  };
  const warmStart: HindsightOptions = { ...options, epochs: options.warmStartEpochs, moveHead: 1 };
  const hindsight = createHindsightUpdate(warmStart);
  const algorithm: Update = options.algorithm === 'ppo' ? createPpoUpdate(options) : createA2cUpdate(options);
  const stepsPerRollout = options.lanes * options.rolloutSteps;
  const rollouts = Math.ceil(options.environmentSteps / stepsPerRollout);
  const warmRollouts = Math.round(rollouts * options.warmStartShare);
  const validate = createValidation(app);
  // A fixed price has no target.
  const hasTarget = options.violationTargetPercent > 0 || options.fixedViolationWeight;
  const rival = hasTarget ? undefined : await resolveTunedPolicy('hpa-tuned', app, () => {});
  const lagrangianOptions = {
    ...defaultLagrangianOptions,
    targetPercent: rival
      ? Math.max(leastTargetPercent, autoTargetShare * (await validate(rival)).violationPercent)
      : options.violationTargetPercent,
  };
  const startedAt = performance.now() - run.seconds * 1000;
  const document = (): CheckpointDocument => describeRun(input, loop, env, run, collector.returnScale.moments);
  let last: Checkpoint = snapshot(run, document());

  try {
    while (run.segment * options.segmentRollouts < rollouts && !signal?.aborted) {
      const first = run.segment * options.segmentRollouts;
      const draw = createDraw(mixSeed(options.seed, run.segment));
      learner.uniform = () => draw.uniform(0, 1);
      collector.restart(mixSeed(options.seed, run.segment));
      env.weights.violation = run.lagrangian.multiplier;
      const sums = createSums();
      for (let rollout = first; rollout < Math.min(rollouts, first + options.segmentRollouts); rollout++) {
        if (signal?.aborted) return last;
        const isWarm = rollout < warmRollouts;
        const summary = collector.collect(learner, run.normalisation, isWarm ? options.exploration : 0);
        const learningRate = isWarm
          ? options.warmStartLearningRate * (1 - 0.95 * (rollout / warmRollouts))
          : options.learningRate * (1 - 0.95 * ((rollout - warmRollouts) / (rollouts - warmRollouts)));
        const warmShare = Math.min(1, rollout / warmRollouts);
        warmStart.entropyWeight = options.warmStartEntropyWeight * (1 - warmShare) + options.entropyWeight * warmShare;
        const update = (isWarm ? hindsight : algorithm)(learner, collector.buffer, learningRate);
        run.environmentSteps += stepsPerRollout;
        run.seconds = (performance.now() - startedAt) / 1000;
        sums.add(summary, update);
        input.onRollout?.({
          environmentSteps: run.environmentSteps,
          seconds: run.seconds,
          phase: isWarm ? 'hindsight' : options.algorithm,
          rollout: summary,
          update,
          learningRate,
          violationWeight: env.weights.violation,
          validation: run.validation.at(-1) ?? null,
        });
        // Lets Ctrl-C and timers through between two rollouts.
        await new Promise((resolve) => setImmediate(resolve));
      }
      run.segment++;
      run.trainingCurve.push(sums.point(run, env.weights.violation));
      const { violationPercent, meanReplicas } = await validate(livePolicy(snapshot(run, document())));
      run.validation.push({
        environmentSteps: run.environmentSteps,
        seconds: run.seconds,
        violationPercent,
        meanReplicas,
      });
      // The first policies are all over the place; their violations say nothing about the price.
      if (!options.fixedViolationWeight && run.segment > 2)
        updateLagrangian(run.lagrangian, violationPercent, lagrangianOptions);
      last = snapshot(run, document());
      await input.onSegment?.(last);
    }
    return last;
  } finally {
    network.dispose();
  }
}

function createTrainingEnv({ app, options, traces }: TrainInput, loop: LoopSpec): ScalingEnv {
  return createScalingEnv({
    app,
    lanes: options.lanes,
    intervalSeconds: options.intervalSeconds,
    createReactiveLoop: (lanes) => createReactiveLoop({ spec: loop, app, lanes }),
    reward: { violation: options.violationWeight },
    episodes: traces ? { traces } : {},
    poolSeed: options.seed,
    learns: options.learns,
  });
}

const livePolicy = (checkpoint: Checkpoint) => checkpointPolicy({ name: 'policy', origin: 'in training', checkpoint });
