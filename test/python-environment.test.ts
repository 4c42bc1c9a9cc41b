import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runProgramText } from '../env/lab/binaries/run-program.ts';
import { pythonEnvironment } from './python-environment.ts';

let cacheFolder: string;
let requirements: string;
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'duoloop-python-'));
  requirements = join(cacheFolder, 'requirements.txt');
  // Nothing to install: what is tested needs no network.
  await writeFile(requirements, '# nothing\n');
});
afterEach(() => rm(cacheFolder, { recursive: true }));

test('is made once for all who ask at a time, and found the next time', async () => {
  const log: string[] = [];
  const options = { cacheFolder, log: (line: string) => log.push(line) };
  const [one, other] = await Promise.all([1, 2].map(() => pythonEnvironment(requirements, options)));
  expect(other).toEqual(one);
  expect(log.filter((line) => line.includes('being made'))).toHaveLength(1);
  expect((await runProgramText(one.python, ['-c', 'import sys; print(sys.prefix)'])).trim()).toBe(one.folder);
  await pythonEnvironment(requirements, options);
  expect(log.filter((line) => line.includes('being made'))).toHaveLength(1);

  await writeFile(requirements, '# another nothing\n');
  expect((await pythonEnvironment(requirements, options)).folder).not.toBe(one.folder);
});

test('that failed leaves nothing', async () => {
  await writeFile(requirements, 'not a requirement!\n');
  const failing = pythonEnvironment(requirements, { cacheFolder, pipArguments: ['--no-index'] });
  await expect(failing).rejects.toThrow(/python3 failed: ./);
  expect(await readdir(join(cacheFolder, 'python'))).toEqual([]);
});

test('that a killed process left half made is made anew', async () => {
  const { folder } = await pythonEnvironment(requirements, { cacheFolder });
  await rm(join(folder, 'complete'));
  await rm(join(folder, 'bin', 'python'));
  const { python } = await pythonEnvironment(requirements, { cacheFolder });
  expect(await runProgramText(python, ['-c', 'print(6 * 7)'])).toBe('42\n');
});

test('without Python says what to install', async () => {
  const failing = pythonEnvironment(requirements, { cacheFolder, pythonProgram: join(cacheFolder, 'python9') });
  await expect(failing).rejects.toThrow(/python9 cannot be run: .*install Python/);
});
