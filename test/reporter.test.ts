import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { repositoryRoot } from './repository-files.ts';

let folder: string;
beforeEach(async () => {
  // Within the repository, since the test files have to find vitest.
  folder = await mkdtemp(join(repositoryRoot, 'node_modules', '.reporter-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Run {
  readonly exitCode: number;
  readonly lastLine: string;
}

async function runVitest(source: string, CI: string): Promise<Run> {
  await writeFile(join(folder, 'sample.test.ts'), `import { describe, test } from 'vitest';\n${source}`);
  const reporters = ['--reporter=default', `--reporter=${join(repositoryRoot, 'test', 'reporter.ts')}`];
  const vitest = join(repositoryRoot, 'node_modules', 'vitest', 'vitest.mjs');
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, CI } };
    execFile(process.execPath, [vitest, 'run', '--root', folder, ...reporters], options, (error, stdout) => {
      resolve({
        exitCode: error === null ? 0 : Number(error.code),
        lastLine: stdout.trimEnd().split('\n').at(-1) ?? '',
      });
    });
  });
}

const good = `test('good', () => {});`;

test.each([
  ['a pass', good, '', 0, '1 passed, 0 failed'],
  ['a failure', `${good} test('bad', () => { throw new Error(); });`, '', 1, '1 passed, 1 failed'],
  ['a skip on a laptop', `${good} test.skip('later', () => {});`, '', 0, '1 passed, 0 failed'],
  ['a skip in CI', `${good} test.skip('later', () => {});`, 'true', 1, '1 passed, 1 failed'],
  ['a file that does not load', `${good} throw new Error('at load');`, '', 1, '0 passed, 1 failed'],
  [
    'an error outside of tests',
    `${good} setTimeout(() => { throw new Error(); }, 1); test('slow', () => new Promise((r) => setTimeout(r, 50)));`,
    '',
    1,
    '2 passed, 1 failed',
  ],
])('%s', async (_, source, CI, exitCode, lastLine) => {
  expect(await runVitest(source, CI)).toEqual({ exitCode, lastLine });
});
