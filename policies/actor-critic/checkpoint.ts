/**
 * A checkpoint: a trained policy with everything needed to judge, reload and go on training it. A folder (or the data
 * of a ConfigMap) with `checkpoint.json`, `weights.bin` (float32 little-endian) and, for resuming, `optimizer.bin`.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { type AppModel, appModelSchema } from '../../env/apps/app-model.ts';
import { appHash, loadApp, shippedApps } from '../../env/apps/load-app.ts';
import { firstFaults, parseBoundedJson } from '../../env/bounded-json.ts';
import { UserError } from '../../env/errors.ts';
import { loopSpecSchema } from '../reactive/loop-spec.ts';
import { activationNames, type NetworkShape, networkLayout } from './network.ts';
import { type InputScaling, type Normalisation, normalisedInputs } from './normalisation.ts';

export const checkpointVersion = 1;
/** What was trained has some thousand values; with a long training curve, some ten thousand. */
const documentBounds = { characters: 4 * 1024 * 1024, values: 50_000, depth: 32 };
const finite = z.number();
const orNull = finite.nullable();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const outcomeSchema = z.strictObject({
  policy: z.string().describe('checkpoint:this, or a baseline.'),
  traces: z.int().min(1).describe('Traces that the figures are means over.'),
  violationPercent: finite.describe('Share of time above the SLA.'),
  meanReplicas: finite.describe('Ready and pending pods.'),
  podHours: finite.describe('The same, summed over time.'),
  scalingActions: finite.describe('Changes of desired replicas.'),
  p95Milliseconds: z
    .strictObject({ mean: finite.describe('Over all steps.'), max: finite.describe('Of the worst step of all.') })
    .describe('p95 latency at the entry.'),
});

const environmentSteps = finite.describe('Decisions of all lanes so far.');
const seconds = finite.describe('Since training began.');

const trainingPointSchema = z.strictObject({
  environmentSteps,
  seconds,
  reward: orNull.describe('Mean of a decision.'),
  violationPercent: orNull.describe('Share of time above the SLA.'),
  meanReplicas: orNull.describe('Ready and pending pods.'),
  entropy: orNull.describe('Mean entropy of the actions over all heads, nats.'),
  klDivergence: orNull.describe('Approximate, of an update, nats.'),
  lagrangeMultiplier: orNull.describe('Weight of a violation.'),
});

const validationPointSchema = z.strictObject({
  environmentSteps,
  seconds,
  violationPercent: finite.describe('Share of time above the SLA.'),
  meanReplicas: finite.describe('Ready and pending pods.'),
});

/** An actor that was trained elsewhere: what it does differently from one of our own. It has no critic. */
const importedSchema = z.strictObject({
  format: z.literal('onnx').describe('Of the file that it was read from.'),
  sha256: sha256.describe('Of that file.'),
  producer: z.string().describe('Library and version that wrote the file.'),
  activations: z.array(z.enum(activationNames)).describe('After each hidden layer.'),
  inputs: z
    .strictObject({
      centre: z.array(finite).describe('Subtracted from each feature.'),
      scale: z.array(finite).describe('Then multiplied with.'),
      low: finite.optional().describe('Then cut off below; not at all when left out.'),
      high: finite.optional().describe('Then cut off above; not at all when left out.'),
    })
    .describe('Its own scaling of raw features; `normalisation` then only tells what is usual.'),
});

