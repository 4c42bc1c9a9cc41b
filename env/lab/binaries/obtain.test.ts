import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BinaryName, cachedBinary, labBinaryNames } from './catalog.ts';
import { downloadRelease } from './download.ts';
import { type ObtainOptions, obtainBinaries } from './obtain.ts';
import { readChecksum, releaseOf } from './release.ts';

let root: string;
let server: Server;
let url: string;
/** Path → content; a path that is missing answers 404, `undefined` never answers. */
let published: Map<string, Buffer | undefined>;
let requests: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'duoloop-obtain-'));
  published = new Map();
  requests = [];
  server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    if (!published.has(path)) response.writeHead(404).end();
    else if (published.get(path) !== undefined) response.end(published.get(path));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const linux = { os: 'linux', architecture: 'x64' };
const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

function options(extra: Partial<ObtainOptions>): ObtainOptions {
  const places = { binaryFolders: [], searchPath: [], cacheFolder: root };
  return { places, servers: { kubernetes: url, github: url, helm: url }, ...extra };
}

/** A build that writes what it was asked for. */
async function fakeBuild(name: BinaryName, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, `built ${name}`);
  await chmod(target, 0o755);
}

describe('a published program', () => {
  const content = Buffer.from('#!/bin/sh\necho kubectl\n');
  const release = () => ({ url: `${url}/kubectl`, checksumUrl: `${url}/kubectl.sha256` });

  test('is kept when it has the published checksum, and can be run', async () => {
    published.set('/kubectl', content).set('/kubectl.sha256', Buffer.from(sha256(content)));
    const target = join(root, 'a', 'kubectl');
    await downloadRelease(release(), target);
    expect((await promisify(execFile)(target)).stdout).toBe('kubectl\n');
    expect(await readdir(dirname(target))).toEqual(['kubectl']);
  });

  test('is thrown away when it has another', async () => {
    published.set('/kubectl', content).set('/kubectl.sha256', Buffer.from(sha256(Buffer.from('other'))));
    const target = join(root, 'a', 'kubectl');
    await expect(downloadRelease(release(), target)).rejects.toThrow(/sha256.*published/);
    expect(await readdir(dirname(target))).toEqual([]);
  });

  test('is taken out of its archive', async () => {
    const folder = 'etcd-v3.6.8-linux-amd64';
    await mkdir(join(root, folder));
    await writeFile(join(root, folder, 'etcd'), '#!/bin/sh\necho etcd\n');
    await promisify(execFile)('tar', ['-czf', join(root, 'etcd.tar.gz'), '-C', root, folder]);
    const archive = await readFile(join(root, 'etcd.tar.gz'));
    const etcd = releaseOf('etcd', linux, { kubernetes: url, github: url, helm: url });
    if (etcd === undefined) throw new Error('etcd is published for Linux');
    const sums = `${sha256(content)}  etcd-v3.6.8-darwin-amd64.zip\n${sha256(archive)}  ${folder}.tar.gz\n`;
    published.set(new URL(etcd.url).pathname, archive).set(new URL(etcd.checksumUrl).pathname, Buffer.from(sums));
    await downloadRelease(etcd, join(root, 'b', 'etcd'));
    expect((await promisify(execFile)(join(root, 'b', 'etcd'))).stdout).toBe('etcd\n');
  });

  test('is given up when the server is silent', async () => {
    published.set('/kubectl.sha256', Buffer.from(sha256(content))).set('/kubectl', undefined);
    const target = join(root, 'a', 'kubectl');
    await expect(downloadRelease(release(), target, { silenceSeconds: 0.2 })).rejects.toThrow(/no more data/);
    published.set('/kubectl.sha256', undefined);
    await expect(downloadRelease(release(), target, { silenceSeconds: 0.2 })).rejects.toThrow(/no answer/);
  });
});

