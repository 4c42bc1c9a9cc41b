import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { createDraw } from '../../env/random.ts';
import { defaultLoopSpec } from '../reactive/default-specs.ts';
import { loadCheckpointPolicy } from '../two-loop.ts';
import {
  type Checkpoint,
  type CheckpointDocument,
  encodeFloats,
  hashBytes,
  networkShape,
  parseCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts';
import { createDecider } from './decider.ts';
import { createNetwork, initialParameters, networkLayout } from './network.ts';

const app = await loadApp('frontend');
const shape = { inputs: 3, hidden: [4], heads: [2, 7] };

function checkpoint(changes: Partial<CheckpointDocument> = {}): Checkpoint {
  const parameters = initialParameters(shape, createDraw(1));
  const optimizer = new Float32Array(parameters.length * 2).fill(0.5);
  const weights = encodeFloats(parameters);
  return {
    parameters,
    optimizer,
    document: {
      schemaVersion: 1,
      algorithm: 'ppo',
      createdAt: '2026-01-02T03:04:05.000Z',
      app: { name: 'frontend', hash: 'a'.repeat(64) },
      workloadHash: 'b'.repeat(64),
      gitCommit: null,
      seeds: { training: 1 },
      intervalSeconds: 15,
      observationNames: ['one', 'two', 'three'],
      actionHeads: [
        { name: 'raiseRank', choices: ['none', 'cpu'] },
        { name: 'moveSetPoint', choices: ['-2', '-1', '0', '+1', '+2', '+4', 'hold'] },
      ],
      hidden: [4],
      normalisation: { count: 10, mean: [0, 1, 2], variance: [1, 1, 4] },
      loop: defaultLoopSpec(app),
      hyperparameters: { learningRate: 0.001 },
      trainingCurve: [],
      validation: [],
      evaluation: [],
      weights: { sha256: hashBytes(weights), bytes: weights.byteLength },
      resume: {
        segment: 2,
        environmentSteps: 100,
        seconds: 1,
        adamStep: 7,
        returnMoments: { count: 1, mean: 0, variance: 1 },
        lagrangian: { multiplier: 12, violationPercent: null },
        optimizerSha256: hashBytes(encodeFloats(optimizer)),
      },
      ...changes,
    },
  };
}

function importedCheckpoint(): Checkpoint {
  const parameters = initialParameters({ ...shape, hasCritic: false }, createDraw(2));
  const weights = encodeFloats(parameters);
  const { document } = checkpoint({
    algorithm: 'imported',
    weights: { sha256: hashBytes(weights), bytes: weights.byteLength },
    resume: null,
    imported: {
      format: 'onnx',
      sha256: 'c'.repeat(64),
      producer: 'pytorch 2.9.1',
      activations: ['relu'],
      inputs: { centre: [0, 0, 1], scale: [1, 1, 4], low: -1, high: 2 },
    },
  });
  return { document, parameters, optimizer: null };
}

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'duoloop-checkpoint-')), 'checkpoint');
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

describe('a checkpoint', () => {
  it('comes back from its folder as it was written, and replaces an older one', async () => {
    await writeCheckpoint(folder, checkpoint({ algorithm: 'a2c' }));
    const written = checkpoint();
    await writeCheckpoint(folder, written);
    expect(await readCheckpoint(folder)).toEqual(written);
    expect((await readdir(folder)).sort()).toEqual(['checkpoint.json', 'optimizer.bin', 'weights.bin']);
    expect(await readdir(join(folder, '..'))).toEqual(['checkpoint']);
  });

  it('stores weights as float32 little-endian', async () => {
    const { parameters, document } = checkpoint();
    await writeCheckpoint(folder, { parameters, document, optimizer: null });
    const bytes = await readFile(join(folder, 'weights.bin'));
    expect(bytes.byteLength).toBe(4 * networkLayout(shape).parameterCount);
    expect(bytes.readFloatLE(4 * 5)).toBe(parameters[5]);
  });

  it('loads from the data of a ConfigMap', async () => {
    const { parameters, document } = checkpoint();
    const data: Record<string, Uint8Array> = {
      'checkpoint.json': Buffer.from(JSON.stringify(document)),
      'weights.bin': encodeFloats(parameters),
    };
    const loaded = await parseCheckpoint('configmap ops/policy', async (name) => data[name]);
    expect(loaded.parameters).toEqual(parameters);
    expect(loaded.optimizer).toBeNull();
  });
});

describe('an imported actor', () => {
  it('comes back, and decides by its own scaling, activations and no critic', async () => {
    const written = importedCheckpoint();
    await writeCheckpoint(folder, written);
    const read = await readCheckpoint(folder);
    expect(read).toEqual(written);
    const decider = createDecider(read);
    decider.decide(Float32Array.of(9, -9, 0.5));
    // The first feature is cut off at 2, the second at −1; the third is (0.5 − 1) × 4.
    const layout = networkLayout(networkShape(read.document));
    expect(layout.critic).toEqual([]);
    const [first, second] = layout.actor;
    const column = (layer: typeof first, input: number, unit: number) =>
      read.parameters[layer.offset + input * layer.outputs + unit];
    const hidden = Array.from({ length: first.outputs }, (_, unit) => {
      const sum = 2 * column(first, 0, unit) - column(first, 1, unit) - column(first, 2, unit);
      return Math.max(0, read.parameters[first.biasOffset + unit] + sum);
    });
    const logit = hidden.reduce(
      (sum, value, i) => sum + value * column(second, i, 1),
      read.parameters[second.biasOffset + 1],
    );
    expect(decider.logits[1]).toBeCloseTo(logit, 6);
    expect(createNetwork(networkShape(read.document), read.parameters).value(new Float32Array(3))).toBeNaN();
  });
});