export const checkpointSchema = z.strictObject({
  schemaVersion: z.literal(checkpointVersion).describe('Of this format.'),
  algorithm: z.enum(['ppo', 'a2c', 'imported']).describe('What trained it.'),
  createdAt: z.iso.datetime().describe('In UTC.'),
  app: z
    .strictObject({
      name: z.string().describe('Of the app model.'),
      hash: sha256.describe('Of its content.'),
      model: appModelSchema
        .optional()
        .describe('The model itself; older checkpoints have only the name of a shipped one.'),
    })
    .describe('What it was trained for.'),
  workloadHash: sha256.describe('Of the traces that it was trained on, and of their randomisation.'),
  trainingTraces: z
    .array(
      z.strictObject({
        name: z.string().describe('Of the trace.'),
        sha256: sha256.describe('Of its load, without its name.'),
      }),
    )
    .optional()
    .describe('Own traffic that it was trained on; absent for synthetic traffic.'),
  gitCommit: z.string().nullable().describe('Of the Duoloop that trained it; null outside of a checkout.'),
  seeds: z.record(z.string(), z.int()).describe('By what they were for.'),
  intervalSeconds: z.number().positive().describe('Between two decisions.'),
  observationNames: z.array(z.string().max(253)).min(1).max(4096).describe('Inputs of the network, in their order.'),
  actionHeads: z
    .array(
      z.strictObject({
        name: z.string().describe('What is decided.'),
        choices: z.array(z.string()).min(2).max(256).describe('In the order of its outputs.'),
      }),
    )
    .min(1)
    .max(16)
    .describe('Outputs of the network: a choice of each head is an action.'),
  hidden: z.array(z.int().min(1)).max(16).describe('Width of each hidden layer.'),
  normalisation: z
    .strictObject({
      count: finite.describe('Observations that they were taken of.'),
      mean: z.array(finite).describe('Of each input.'),
      variance: z.array(finite.min(0)).describe('Of each input.'),
    })
    .describe('What inputs are normalised by: less their mean, divided by their standard deviation.'),
  imported: importedSchema
    .optional()
    .describe(
      'Of an actor that was trained elsewhere. Absent: tanh between layers, inputs normalised, a critic beside the actor.',
    ),
  loop: loopSpecSchema.describe('The reactive loop that it was trained over, with the fields of a ClosedLoop.'),
  hyperparameters: z
    .record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()]))
    .describe('Options of the training, by name.'),
  trainingCurve: z.array(trainingPointSchema).describe('A point a segment.'),
  validation: z.array(validationPointSchema).describe('The policy without exploration, on traces of its own.'),
  evaluation: z.array(outcomeSchema).describe('This policy and baselines, means over the same held-out traces.'),
  weights: z
    .strictObject({
      sha256: sha256.describe('What DeliberativeLoops name it by.'),
      bytes: z.int().min(4).describe('Its length.'),
    })
    .describe('Of weights.bin: float32, little-endian.'),
  resume: z
    .strictObject({
      segment: z.int().min(0).describe('Segments that are done.'),
      environmentSteps: z.int().min(0).describe('Decisions that are done.'),
      seconds,
      adamStep: z.int().min(0).describe("Of the optimiser's bias correction."),
      returnMoments: z
        .strictObject({
          count: finite.describe('Returns that they were taken of.'),
          mean: finite.describe('Of returns.'),
          variance: finite.describe('Of returns.'),
        })
        .describe('What rewards are scaled by.'),
      lagrangian: z
        .strictObject({
          multiplier: finite.describe('Weight of a violation.'),
          violationPercent: orNull.describe('Share of time above the SLA, smoothed.'),
        })
        .describe('Where the search for the weight of a violation stands.'),
      optimizerSha256: sha256.describe('Of optimizer.bin.'),
    })
    .nullable()
    .describe('What `train --resume` goes on from; `optimizer.bin` belongs to it. Null where neither is there.'),
});

export type CheckpointDocument = z.infer<typeof checkpointSchema>;

export interface Checkpoint {
  readonly document: CheckpointDocument;
  readonly parameters: Float32Array;
  /** Adam's two moments, one after the other; null in a checkpoint that cannot be resumed. */
  readonly optimizer: Float32Array | null;
}

export function networkShape(document: CheckpointDocument): NetworkShape {
  return {
    inputs: document.observationNames.length,
    hidden: document.hidden,
    heads: document.actionHeads.map((head) => head.choices.length),
    ...(document.imported && { activations: document.imported.activations, hasCritic: false }),
  };
}

/** What the actor's first layer is given. */
export function checkpointInputs(document: CheckpointDocument): InputScaling {
  if (document.imported === undefined) return normalisedInputs(checkpointNormalisation(document));
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY, ...inputs } = document.imported.inputs;
  return { ...inputs, low, high };
}

/**
 * The app model that a checkpoint was trained on.
 * @throws UserError `CHECKPOINT_APP` when it is neither in the checkpoint nor shipped with this version
 */
export async function checkpointApp({ app }: CheckpointDocument, origin: string): Promise<AppModel> {
  const isShipped = (shippedApps as readonly string[]).includes(app.name);
  const model = app.model ?? (isShipped ? await loadApp(app.name) : undefined);
  if (model !== undefined && appHash(model) === app.hash) return model;
  throw new UserError(
    'CHECKPOINT_APP',
    `checkpoint ${origin} was trained on app model ${app.name} (${app.hash.slice(0, 12)}), which is not in it and not shipped with this version of Duoloop. Train it again: new checkpoints carry their model`,
  );
}

export function checkpointNormalisation(document: CheckpointDocument): Normalisation {
  const { count, mean, variance } = document.normalisation;
  return { count, mean: Float64Array.from(mean), variance: Float64Array.from(variance) };
}

export function hashBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** float32 little-endian, whatever the machine's own order. */
export function encodeFloats(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes;
}

