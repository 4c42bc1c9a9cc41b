/** The state of a training run: how it begins, what a checkpoint keeps of it, and how it is taken up again. */
import { createHash } from 'node:crypto';
import type { AppModel } from '../env/apps/app-model.ts';
import { appHash } from '../env/apps/load-app.ts';
import { UserError } from '../env/errors.ts';
import { createDraw } from '../env/random.ts';
import type { ScalingEnv } from '../env/simulator/scaling-env.ts';
import { formatTrace, type Trace } from '../env/workload/trace.ts';
import {
  type Checkpoint,
  type CheckpointDocument,
  checkpointNormalisation,
  checkpointVersion,
  encodeFloats,
  hashBytes,
} from '../policies/actor-critic/checkpoint.ts';
import { initialParameters, type NetworkShape, networkLayout } from '../policies/actor-critic/network.ts';
import { createNormalisation, type Normalisation } from '../policies/actor-critic/normalisation.ts';
import type { LoopSpec } from '../policies/reactive/loop-spec.ts';
import { type Adam, createAdam } from './adam.ts';
import { traceHash } from './held-out.ts';
import type { TrainingCurvePoint, ValidationPoint } from './inspection.ts';
import type { Lagrangian } from './lagrangian.ts';
import type { UpdateResult } from './learner.ts';
import { refuseImportedActor, type TrainOptions } from './options.ts';
import type { RolloutSummary } from './rollout.ts';

/** What a run is made from. */
export interface RunInput {
  app: AppModel;
  options: TrainOptions;
  /** Own traffic to train on; synthetic families otherwise. */
  traces?: readonly Trace[];
  gitCommit: string | null;
  resume?: Checkpoint;
  /** A new run that begins with the weights and the normalisation of another one, maybe of another app model. */
  from?: Checkpoint;
}

/** Everything that changes while training and that a checkpoint keeps. */
export interface Run {
  segment: number;
  environmentSteps: number;
  seconds: number;
  parameters: Float32Array;
  adam: Adam;
  normalisation: Normalisation;
  lagrangian: Lagrangian;
  returnMoments: { count: number; mean: number; variance: number };
  trainingCurve: TrainingCurvePoint[];
  validation: ValidationPoint[];
}

/** Logit that the choice "raise no rank" starts with: a rank is raised for a reason, not by chance. */
const initialNoRaiseLogit = 3;

/** A new run, or the one that `resume` is the end of a segment of. Throws UserError when it does not fit. */
export function startRun(input: RunInput, shape: NetworkShape): Run {
  const { app, options, resume, from } = input;
  const layout = networkLayout(shape);
  if (!resume) {
    const parameters = from ? weightsOf(from, shape) : initialParameters(shape, createDraw(options.seed));
    if (!from) parameters[layout.actor[layout.actor.length - 1].biasOffset] = initialNoRaiseLogit;
    return {
      segment: 0,
      environmentSteps: 0,
      seconds: 0,
      parameters,
      adam: createAdam(parameters.length),
      normalisation: from ? checkpointNormalisation(from.document) : createNormalisation(shape.inputs),
      lagrangian: { multiplier: options.violationWeight, violationPercent: Number.NaN },
      returnMoments: { count: 0, mean: 0, variance: 1 },
      trainingCurve: [],
      validation: [],
    };
  }
  const { document, parameters } = resume;
  if (document.app.hash !== appHash(app)) {
    throw new UserError(
      'RESUME_APP',
      `this checkpoint was trained on another version of app model ${document.app.name}; train from the beginning`,
    );
  }
  if (document.workloadHash !== workloadHash(input)) {
    throw new UserError(
      'RESUME_TRACES',
      'this checkpoint was trained on other traces; name the same --traces as then, or train from the beginning',
    );
  }
  if (parameters.length !== layout.parameterCount) {
    throw new UserError(
      'RESUME_SHAPE',
      'the observations have changed since this checkpoint was made; train from the beginning',
    );
  }
  return takeUp(resume);
}

/** The run that left a checkpoint. @throws UserError `RESUME_IMPOSSIBLE` for one without its optimizer */
export function takeUp({ document, parameters, optimizer }: Checkpoint): Run {
  const { resume: state } = document;
  if (!state || !optimizer) {
    throw new UserError(
      'RESUME_IMPOSSIBLE',
      'this checkpoint has no optimizer.bin to resume from; train from the beginning',
    );
  }
  return {
    segment: state.segment,
    environmentSteps: state.environmentSteps,
    seconds: state.seconds,
    parameters: parameters.slice(),
    adam: {
      step: state.adamStep,
      firstMoment: optimizer.slice(0, parameters.length),
      secondMoment: optimizer.slice(parameters.length),
    },
    normalisation: checkpointNormalisation(document),
    lagrangian: {
      multiplier: state.lagrangian.multiplier,
      violationPercent: state.lagrangian.violationPercent ?? Number.NaN,
    },
    returnMoments: state.returnMoments,
    trainingCurve: [...document.trainingCurve],
    validation: [...document.validation],
  };
}

