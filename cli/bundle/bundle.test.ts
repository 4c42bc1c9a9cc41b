import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../env/lab/loopback-ports.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import { readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { repositoryRoot } from '../repository-root.ts';
import { type Bundle, buildBundle, launcherName, noticesName } from './bundle.ts';
import { createBill } from './create-bill.ts';

/** Outside the checkout, so that nothing is found in its node_modules. */
let folder: string;
let bundle: Bundle;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-bundle-'));
  bundle = await buildBundle(join(folder, 'dist'));
  await writeFile(
    join(folder, 'kubeconfig'),
    JSON.stringify({
      'current-context': 'nobody',
      clusters: [{ name: 'nobody', cluster: { server: 'http://127.0.0.1:1' } }],
      contexts: [{ name: 'nobody', context: { cluster: 'nobody', user: 'nobody' } }],
      users: [{ name: 'nobody', user: {} }],
    }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** In a folder and with an environment that know nothing of the checkout. */
function duoloop(...words: string[]): Promise<Outcome> {
  const options = { cwd: folder, env: { HOME: folder, PATH: process.env.PATH } };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(folder, 'dist', launcherName), ...words], options, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

it('is Duoloop, without node_modules', async () => {
  const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8'));
  expect(await duoloop('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  const names = bundle.packages.map(({ name }) => name);
  expect(names).toContain('@kubernetes/client-node');
  expect(names.filter((name) => /tensorflow|tfjs|echarts|esbuild|^tsx$|playwright/.test(name))).toEqual([]);
  expect((await readdir(join(folder, 'dist'))).filter((name) => name.endsWith('.node'))).toEqual([]);
});

it.each(['agent', 'operator', 'explain', 'groups'])('duoloop %s --help', async (verb) => {
  expect(await duoloop(verb, '--help')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Example') });
});

it('says where a verb is that it has not', async () => {
  const outcome = await duoloop('train', '--app', 'frontend');
  expect(outcome).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^error: .*duoloop-training/) });
});

it('imports groups', async () => {
  await writeFile(join(folder, 'groups.txt'), 'webui,auth\n');
  const { exitCode, stdout } = await duoloop('groups', 'import', 'groups.txt', '--namespace', 'shop');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('kind: ScalingGroup');
});

it.each(['agent', 'operator'])('%s without a cluster ends with 2 and says what to set', async (verb) => {
  const outcome = await duoloop(verb, '--prometheus', 'http://127.0.0.1:1');
  expect(outcome).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^error: .*set KUBECONFIG/) });
});

it('the agent serves its health while nobody answers, and ends with 0 on SIGTERM', async () => {
  const port = await freePort();
  const words = ['agent', '--prometheus', 'http://127.0.0.1:1', '--port', String(port)];
  const agent = spawn(process.execPath, [join(folder, 'dist', launcherName), ...words], {
    cwd: folder,
    env: { KUBECONFIG: join(folder, 'kubeconfig') },
    stdio: 'ignore',
  });
  onTestFinished(() => void agent.kill('SIGKILL'));
  const ended = once(agent, 'exit');
  await expect.poll(() => requestLoopback(`http://127.0.0.1:${port}/healthz`), { timeout: 20_000 }).toContain('ok');
  agent.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

it('shipped checkpoints bring their app model along, so that it needs none of its own for them', async () => {
  const folders = (await readdir(join(repositoryRoot, 'policies/checkpoints'), { recursive: true }))
    .filter((file) => file.endsWith('checkpoint.json'))
    .map((file) => join(repositoryRoot, 'policies/checkpoints', file, '..'));
  expect(folders.length).toBeGreaterThan(4);
  for (const checkpoint of folders) {
    const { document } = await readCheckpoint(checkpoint);
    expect(document.app.model, checkpoint).toMatchObject({ name: document.app.name });
  }
});

it('names every package that it has code of, with licence and text', async () => {
  const notices = await readFile(join(folder, 'dist', noticesName), 'utf8');
  for (const { name, version, license } of bundle.packages) {
    expect(license).toMatch(/^(MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|Unlicense|Python-2\.0)$/);
    expect(notices).toContain(`${name} ${version}, ${license}`);
  }
  const packages = bundle.packages.map(({ name, version }) => `${name}@${version}`);
  const bill = JSON.parse(
    await createBill({ name: 'duoloop', parts: [{ folder: repositoryRoot, packages }], createdEpoch: '1700000000' }),
  );
  expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { timestamp: '2023-11-14T22:13:20.000Z' } });
  const components: { name: string; version: string }[] = bill.components;
  expect(components.map(({ name, version }) => `${name}@${version}`).sort()).toEqual(packages.sort());
});