function decodeFloats(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

/**
 * Writes the checkpoint into `folder`, replacing a checkpoint that is there: first into a folder beside it, then by
 * renaming, so that a reader never sees half of one.
 */
export async function writeCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const target = resolve(folder);
  const fresh = join(dirname(target), `.${basename(target)}.new-${process.pid}`);
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  await writeFile(join(fresh, 'checkpoint.json'), `${JSON.stringify(checkpoint.document, null, 1)}\n`);
  await writeFile(join(fresh, 'weights.bin'), encodeFloats(checkpoint.parameters));
  if (checkpoint.optimizer) await writeFile(join(fresh, 'optimizer.bin'), encodeFloats(checkpoint.optimizer));
  await mkdir(target, { recursive: true });
  // The document names the hashes of the others, so it comes last: until then a reader sees the old one's mismatch.
  for (const name of ['weights.bin', 'optimizer.bin', 'checkpoint.json']) {
    if (name === 'optimizer.bin' && !checkpoint.optimizer) await rm(join(target, name), { force: true });
    else await rename(join(fresh, name), join(target, name));
  }
  await rm(fresh, { recursive: true, force: true });
}

/** Reads a checkpoint folder (a mounted ConfigMap is one). Throws UserError. */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  return parseCheckpoint(folder, async (name) => {
    try {
      return await readFile(join(folder, name));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new UserError('CHECKPOINT_UNREADABLE', `cannot read ${join(folder, name)}: ${(cause as Error).message}`, {
        cause,
      });
    }
  });
}

/** Checks and assembles a checkpoint whose parts come from anywhere; `origin` names it in errors. Throws UserError. */
export async function parseCheckpoint(
  origin: string,
  read: (name: string) => Promise<Uint8Array | undefined>,
): Promise<Checkpoint> {
  const fail = (code: string, what: string, cause?: unknown): never => {
    throw new UserError(code, `checkpoint ${origin}: ${what}`, { cause });
  };
  const text = await read('checkpoint.json');
  if (text === undefined)
    return fail('CHECKPOINT_MISSING', 'there is no checkpoint.json; name the folder that duoloop train wrote');
  let value: unknown;
  try {
    value = parseBoundedJson(Buffer.from(text).toString('utf8'), documentBounds);
  } catch (cause) {
    if (cause instanceof RangeError) {
      return fail(
        'CHECKPOINT_INVALID',
        `checkpoint.json ${cause.message}, which no training writes; copy it anew`,
        cause,
      );
    }
    return fail('CHECKPOINT_INVALID', `checkpoint.json is not JSON (${(cause as Error).message}); copy it anew`, cause);
  }
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== checkpointVersion) {
    return fail(
      'CHECKPOINT_VERSION',
      `schemaVersion ${JSON.stringify(version)?.slice(0, 40)} is not supported, this Duoloop reads ${checkpointVersion}; train it again`,
    );
  }
  const parsed = checkpointSchema.safeParse(value);
  if (!parsed.success)
    return fail('CHECKPOINT_INVALID', `checkpoint.json:\n${z.prettifyError(firstFaults(parsed.error))}`, parsed.error);
  const document = parsed.data;
  const weights = await read('weights.bin');
  if (weights === undefined) return fail('CHECKPOINT_MISSING', 'weights.bin is missing; copy the whole folder');
  if (hashBytes(weights) !== document.weights.sha256) {
    return fail(
      'CHECKPOINT_HASH',
      'the sha256 of weights.bin is not the one in checkpoint.json; the files do not belong together or are damaged, copy them anew',
    );
  }
  const expected = networkLayout(networkShape(document)).parameterCount * 4;
  if (weights.byteLength !== expected) {
    return fail(
      'CHECKPOINT_SHAPE',
      `weights.bin has ${weights.byteLength} bytes, its observations and layers need ${expected}`,
    );
  }
  const width = document.observationNames.length;
  if (document.normalisation.mean.length !== width || document.normalisation.variance.length !== width) {
    return fail(
      'CHECKPOINT_SHAPE',
      `normalisation has ${document.normalisation.mean.length} means for ${width} observations`,
    );
  }
  const { imported } = document;
  if (imported && [imported.inputs.centre, imported.inputs.scale].some(({ length }) => length !== width)) {
    return fail('CHECKPOINT_SHAPE', `imported.inputs has to have ${width} centres and scales; import it again`);
  }
  if (imported && imported.activations.length !== document.hidden.length) {
    return fail('CHECKPOINT_SHAPE', `imported.activations has to have ${document.hidden.length}; import it again`);
  }
  const parameters = decodeFloats(weights);
  if (!parameters.every(Number.isFinite))
    return fail('CHECKPOINT_INVALID', 'weights.bin holds values that are not finite; train it again');
  const optimizer = document.resume ? await read('optimizer.bin') : undefined;
  if (optimizer && hashBytes(optimizer) !== document.resume?.optimizerSha256) {
    return fail(
      'CHECKPOINT_HASH',
      'the sha256 of optimizer.bin is not the one in checkpoint.json; copy the folder anew',
    );
  }
  return { document, parameters, optimizer: optimizer ? decodeFloats(optimizer) : null };
}
