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
import { UserError } from '../../env/errors.ts';
import { loopSpecSchema } from '../reactive/loop-spec.ts';
import { type NetworkShape, networkLayout } from './network.ts';
import type { Normalisation } from './normalisation.ts';

export const checkpointVersion = 1;
const finite = z.number();
const orNull = finite.nullable();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const outcomeSchema = z.strictObject({
  policy: z.string(),
  traces: z.int().min(1),
  violationPercent: finite,
  meanReplicas: finite,
  podHours: finite,
  scalingActions: finite,
  p95Milliseconds: z.strictObject({ mean: finite, max: finite }),
});

const trainingPointSchema = z.strictObject({
  environmentSteps: finite,
  seconds: finite,
  reward: orNull,
  violationPercent: orNull,
  meanReplicas: orNull,
  entropy: orNull,
  klDivergence: orNull,
  lagrangeMultiplier: orNull,
});

const validationPointSchema = z.strictObject({
  environmentSteps: finite,
  seconds: finite,
  violationPercent: finite,
  meanReplicas: finite,
});

export const checkpointSchema = z.strictObject({
  schemaVersion: z.literal(checkpointVersion),
  algorithm: z.enum(['ppo', 'a2c']),
  createdAt: z.iso.datetime(),
  /** The model goes along, so that an agent needs nothing else; older checkpoints have only the name of a shipped one. */
  app: z.strictObject({ name: z.string(), hash: sha256, model: appModelSchema.optional() }),
  /** Hash of the traces and of their randomisation. */
  workloadHash: sha256,
  /** Own traffic that it was trained on, each trace's load without its name; absent for synthetic traffic. */
  trainingTraces: z.array(z.strictObject({ name: z.string(), sha256 })).optional(),
  gitCommit: z.string().nullable(),
  seeds: z.record(z.string(), z.int()),
  intervalSeconds: z.number().positive(),
  observationNames: z.array(z.string()).min(1),
  actionHeads: z.array(z.strictObject({ name: z.string(), choices: z.array(z.string()).min(2) })).min(1),
  hidden: z.array(z.int().min(1)).min(1),
  normalisation: z.strictObject({ count: finite, mean: z.array(finite), variance: z.array(finite.min(0)) }),
  /** The reactive loop that it was trained over. */
  loop: loopSpecSchema,
  hyperparameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
  trainingCurve: z.array(trainingPointSchema),
  validation: z.array(validationPointSchema),
  /** This policy and baselines, means over the same held-out traces. */
  evaluation: z.array(outcomeSchema),
  weights: z.strictObject({ sha256, bytes: z.int().min(4) }),
  /** What `train --resume` goes on from; `optimizer.bin` belongs to it. */
  resume: z
    .strictObject({
      segment: z.int().min(0),
      environmentSteps: z.int().min(0),
      seconds: finite,
      adamStep: z.int().min(0),
      returnMoments: z.strictObject({ count: finite, mean: finite, variance: finite }),
      lagrangian: z.strictObject({ multiplier: finite, violationPercent: orNull }),
      optimizerSha256: sha256,
    })
    .nullable(),
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
  };
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
    value = JSON.parse(Buffer.from(text).toString('utf8'));
  } catch (cause) {
    return fail('CHECKPOINT_INVALID', `checkpoint.json is not JSON (${(cause as Error).message}); copy it anew`, cause);
  }
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== checkpointVersion) {
    return fail(
      'CHECKPOINT_VERSION',
      `schemaVersion ${JSON.stringify(version)} is not supported, this Duoloop reads ${checkpointVersion}; train it again`,
    );
  }
  const parsed = checkpointSchema.safeParse(value);
  if (!parsed.success)
    return fail('CHECKPOINT_INVALID', `checkpoint.json:\n${z.prettifyError(parsed.error)}`, parsed.error);
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
