import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BinaryName, binaryNames, cachedBinary } from './catalog.ts';
import { type BinaryPlaces, findBinary, requireBinaries } from './find.ts';

let root: string;
let places: BinaryPlaces;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'duoloop-binaries-'));
  places = { binaryFolders: [join(root, 'own')], searchPath: [join(root, 'path')], cacheFolder: join(root, 'cache') };
});
afterEach(() => rm(root, { recursive: true }));

/** A program that prints a version. */
async function program(file: string, version: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '${version}'\n`);
  await chmod(file, 0o755);
  return file;
}

const inFolder = (name: BinaryName, version = 'anything') => program(join(root, 'own', name), version);
const onPath = (name: BinaryName, version: string) => program(join(root, 'path', name), version);
const inCache = (name: BinaryName) => program(cachedBinary(places.cacheFolder, name), 'anything');

test('the own folder comes before PATH, and PATH before the cache', async () => {
  expect(await findBinary('etcd', places)).toBeUndefined();
  expect(await findBinary('etcd', { ...places, cacheFolder: dirname(root) })).toBeUndefined();
  const cached = await inCache('etcd');
  expect(await findBinary('etcd', places)).toEqual({ name: 'etcd', file: cached, source: 'cache' });
  const path = await onPath('etcd', 'etcd Version: 3.6.1');
  expect(await findBinary('etcd', places)).toEqual({ name: 'etcd', file: path, source: 'path' });
  const own = await inFolder('etcd');
  expect(await findBinary('etcd', places)).toEqual({ name: 'etcd', file: own, source: 'folder' });
});

test('a second own folder fills in what the first does not have', async () => {
  await inFolder('etcd');
  const other = await program(join(root, 'other', 'kubectl'), '');
  const both = { ...places, binaryFolders: [...places.binaryFolders, join(root, 'other')] };
  expect(await findBinary('kubectl', both)).toMatchObject({ file: other, source: 'folder' });
  expect(await findBinary('etcd', both)).toMatchObject({ file: join(root, 'own', 'etcd') });
});

test.each<[BinaryName, string, boolean]>([
  ['kube-apiserver', 'Kubernetes v1.33.0', true],
  ['kube-apiserver', 'Kubernetes v1.36.3', true],
  ['kube-apiserver', 'Kubernetes v1.32.9', false],
  ['kubectl', 'Client Version: v1.28.2', false],
  ['kubectl', 'Client Version: v1.35.1', true],
  ['etcd', 'etcd Version: 3.4.30', false],
  ['kwok', 'kwok version v0.8.0 go1.26.8 (linux/amd64)', true],
  ['kwok', 'kwok version v0.6.1', false],
  ['kube-state-metrics', 'kube-state-metrics, version v2.17.0 (branch: , revision: x)', true],
  ['prometheus', 'prometheus, version 2.53.0 (branch: HEAD)', false],
  ['prometheus', 'prometheus, version 3.9.1 (branch: HEAD)', true],
  ['opa', 'Version: 1.4.2\nBuild Commit: ', true],
  ['opa', 'Version: 0.70.0', false],
])('%s on PATH that says %j is accepted: %s', async (name, version, accepted) => {
  await onPath(name, version);
  expect((await findBinary(name, places)) !== undefined).toBe(accepted);
});

test('a file that cannot be run is not found', async () => {
  await chmod(await inFolder('opa'), 0o644);
  expect(await findBinary('opa', places)).toBeUndefined();
});

test('all that is missing is named at once, with what to do', async () => {
  await inFolder('etcd');
  await expect(requireBinaries(['etcd', 'kwok', 'opa'], places)).rejects.toThrow(/^kwok, opa not found.*setup-lab/);
  await expect(requireBinaries(['etcd'], places)).resolves.toEqual({ etcd: join(root, 'own', 'etcd') });
});

test('every program has a place of its own in the cache', () => {
  const files = binaryNames.map((name) => cachedBinary('/cache', name));
  expect(new Set(files).size).toBe(binaryNames.length);
  const arm = cachedBinary('/cache', 'etcd', { os: 'linux', architecture: 'arm64' });
  expect(arm).not.toBe(cachedBinary('/cache', 'etcd', { os: 'linux', architecture: 'x64' }));
});
