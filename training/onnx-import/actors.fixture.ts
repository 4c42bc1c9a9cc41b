/** Actors that real exporters wrote, with what onnxruntime makes of them: bridges/gymnasium/tests/make_actors.py. */
import { readFileSync } from 'node:fs';
import { actionHeads } from '../../env/deliberative-action.ts';
import { type ImportedActor, readActor, readModel } from './read-actor.ts';
import type { ActorContract } from './trace-actor.ts';

const folder = new URL('../../bridges/gymnasium/tests/actors/', import.meta.url);

export const frontendContract: ActorContract = {
  inputs: 57,
  heads: actionHeads(['p95', 'cpu']).map(({ choices }) => choices.length),
};

export function actorFile(name: string): Buffer {
  return readFileSync(new URL(`${name}.onnx`, folder));
}

export function readActorFile(name: string, contract = frontendContract): ImportedActor {
  return readActor(readModel(actorFile(name), name), contract, name);
}

interface Expected {
  readonly observations: readonly (readonly number[])[];
  /** By file, then the file's outputs in order. */
  readonly outputs: Readonly<Record<string, readonly (readonly number[])[][]>>;
}

export const expected: Expected = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8'));