describe('a damaged checkpoint is refused with what to do:', () => {
  const damage: [string, RegExp, (folder: string) => Promise<void>][] = [
    ['no folder', /no checkpoint\.json; name the folder/, (at) => rm(at, { recursive: true })],
    ['weights missing', /weights\.bin is missing; copy the whole folder/, (at) => rm(join(at, 'weights.bin'))],
    ['weights of another hash', /sha256 of weights\.bin .* copy them anew/, (at) => flipByte(join(at, 'weights.bin'))],
    ['optimizer of another hash', /sha256 of optimizer\.bin/, (at) => flipByte(join(at, 'optimizer.bin'))],
    ['not JSON', /not JSON .* copy it anew/, (at) => writeFile(join(at, 'checkpoint.json'), '{"schemaVersion": 1,')],
    [
      'another schema version',
      /schemaVersion 99 is not supported/,
      (at) => edit(at, (d) => ({ ...d, schemaVersion: 99 })),
    ],
    ['a field of the wrong kind', /intervalSeconds/, (at) => edit(at, (d) => ({ ...d, intervalSeconds: 'soon' }))],
    [
      'more observations than weights',
      /weights\.bin has \d+ bytes/,
      (at) => edit(at, (d) => ({ ...d, observationNames: ['a', 'b', 'c', 'd'] })),
    ],
    [
      'a million faults, each of which would be told',
      /more than 50000 values/,
      (at) => edit(at, (d) => ({ ...d, trainingCurve: Array.from({ length: 1e6 }, () => 0) })),
    ],
    [
      'more text than anybody trains',
      /more than 4194304 characters/,
      (at) => edit(at, (d) => ({ ...d, gitCommit: 'x'.repeat(5e6) })),
    ],
    [
      'lists within lists',
      /more than 32 levels/,
      (at) => writeFile(join(at, 'checkpoint.json'), `{"schemaVersion":${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
    ],
    [
      'layers without end',
      /hidden/,
      (at) => edit(at, (d) => ({ ...d, hidden: Array.from({ length: 1000 }, () => 1) })),
    ],
    [
      'normalisation of another width',
      /normalisation has 2 means for 3/,
      (at) => edit(at, (d) => ({ ...d, normalisation: { count: 1, mean: [0, 0], variance: [1, 1] } })),
    ],
  ];
  it.each(damage)('%s', async (_name, message, damageFolder) => {
    await writeCheckpoint(folder, checkpoint());
    await damageFolder(folder);
    await expect(readCheckpoint(folder)).rejects.toThrow(message);
    await expect(readCheckpoint(folder)).rejects.toMatchObject({ name: 'UserError' });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'scales of another width',
      { inputs: { centre: [0, 1, 2], scale: [1, 1] } },
      /3 centres and scales; import it again/,
    ],
    ['activations of another depth', { activations: [] }, /imported\.activations has to have 1/],
    ['an activation that there is not', { activations: ['softplus'] }, /activations\[0\]/],
  ])('an imported actor with %s', async (_name, changes, message) => {
    await writeCheckpoint(folder, importedCheckpoint());
    await edit(folder, (d) => ({ ...d, imported: { ...(d.imported as object), ...changes } }));
    await expect(readCheckpoint(folder)).rejects.toThrow(message);
    await expect(readCheckpoint(folder)).rejects.toMatchObject({ name: 'UserError' });
  });

  it('weights that are not finite', async () => {
    const broken = checkpoint();
    broken.parameters[3] = Number.NaN;
    const weights = encodeFloats(broken.parameters);
    broken.document.weights = { sha256: hashBytes(weights), bytes: weights.byteLength };
    await writeCheckpoint(folder, broken);
    await expect(readCheckpoint(folder)).rejects.toThrow(/not finite/);
  });

  it('one of other observations than the application has', async () => {
    await writeCheckpoint(folder, checkpoint());
    const policy = await loadCheckpointPolicy(folder);
    const context = { app, lanes: 1, tickSeconds: 5, coldStartSeconds: 30, metricLagSeconds: 30, seed: 0 };
    expect(() => policy.createController(context)).toThrow(/other observations: number 1 is one there and .* here/);
  });
});

async function flipByte(file: string): Promise<void> {
  const bytes = await readFile(file);
  bytes[9] ^= 1;
  await writeFile(file, bytes);
}

async function edit(at: string, change: (document: Record<string, unknown>) => unknown): Promise<void> {
  const file = join(at, 'checkpoint.json');
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))));
}