test('a checksum is read from a list, with or without the star of a binary file, or alone', () => {
  const sums = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
  const list = `${sums[0]}  one.tar.gz\n${sums[1]} *two.tar.gz\n`;
  expect(readChecksum(list, 'one.tar.gz')).toBe(sums[0]);
  expect(readChecksum(list, 'two.tar.gz')).toBe(sums[1]);
  expect(readChecksum(`${sums[2]}\n`, 'kubectl')).toBe(sums[2]);
  expect(() => readChecksum(list, 'three.tar.gz')).toThrow(/three/);
  expect(() => readChecksum('<html>', 'kubectl')).toThrow(/kubectl/);
});

test('what is not published for a platform is not looked for', () => {
  expect(releaseOf('kube-apiserver', { os: 'darwin', architecture: 'arm64' })).toBeUndefined();
  expect(releaseOf('kube-state-metrics', linux)).toBeUndefined();
  expect(releaseOf('kubectl', { os: 'darwin', architecture: 'arm64' })?.url).toMatch(/\/darwin\/arm64\/kubectl$/);
  expect(releaseOf('opa', { os: 'linux', architecture: 'riscv64' })).toBeUndefined();
});

describe('obtaining', () => {
  test('downloads what is published, builds the rest, and finds both the next time', async () => {
    const content = Buffer.from('#!/bin/sh\n');
    const release = releaseOf('kubectl', { os: process.platform, architecture: process.arch });
    if (release === undefined) throw new Error('kubectl is published for every platform of the tests');
    published.set(new URL(release.url).pathname, content);
    published.set(new URL(release.checksumUrl).pathname, Buffer.from(sha256(content)));
    const names = ['kubectl', 'kwok', 'opa'] as const;
    const log: string[] = [];
    const first = await obtainBinaries(options({ names, build: fakeBuild, log: (line) => log.push(line) }));
    expect(first.map(({ source }) => source)).toEqual(['download', 'build', 'build']);
    expect(log.join('\n')).toMatch(/1\/3: kubectl.*downloaded.*\n.*2\/3: kwok.*source.*\n.*kwok.*built/);
    requests = [];
    const second = await obtainBinaries(options({ names, build: () => Promise.reject(new Error('again')) }));
    expect(second.map(({ source }) => source)).toEqual(['cache', 'cache', 'cache']);
    expect(requests).toEqual([]);
  });

  test('asks a server that does not answer once, not for every program', async () => {
    server.closeAllConnections();
    server.close();
    const log: string[] = [];
    await obtainBinaries(
      options({ names: ['kubectl', 'etcd', 'opa'], build: fakeBuild, log: (line) => log.push(line) }),
    );
    const reasons = log.filter((line) => line.includes('source'));
    expect(reasons).toHaveLength(3);
    expect(reasons.filter((line) => line.includes('cannot be reached'))).toHaveLength(2);
  });

  test('says for each program what was tried, and keeps those that worked', async () => {
    const build = async (name: BinaryName, target: string) => {
      if (name !== 'etcd') throw new Error('Go is not installed');
      await fakeBuild(name, target);
    };
    const failed = obtainBinaries(options({ build }));
    await expect(failed).rejects.toMatchObject({ name: 'UserError', code: 'lab.binaries' });
    const message: string = await failed.then(
      () => '',
      (error: Error) => error.message,
    );
    for (const name of labBinaryNames) expect(message.includes(`${name}: `)).toBe(name !== 'etcd');
    expect(message).toMatch(/kubectl: .*HTTP 404; Go is not installed/);
    expect(await exists(cachedBinary(root, 'etcd'))).toBe(true);
  });

  test('of two at a time only one builds', async () => {
    let builds = 0;
    const build = async (name: BinaryName, target: string) => {
      builds++;
      await new Promise((resolve) => setTimeout(resolve, 300));
      await fakeBuild(name, target);
    };
    const both = await Promise.all([1, 2].map(() => obtainBinaries(options({ names: ['kwok'], build }))));
    expect(builds).toBe(1);
    expect(both.map(([{ source }]) => source).sort()).toEqual(['build', 'cache']);
  });
});