/** Observations and heads were compared before, by name. */
function weightsOf({ document, parameters }: Checkpoint, shape: NetworkShape): Float32Array {
  refuseImportedActor(document);
  if (document.hidden.join() === shape.hidden.join()) return parameters.slice();
  throw new UserError(
    'FROM_SHAPE',
    `the checkpoint to begin from has hidden layers of ${document.hidden.join(',')}, this run of ${shape.hidden.join(',')}; leave --set hidden out`,
  );
}

const orNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The run as a checkpoint's document; `snapshot` fills in the hashes. */
export function describeRun(
  input: RunInput,
  loop: LoopSpec,
  env: ScalingEnv,
  run: Run,
  returnMoments: Run['returnMoments'],
): CheckpointDocument {
  const { app, options, traces } = input;
  const { hidden, seed, algorithm, intervalSeconds, ...hyperparameters } = options;
  return {
    schemaVersion: checkpointVersion,
    algorithm,
    createdAt: new Date().toISOString(),
    app: { name: app.name, hash: appHash(app), model: app },
    workloadHash: workloadHash(input),
    ...(traces && { trainingTraces: traces.map((trace) => ({ name: trace.name, sha256: traceHash(trace) })) }),
    gitCommit: input.gitCommit,
    seeds: { training: seed },
    intervalSeconds,
    observationNames: [...env.observationNames],
    actionHeads: env.actionHeads.map(({ name, choices }) => ({ name, choices: [...choices] })),
    hidden,
    normalisation: {
      count: run.normalisation.count,
      mean: Array.from(run.normalisation.mean),
      variance: Array.from(run.normalisation.variance),
    },
    loop,
    hyperparameters: { ...hyperparameters, traces: traces ? traces.length : 'synthetic' },
    trainingCurve: [...run.trainingCurve],
    validation: [...run.validation],
    evaluation: [],
    weights: { sha256: '', bytes: 0 },
    resume: {
      segment: run.segment,
      environmentSteps: run.environmentSteps,
      seconds: run.seconds,
      adamStep: run.adam.step,
      returnMoments: { ...returnMoments },
      lagrangian: { multiplier: run.lagrangian.multiplier, violationPercent: orNull(run.lagrangian.violationPercent) },
      optimizerSha256: '',
    },
  };
}

/** Tells one set of training traces from another. */
function workloadHash({ app, options, traces }: RunInput): string {
  const hash = createHash('sha256').update(`families ${JSON.stringify(app.name)} ${options.seed}`);
  for (const trace of traces ?? []) hash.update(trace.name).update(formatTrace(trace));
  return hash.digest('hex');
}

/** A copy of the run's state as a checkpoint, its hashes filled in. */
export function snapshot(run: Run, document: CheckpointDocument): Checkpoint {
  const parameters = run.parameters.slice();
  const optimizer = new Float32Array(parameters.length * 2);
  optimizer.set(run.adam.firstMoment, 0);
  optimizer.set(run.adam.secondMoment, parameters.length);
  const weights = encodeFloats(parameters);
  document.weights = { sha256: hashBytes(weights), bytes: weights.byteLength };
  if (document.resume) document.resume.optimizerSha256 = hashBytes(encodeFloats(optimizer));
  return { document, parameters, optimizer };
}

/** Means over a segment, as one point of the training curve. */
export function createSums() {
  const totals = { count: 0, reward: 0, violation: 0, replicas: 0, entropy: 0, kl: 0, rows: 0 };
  return {
    add(rollout: RolloutSummary, update: UpdateResult) {
      totals.count++;
      totals.reward += rollout.meanReward;
      totals.violation += rollout.violationPercent;
      totals.replicas += rollout.meanReplicas;
      totals.entropy += update.entropy;
      totals.kl += update.approximateKl;
      totals.rows += update.rows;
    },
    point(run: Run, violationWeight: number): TrainingCurvePoint {
      return {
        environmentSteps: run.environmentSteps,
        seconds: run.seconds,
        reward: orNull(totals.reward / totals.count),
        violationPercent: orNull(totals.violation / totals.count),
        meanReplicas: orNull(totals.replicas / totals.count),
        entropy: orNull(totals.entropy / totals.rows),
        klDivergence: orNull(totals.kl / totals.rows),
        lagrangeMultiplier: violationWeight,
      };
    },
  };
}
