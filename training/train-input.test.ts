import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFloats, hashBytes, writeCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { tinyCheckpoint } from './promotion/tiny-checkpoint.fixture.ts';
import { readBeginning, readTrainingTraces, type TrainFlags } from './train-input.ts';

let folder: string;
const at = (name: string) => join(folder, name);
const flags = (more: Partial<TrainFlags> = {}): TrainFlags => ({ out: at('new'), continue: false, set: [], ...more });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-train-input-'));
  const { document, parameters } = tinyCheckpoint(7);
  const optimizer = new Float32Array(parameters.length * 2);
  const resume = {
    segment: 1,
    environmentSteps: 100,
    seconds: 1,
    adamStep: 3,
    returnMoments: { count: 1, mean: 0, variance: 1 },
    lagrangian: { multiplier: 12, violationPercent: null },
    optimizerSha256: hashBytes(encodeFloats(optimizer)),
  };
  const hyperparameters = { environmentSteps: 5000 };
  await writeCheckpoint(at('begun'), { document: { ...document, resume, hyperparameters }, parameters, optimizer });
  await writeFile(at('options.yaml'), 'seed: 9\nlearningRate: 0.001\nhidden: [8, 8]\n');
  await writeFile(at('wrong.yaml'), 'sed: 9\n');
  await writeFile(at('day.csv'), 'second,rps\n0,1\n100,2\n200,3\n300,4\n400,4\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('how a run begins', () => {
  it('takes options of a file, and what is typed before them', async () => {
    const { options } = await readBeginning(flags({ options: at('options.yaml'), seed: 4, set: ['hidden=16'] }));
    expect(options).toMatchObject({ seed: 4, learningRate: 0.001, hidden: [16], environmentSteps: 4_000_000 });
    await expect(readBeginning(flags({ options: at('wrong.yaml') }))).rejects.toThrow(/has no option "sed"; write/);
  });

  it('with --continue goes on with the run of the folder and its own options, or begins one', async () => {
    const goesOn = await readBeginning(flags({ out: at('begun'), continue: true, steps: 77 }));
    expect(goesOn.resume?.document.resume?.segment).toBe(1);
    expect(goesOn.options).toMatchObject({ seed: 7, environmentSteps: 5000 });
    const begins = await readBeginning(flags({ continue: true, steps: 77 }));
    expect(begins).toMatchObject({ options: { environmentSteps: 77 } });
    expect(begins.resume).toBeUndefined();
    await expect(readBeginning(flags({ out: at('begun') }))).rejects.toMatchObject({ code: 'FOLDER_EXISTS' });
  });

  it('with --from takes the layers of the other run, and is no resumption', async () => {
    const { from, resume, options } = await readBeginning(flags({ from: at('begun') }));
    expect([from?.document.seeds.training, resume, options.hidden]).toEqual([7, undefined, [2]]);
    const both = readBeginning(flags({ from: at('begun'), resume: at('begun'), out: at('begun') }));
    await expect(both).rejects.toMatchObject({ code: 'RESUME_OPTIONS' });
  });

  it('leaves the held-out part of each trace alone', async () => {
    const [trace] = (await readTrainingTraces(flags({ traces: [at('day.csv')], holdOut: 0.5 }))) ?? [];
    expect(trace).toMatchObject({ seconds: [0, 100, 200], rps: [1, 2, 3] });
    await expect(readTrainingTraces(flags({ holdOut: 0.5 }))).rejects.toMatchObject({ code: 'HELD_OUT' });
  });
});
