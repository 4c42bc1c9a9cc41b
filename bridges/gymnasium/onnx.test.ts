/** From Stable-Baselines3 to the agent: actors trained on the bridge are exported, imported, compared and loaded. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPolicyLoader } from '../../agent/checkpoints/policy-loader.ts';
import { main } from '../../cli.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import { childEnvironment, settings } from '../../env/settings.ts';
import { logSoftmax } from '../../policies/actor-critic/categorical.ts';
import { createDecider } from '../../policies/actor-critic/decider.ts';
import { createDeliberation } from '../../policies/deliberation/deliberation.ts';
import { torchEnvironment } from '../../test/torch-environment.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** The first time, packages are downloaded. */
const withDownloads = { timeout: 600_000 };

let exports: string;
beforeAll(async () => {
  exports = await mkdtemp(join(tmpdir(), 'duoloop-exports-'));
});
afterAll(() => rm(exports, { recursive: true, force: true }));

async function pytest(python: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const env = childEnvironment({ ...environment, DUOLOOP_EXPORTS: exports, PYTHONDONTWRITEBYTECODE: '1' });
  const words = ['-m', 'pytest', '--color=no', 'tests/onnx_export.py'];
  const { stdout } = await promisify(execFile)(python, words, { cwd: folder, env }).catch(
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`pytest failed:\n${stdout}${stderr}`);
    },
  );
  return stdout;
}

/** An actor's file, with log-probabilities that Stable-Baselines3 itself gave to observations. */
interface Exported {
  readonly observations: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
}

test('actors of Stable-Baselines3 come back as checkpoints that the agent loads', withDownloads, async (context) => {
  const { python, environment } = await torchEnvironment(join(folder, 'requirements-sb3.txt'), {
    log: console.info,
  }).catch((error: Error) => {
    if (settings().continuousIntegration) throw error;
    return context.skip(error.message);
  });
  expect(await pytest(python, environment)).toMatch(/6 passed/);

  const { api } = createMemoryKubernetes().connect();
  const { load } = createPolicyLoader({
    api,
    checkpointRoot: exports,
    url: { hosts: [], timeoutSeconds: 5 },
    now: () => 1_000,
    signal: new AbortController().signal,
  });
  for (const name of ['ppo', 'a2c']) {
    const out = join(exports, `${name}-checkpoint`);
    expect(await main(['import-onnx', join(exports, `${name}.onnx`), '--no-evaluate', '--out', out])).toBe(0);
    const { checkpoint, app, origin } = await load({ file: `${name}-checkpoint` }, 'shop');
    const { observations, scores }: Exported = JSON.parse(await readFile(join(exports, `${name}.json`), 'utf8'));
    const decider = createDecider(checkpoint);
    const [ranks, moves] = checkpoint.document.actionHeads.map(({ choices }) => choices.length);
    const differences = observations.flatMap((row, i) => {
      decider.decide(Float32Array.from(row));
      logSoftmax(decider.logits, 0, ranks);
      logSoftmax(decider.logits, ranks, moves);
      return Array.from(decider.logits, (value, j) => Math.abs(value - scores[i][j]));
    });
    expect(differences).toHaveLength(64 * 10);
    expect(Math.max(...differences)).toBeLessThan(1e-5);
    expect(createDeliberation(checkpoint, app, { origin }).intervalSeconds).toBe(15);
  }
  const report = join(exports, 'inspection.json');
  expect(await main(['inspect', join(exports, 'ppo-checkpoint'), '--json', report])).toBe(0);
  const inspection = JSON.parse(await readFile(report, 'utf8'));
  expect(inspection.identity.hyperparameters).toMatchObject({ activations: 'tanh, tanh', resumable: false });
  const moves: number[] = inspection.decisionMap.expectedMove.flat();
  expect(moves.every(Number.isFinite)).toBe(true);
  expect(new Set(moves.map((move) => move.toFixed(3))).size).toBeGreaterThan(20);
});
