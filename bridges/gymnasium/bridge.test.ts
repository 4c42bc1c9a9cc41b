/** Runs the Python package's tests: with Gymnasium alone, then with Stable-Baselines3. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { childEnvironment, settings } from '../../env/settings.ts';
import { pythonEnvironment } from '../../test/python-environment.ts';
import { torchEnvironment } from '../../test/torch-environment.ts';
import { writeTrajectories } from './trajectory.fixture.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** The first time, packages are downloaded. */
const withDownloads = { timeout: 600_000 };

let trajectories: string;
beforeAll(async () => {
  trajectories = await mkdtemp(join(tmpdir(), 'duoloop-gymnasium-'));
  await writeTrajectories(trajectories);
});
afterAll(() => rm(trajectories, { recursive: true }));

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

test('the package passes its tests with Gymnasium', withDownloads, async (context) => {
  const { python } = await available(
    context,
    pythonEnvironment(join(folder, 'requirements-test.txt'), { log: console.info }),
  );
  const { passed, failed, skipped } = await pytest(python, ['--ignore=tests/test_sb3.py']);
  expect({ failed, skipped }).toEqual({ failed: 0, skipped: 0 });
  expect(passed).toBeGreaterThan(25);
});

test('Stable-Baselines3 trains on it unchanged', withDownloads, async (context) => {
  const { python, environment } = await available(
    context,
    torchEnvironment(join(folder, 'requirements-sb3.txt'), { log: console.info }),
  );
  const counts = await pytest(python, ['tests/test_sb3.py'], environment);
  expect(counts).toEqual({ passed: 5, failed: 0, skipped: 0 });
});

/** Where Python or its packages cannot be had, a user's tests are skipped, and say so. */
async function available<Environment>(context: TestContext, made: Promise<Environment>): Promise<Environment> {
  return made.catch((error: Error) => {
    if (settings().continuousIntegration) throw error;
    return context.skip(error.message);
  });
}

async function pytest(
  python: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Counts> {
  const env = childEnvironment({ ...environment, DUOLOOP_TRAJECTORIES: trajectories, PYTHONDONTWRITEBYTECODE: '1' });
  const options = { cwd: folder, env, maxBuffer: 16 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)(python, ['-m', 'pytest', '--color=no', ...words], options).catch(
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`pytest failed:\n${stdout}${stderr}`);
    },
  );
  const summary = stdout.trim().split('\n').at(-1) ?? '';
  console.info(`pytest: ${summary.replaceAll('=', '').trim()}`);
  const count = (outcome: string) => Number(new RegExp(`(\\d+) ${outcome}`).exec(summary)?.[1] ?? 0);
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}
