import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadApp } from '../../env/apps/load-app.ts';
import { UserError } from '../../env/errors.ts';
import { playTraces } from '../../env/simulator/play.ts';
import { generateTrace } from '../../env/workload/families.ts';
import {
  checkpointApp,
  networkShape,
  readCheckpoint,
  writeCheckpoint,
} from '../../policies/actor-critic/checkpoint.ts';
import { createDecider } from '../../policies/actor-critic/decider.ts';
import { createDeliberation } from '../../policies/deliberation/deliberation.ts';
import { deliberatingController } from '../../policies/deliberation/simulated-views.fixture.ts';
import { createReactiveLoop } from '../../policies/reactive/batched-loop.ts';
import { agentLoopSpec, defaultLoopSpec } from '../../policies/reactive/default-specs.ts';
import { resolvePolicy } from '../../policies/registry.ts';
import { type Proposal, proposalSchema } from '../../policies/resources/deliberative-loop.ts';
import { evaluatePolicy } from '../evaluate.ts';
import { checkpointConfigMap, checkpointOfConfigMap } from '../export/config-map.ts';
import { optionsOf, trainOptionsSchema } from '../options.ts';
import { startRun } from '../run-state.ts';
import { readBeginning } from '../train-input.ts';
import { actorFile, expected, readActorFile } from './actors.fixture.ts';
import { actorCheckpoint } from './import-actor.ts';
import { command } from './import-onnx-command.ts';
import { readModel } from './read-actor.ts';
import { sampleObservations } from './sample-observations.ts';

const actorsFolder = fileURLToPath(new URL('../../bridges/gymnasium/tests/actors', import.meta.url));
const app = await loadApp('frontend');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-onnx-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As typed; resolves to what was told. */
async function importOnnx(name: string, out: string, flags: Record<string, unknown> = {}): Promise<string> {
  const lines: string[] = [];
  const file = name.includes('/') ? name : join(actorsFolder, `${name}.onnx`);
  const input = command.schema.parse({ file, out: join(folder, out), ...flags });
  const write = (line: string) => void lines.push(line);
  await command.run(input, { signal: new AbortController().signal, print: write, log: write, commandLine: '' });
  return lines.join('\n');
}

const layerWeight = readActorFile('sb3-ppo-normalized').parameters[0];

function readCheckpointOf(name: string) {
  return actorCheckpoint({
    model: readModel(actorFile(name), name),
    sha256: 'a'.repeat(64),
    origin: name,
    app,
    loop: agentLoopSpec(app),
    intervalSeconds: 15,
    seed: 1,
    createdAt: '2026-01-02T03:04:05.000Z',
  });
}

