/** From an actor in an ONNX file to a checkpoint: its layers, what it usually observes, and all that the agent asks of one. */
import { createHash } from 'node:crypto';
import type { AppModel } from '../../env/apps/app-model.ts';
import { appHash } from '../../env/apps/load-app.ts';
import { actionHeads } from '../../env/deliberative-action.ts';
import { UserError } from '../../env/errors.ts';
import { createObservationBuilder } from '../../env/observation/observation.ts';
import {
  type Checkpoint,
  type CheckpointDocument,
  checkpointVersion,
  encodeFloats,
  hashBytes,
} from '../../policies/actor-critic/checkpoint.ts';
import { createDecider } from '../../policies/actor-critic/decider.ts';
import { weightFinding } from '../../policies/deliberation/policy-fit.ts';
import type { LoopSpec } from '../../policies/reactive/loop-spec.ts';
import { checkMetadata, readMetadata } from './metadata.ts';
import type { OnnxModel } from './onnx-model.ts';
import { type ImportedActor, readActor } from './read-actor.ts';
import { sampleObservations } from './sample-observations.ts';

export interface ImportOptions {
  readonly model: OnnxModel;
  /** Of the file. */
  readonly sha256: string;
  /** Names the file in messages. */
  readonly origin: string;
  readonly app: AppModel;
  /** The reactive loop that it acted over. */
  readonly loop: LoopSpec;
  /** Seconds between two decisions, as trained. */
  readonly intervalSeconds: number;
  /** Outputs that hold the logits; found by their sizes when undefined. */
  readonly outputs?: readonly string[];
  /** Of the traffic on which its observations are sampled. */
  readonly seed: number;
  /** ISO 8601. */
  readonly createdAt: string;
}

export interface ImportResult {
  readonly checkpoint: Checkpoint;
  readonly actor: ImportedActor;
}

/**
 * The checkpoint, not evaluated yet.
 * @throws UserError when the file is for another application, or holds what no checkpoint can
 */
export function importActor(options: ImportOptions): ImportResult {
  const result = actorCheckpoint(options);
  const { checkpoint } = result;
  const { count, mean, variance } = sampleObservations(createDecider(checkpoint), options);
  checkpoint.document.normalisation = { count, mean: Array.from(mean), variance: Array.from(variance) };
  return result;
}

/** The same before anything was simulated: it does not know what it usually observes. */
export function actorCheckpoint(options: ImportOptions): ImportResult {
  const { model, origin, app, loop, intervalSeconds, seed } = options;
  const metricNames = loop.metrics.map(({ name }) => name);
  const { names } = createObservationBuilder({ app, lanes: 1, metricNames, intervalSeconds });
  const heads = actionHeads(metricNames);
  const metadata = readMetadata(model.metadata, origin);
  const ours = { app: app.name, intervalSeconds, observationNames: names, actionHeads: heads };
  if (metadata) checkMetadata(metadata, ours, origin);
  const actor = readActor(
    model,
    { inputs: names.length, heads: heads.map(({ choices }) => choices.length), outputs: options.outputs },
    origin,
  );
  const { parameters } = actor;
  const weights = encodeFloats(parameters);
  const document: CheckpointDocument = {
    schemaVersion: checkpointVersion,
    algorithm: 'imported',
    createdAt: options.createdAt,
    app: { name: app.name, hash: appHash(app), model: app },
    // What it was trained on is not known; this is the traffic that its observations are of.
    workloadHash: createHash('sha256')
      .update(`families ${JSON.stringify(app.name)} ${seed}`)
      .digest('hex'),
    gitCommit: null,
    seeds: { observations: seed },
    intervalSeconds,
    observationNames: [...names],
    actionHeads: heads.map(({ name, choices }) => ({ name, choices: [...choices] })),
    hidden: [...actor.hidden],
    imported: importedPart(options, actor),
    normalisation: { count: 0, mean: names.map(() => 0), variance: names.map(() => 1) },
    loop,
    hyperparameters: {
      trainedBy: metadata?.trainedBy ?? null,
      activations: actor.activations.join(', '),
      logitsOf: actor.outputs.join(', '),
    },
    trainingCurve: [],
    validation: [],
    evaluation: [],
    weights: { sha256: hashBytes(weights), bytes: weights.byteLength },
    resume: null,
  };
  const checkpoint: Checkpoint = { document, parameters, optimizer: null };
  const finding = weightFinding(checkpoint, origin);
  if (finding) throw new UserError('ONNX_WEIGHTS', `${finding.message}; the agent would refuse it`);
  return { checkpoint, actor };
}

function importedPart({ model, sha256 }: ImportOptions, { inputs, activations }: ImportedActor) {
  const { centre, scale, low, high } = inputs;
  return {
    format: 'onnx' as const,
    sha256,
    producer: model.producer,
    activations: [...activations],
    inputs: {
      centre: Array.from(centre),
      scale: Array.from(scale),
      ...(Number.isFinite(low) && { low }),
      ...(Number.isFinite(high) && { high }),
    },
  };
}
