/** Checkpoints for tests: a shipped one, and changed copies of it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { encodeFloats, hashBytes } from '../../policies/actor-critic/checkpoint.ts';

export const checkpointsFolder = fileURLToPath(new URL('../../policies/checkpoints', import.meta.url));

export interface CheckpointBytes {
  readonly document: Buffer;
  readonly weights: Buffer;
  /** Of the weights. */
  readonly sha256: string;
}

/** @param changeWeight added to the last bias of the critic: another sha256, the same decisions */
export async function checkpointBytes(name = 'frontend', changeWeight = 0): Promise<CheckpointBytes> {
  const folder = `${checkpointsFolder}/${name}`;
  const document = JSON.parse(await readFile(`${folder}/checkpoint.json`, 'utf8'));
  const shipped = await readFile(`${folder}/weights.bin`);
  const parameters = Float32Array.from({ length: shipped.length / 4 }, (_, i) => shipped.readFloatLE(i * 4));
  parameters[parameters.length - 1] += changeWeight;
  const weights = encodeFloats(parameters);
  const sha256 = hashBytes(weights);
  document.weights.sha256 = sha256;
  return { document: Buffer.from(JSON.stringify(document)), weights, sha256 };
}

export function configMapOf(name: string, { document, weights }: Pick<CheckpointBytes, 'document' | 'weights'>) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { 'checkpoint.json': document.toString('utf8') },
    binaryData: { 'weights.bin': weights.toString('base64') },
  };
}
