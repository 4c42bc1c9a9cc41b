/** Checkpoints whose policy does what a test needs, and such as nobody should trust. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noRaiseChoice, setPointMoves } from '../../env/deliberative-action.ts';
import {
  type Checkpoint,
  encodeFloats,
  hashBytes,
  networkShape,
  readCheckpoint,
} from '../../policies/actor-critic/checkpoint.ts';
import { networkLayout } from '../../policies/actor-critic/network.ts';

export const frontendCheckpoint = fileURLToPath(new URL('../../policies/checkpoints/frontend', import.meta.url));

/** Far above the logits of what was trained, and far below what is taken for damage. */
const certain = 40;

/** The shipped policy of the frontend, but one that always wants the same move, whatever it observes. */
export async function alwaysMoving(move: (typeof setPointMoves)[number]): Promise<Checkpoint> {
  const { document, parameters } = await readCheckpoint(frontendCheckpoint);
  const { heads } = networkShape(document);
  const output = networkLayout(networkShape(document)).actor.at(-1);
  const index = setPointMoves.indexOf(move);
  if (output === undefined || index < 0) throw new Error(`there is no move by ${move}`);
  const forged = parameters.slice();
  forged.fill(0, output.offset, output.biasOffset + output.outputs);
  forged[output.biasOffset + noRaiseChoice] = certain;
  forged[output.biasOffset + heads[0] + index] = certain;
  return withParameters({ document, parameters, optimizer: null }, forged);
}

/** With the hash that belongs to the weights: what is wrong with them is not seen by it. */
export function withParameters({ document }: Checkpoint, parameters: Float32Array): Checkpoint {
  const bytes = encodeFloats(parameters);
  const weights = { sha256: hashBytes(bytes), bytes: bytes.byteLength };
  return { document: { ...document, weights, resume: null }, parameters, optimizer: null };
}

export interface CheckpointParts {
  /** Of checkpoint.json. */
  readonly text: string;
  readonly weights: Buffer;
}

export function partsOf({ document, parameters }: Checkpoint): CheckpointParts {
  return { text: JSON.stringify(document), weights: encodeFloats(parameters) };
}

export function configMapOf(name: string, { text, weights }: CheckpointParts) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { 'checkpoint.json': text },
    binaryData: { 'weights.bin': weights.toString('base64') },
  };
}

export async function writeParts(folder: string, { text, weights }: CheckpointParts): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'checkpoint.json'), text);
  await writeFile(join(folder, 'weights.bin'), weights);
}