describe('duoloop import-onnx', () => {
  it('makes a checkpoint that compare, a ConfigMap and the deliberation take', {
    timeout: 60_000,
  }, async () => {
    const told = await importOnnx('sb3-ppo-normalized', 'imported');
    expect(told).toMatch(/57 features → 8 tanh → 8 tanh → 3 \+ 7 choices.*of stable-baselines3 [\d.]+ PPO/);
    expect(told).toMatch(/hpa-tuned +0\.\d+ % above the SLA at \d/);
    const origin = join(folder, 'imported');
    const checkpoint = await readCheckpoint(origin);
    const { document } = checkpoint;
    expect(document).toMatchObject({ algorithm: 'imported', intervalSeconds: 15, resume: null });
    expect(document.evaluation.map(({ policy }) => policy)).toEqual([
      'checkpoint:this',
      'hpa',
      'hpa-tuned',
      'rps-tuned',
      'reactive',
    ]);
    expect(await checkpointApp(document, origin)).toEqual(app);

    const decider = createDecider(checkpoint);
    for (const [i, row] of expected.observations.entries()) {
      decider.decide(Float32Array.from(row));
      const [logits] = expected.outputs['sb3-ppo-normalized'];
      expect(Math.max(...decider.logits.map((value, j) => Math.abs(value - logits[i][j])))).toBeLessThan(1e-5);
    }

    const traces = [
      generateTrace({ family: 'flash-crowd', seed: 3, nominalLoad: app.nominalLoad, durationSeconds: 7200 }),
    ];
    const [alone] = await evaluatePolicy(await resolvePolicy(`checkpoint:${origin}`), { app, traces });
    const proposals: Proposal[] = [];
    const loop = createReactiveLoop({ spec: document.loop, app, lanes: 1 });
    const [live] = playTraces({
      app,
      traces,
      controller: deliberatingController({
        loop,
        loopSpec: document.loop,
        deliberation: createDeliberation(checkpoint, app, { origin }),
        onDecisions: (decisions) => proposals.push(...decisions.flatMap(({ proposal }) => proposal ?? [])),
      }),
    });
    expect(live).toEqual(alone);
    // It abstains at the first decision, when nothing was measured yet.
    expect(proposals.length).toBeGreaterThan(470);
    for (const proposal of proposals) {
      expect(proposalSchema.parse(proposal)).not.toHaveProperty('value');
      expect(proposal.confidence).toBeGreaterThan(0);
    }

    const stored = checkpointConfigMap(checkpoint, { namespace: 'shop', name: 'policy' });
    expect(await checkpointOfConfigMap(stored)).toEqual(checkpoint);
  });

  it('needs to be told what a file of another exporter does not say', async () => {
    await expect(importOnnx('torch-traced', 'none')).rejects.toThrow(/give --app NAME and --interval SECONDS/);
    await expect(importOnnx('torch-traced', 'none', { app: 'frontend' })).rejects.toThrow(/give --interval SECONDS/);
  });

  it.each([
    [{ interval: 60 }, /trained to decide every 15 s, not every 60 s; leave --interval out/],
    [{ app: 'teastore' }, /trained on the app model frontend, not on teastore; name that one by --app/],
    [{ interval: 20 }, /multiple of 15/],
  ])('refuses what the file contradicts: %j', async (flags, message) => {
    await expect(importOnnx('sb3-ppo-normalized', 'refused', flags)).rejects.toThrow(message);
  });

  it('refuses an actor over a loop with other metrics, and observations in another order', async () => {
    const { metrics, ...spec } = defaultLoopSpec(app);
    const loop = join(folder, 'loop.yaml');
    await writeFile(loop, stringify({ ...spec, metrics: [...metrics].reverse() }));
    const refused = importOnnx('sb3-ppo-normalized', 'refused', { loop });
    await expect(refused).rejects.toThrow(
      /observation 1 of what it was trained on is p95.overThreshold, of this application it is cpu.overThreshold/,
    );
    await expect(refused).rejects.toBeInstanceOf(UserError);
    await writeFile(loop, 'metrics: 3');
    await expect(importOnnx('sb3-ppo-normalized', 'refused', { loop })).rejects.toThrow(/metrics/);
  });

  it('refuses what is no file or too hot for the agent, and leaves nothing behind', async () => {
    await expect(importOnnx(join(folder, 'absent.onnx'), 'hot')).rejects.toThrow(/cannot read .*absent.onnx/);
    const bytes = Buffer.from(actorFile('sb3-ppo-normalized'));
    const first = Buffer.alloc(4);
    first.writeFloatLE(layerWeight);
    const at = bytes.indexOf(first);
    bytes.writeFloatLE(30_000, at);
    await writeFile(join(folder, 'hot.onnx'), bytes);
    await expect(importOnnx(join(folder, 'hot.onnx'), 'hot')).rejects.toThrow(
      /weights of up to 3.00e\+4.*agent would refuse it/,
    );
    expect(await readdir(folder)).not.toContain('hot');
  });

  it('leaves an actor that is not trained further here', async () => {
    const { checkpoint, actor } = readCheckpointOf('torch-heads');
    expect(actor).toMatchObject({ given: 'scores', activations: ['tanh', 'tanh'] });
    const { document } = checkpoint;
    const out = join(folder, 'heads');
    await writeCheckpoint(out, checkpoint);
    const isImported = /imported from ONNX and cannot be trained on here/;
    expect(() => optionsOf(document)).toThrow(isImported);
    await expect(readBeginning({ out, resume: out, continue: false, set: [] })).rejects.toThrow(isImported);
    const input = { app, options: trainOptionsSchema.parse({ hidden: [8, 8] }), gitCommit: null, from: checkpoint };
    expect(() => startRun(input, networkShape(document))).toThrow(isImported);
  });
});

it('observations sampled in the simulator are those that training gathers', async () => {
  const checkpoint = await readCheckpoint(
    fileURLToPath(new URL('../../policies/checkpoints/frontend', import.meta.url)),
  );
  const { document } = checkpoint;
  const { loop, intervalSeconds, normalisation } = document;
  const sampled = sampleObservations(createDecider(checkpoint), { app, loop, intervalSeconds, seed: 1 });
  expect(sampled.count).toBe(40_960);
  for (const [i, name] of document.observationNames.entries()) {
    const deviation = Math.sqrt(normalisation.variance[i] + 1e-4);
    const ratio = Math.sqrt(sampled.variance[i] + 1e-4) / deviation;
    expect(Math.abs(sampled.mean[i] - normalisation.mean[i]) / deviation, name).toBeLessThan(0.5);
    expect(Math.max(ratio, 1 / ratio), name).toBeLessThan(2);
  }
});
