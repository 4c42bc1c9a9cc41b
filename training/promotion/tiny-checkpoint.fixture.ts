/** The smallest checkpoints that can be told apart. */
import { appHash, loadApp } from '../../env/apps/load-app.ts';
import { createDraw } from '../../env/random.ts';
import { type Checkpoint, encodeFloats, hashBytes } from '../../policies/actor-critic/checkpoint.ts';
import { initialParameters } from '../../policies/actor-critic/network.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';

const shape = { inputs: 3, hidden: [2], heads: [2, 7] };
const app = await loadApp('frontend');

export function tinyCheckpoint(seed: number): Checkpoint {
  const parameters = initialParameters(shape, createDraw(seed));
  const weights = encodeFloats(parameters);
  return {
    parameters,
    optimizer: null,
    document: {
      schemaVersion: 1,
      algorithm: 'ppo',
      createdAt: '2026-01-02T03:04:05.000Z',
      app: { name: 'frontend', hash: appHash(app) },
      workloadHash: 'b'.repeat(64),
      gitCommit: null,
      seeds: { training: seed },
      intervalSeconds: 15,
      observationNames: ['one', 'two', 'three'],
      actionHeads: [
        { name: 'raiseRank', choices: ['none', 'cpu'] },
        { name: 'moveSetPoint', choices: ['-2', '-1', '0', '+1', '+2', '+4', 'hold'] },
      ],
      hidden: [2],
      normalisation: { count: 10, mean: [0, 1, 2], variance: [1, 1, 4] },
      loop: agentLoopSpec(app),
      hyperparameters: {},
      trainingCurve: [],
      validation: [],
      evaluation: [],
      weights: { sha256: hashBytes(weights), bytes: weights.byteLength },
      resume: null,
    },
  };
}

export const shaOf = ({ document }: Checkpoint) => document.weights.sha256;
