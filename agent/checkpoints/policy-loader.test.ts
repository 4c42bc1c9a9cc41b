import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import { type CheckpointBytes, checkpointBytes, configMapOf } from './policies.fixture.ts';
import { createPolicyLoader } from './policy-loader.ts';

let shipped: CheckpointBytes;
let other: CheckpointBytes;
beforeAll(async () => {
  [shipped, other] = await Promise.all([checkpointBytes(), checkpointBytes('frontend', 0.5)]);
});

function loaderWith(options: { root?: string; hosts?: readonly string[]; timeoutSeconds?: number } = {}) {
  const { api, calls } = createMemoryKubernetes().connect();
  const clock = { second: 1_000 };
  const loader = createPolicyLoader({
    api,
    checkpointRoot: options.root,
    url: { hosts: options.hosts ?? [], timeoutSeconds: options.timeoutSeconds ?? 5 },
    now: () => clock.second,
    signal: new AbortController().signal,
  });
  return { api, calls, clock, load: loader.load };
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'duoloop-agent-'));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function writeInto(path: string, { document, weights }: CheckpointBytes): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'checkpoint.json'), document);
  await writeFile(join(path, 'weights.bin'), weights);
}

test('a folder below the root is read again when it changes, and not more often than every ten seconds', async () => {
  const root = await folder();
  await writeInto(join(root, 'web'), shipped);
  const { load, clock } = loaderWith({ root });
  const first = await load({ file: 'web' }, 'shop');
  expect(first.sha256).toBe(shipped.sha256);
  expect(first.app.name).toBe('frontend');
  await writeInto(join(root, 'web'), other);
  expect(await load({ file: 'web' }, 'shop')).toBe(first);
  clock.second += 10;
  expect((await load({ file: 'web' }, 'shop')).sha256).toBe(other.sha256);
  expect((await load({ file: join(root, 'web') }, 'shop')).sha256).toBe(other.sha256);
});

test('nothing outside of the root is read, by whatever path or link', async () => {
  const [root, elsewhere] = [await folder(), await folder()];
  await writeInto(join(elsewhere, 'secret'), shipped);
  await symlink(join(elsewhere, 'secret'), join(root, 'linked'));
  await mkdir(join(root, 'files'));
  await symlink(join(elsewhere, 'secret', 'checkpoint.json'), join(root, 'files', 'checkpoint.json'));
  await symlink(join(elsewhere, 'secret', 'weights.bin'), join(root, 'files', 'weights.bin'));
  const { load } = loaderWith({ root });
  for (const file of [join(elsewhere, 'secret'), '../', `${root}/../secret`, 'linked', 'files', '/etc', 'absent']) {
    await expect(load({ file }, 'shop'), file).rejects.toMatchObject({ code: 'CHECKPOINT_MISSING' });
  }
  await expect(loaderWith().load({ file: 'web' }, 'shop')).rejects.toThrow('start it with --checkpoint-root');
});

test('a ConfigMap is followed; damage, absence and the wrong sha256 are told with what to do', async () => {
  const { api, load, clock } = loaderWith();
  const reference = { configMap: { name: 'policy' } };
  await expect(load(reference, 'shop')).rejects.toThrow('kubectl -n shop create configmap policy');
  await api.create(resourceTypes.configMap, 'shop', configMapOf('policy', shipped));
  clock.second += 10;
  const first = await load(reference, 'shop');
  expect(first).toMatchObject({ sha256: shipped.sha256, origin: 'ConfigMap shop/policy' });
  clock.second += 10;
  expect(await load(reference, 'shop')).toBe(first);
  await expect(load({ ...reference, sha256: other.sha256 }, 'shop')).rejects.toMatchObject({ code: 'CHECKPOINT_HASH' });
  const mixed = configMapOf('policy', { document: shipped.document, weights: other.weights });
  await api.apply(
    resourceTypes.configMap,
    { ...mixed, metadata: { name: 'policy', namespace: 'shop' } },
    { fieldManager: 't' },
  );
  clock.second += 10;
  await expect(load(reference, 'shop')).rejects.toMatchObject({ code: 'CHECKPOINT_HASH' });
});

test('the same weights with another normalisation are another policy', async () => {
  const { api, load } = loaderWith();
  const document = JSON.parse(shipped.document.toString());
  document.normalisation.mean[0] += 100;
  const forged = { ...shipped, document: Buffer.from(JSON.stringify(document)) };
  await api.create(resourceTypes.configMap, 'one', configMapOf('policy', shipped));
  await api.create(resourceTypes.configMap, 'two', configMapOf('policy', forged));
  const [one, two] = await Promise.all(
    ['one', 'two'].map((namespace) => load({ configMap: { name: 'policy' } }, namespace)),
  );
  expect(two.sha256).toBe(one.sha256);
  expect(two.key).not.toBe(one.key);
});

async function serve(answers: Readonly<Record<string, Buffer | { location: string } | 'silence'>>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const answer = answers[request.url ?? ''];
    if (answer === 'silence') return;
    if (answer === undefined) response.writeHead(404).end();
    else if (Buffer.isBuffer(answer)) response.end(answer);
    else response.writeHead(302, answer).end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, base: `http://${host}`, asked };
}

async function archiveOf(checkpoint: CheckpointBytes): Promise<Buffer> {
  const path = await folder();
  await writeInto(join(path, 'run'), checkpoint);
  return create({ gzip: true, cwd: path, sync: true }, ['run']).read() as unknown as Buffer;
}

test('an address is a folder or an archive, of the host that is allowed and with the sha256 that is named', async () => {
  const { host, base, asked } = await serve({
    '/run/checkpoint.json': shipped.document,
    '/run/weights.bin': shipped.weights,
    '/run.tar.gz': await archiveOf(shipped),
    '/moved.tgz': { location: '/run.tar.gz' },
  });
  const { load } = loaderWith({ hosts: [host] });
  const { sha256 } = shipped;
  const found = await Promise.all(
    ['/run/', '/run.tar.gz', '/moved.tgz'].map((path) => load({ url: base + path, sha256 }, 'shop')),
  );
  expect(found.map((policy) => policy.sha256)).toEqual([sha256, sha256, sha256]);
  const before = asked.length;
  await expect(load({ url: `${base}/run/`, sha256: other.sha256 }, 'shop')).rejects.toMatchObject({
    code: 'CHECKPOINT_HASH',
  });
  expect(asked.length).toBe(before + 2);
  await expect(loaderWith().load({ url: `${base}/run/`, sha256 }, 'shop')).rejects.toThrow(`--url-host ${host}`);
  expect(asked.length).toBe(before + 2);
});

test('an address that leads elsewhere, never ends or unpacks to too much is refused; what is absent is tried again', async () => {
  const elsewhere = await serve({ '/run.tgz': await archiveOf(shipped) });
  const answers: Record<string, Buffer | { location: string } | 'silence'> = {
    '/away.tgz': { location: `${elsewhere.base}/run.tgz` },
    '/around.tgz': { location: '/around.tgz' },
    '/bomb.tgz': gzipSync(Buffer.alloc(64 * 1024 * 1024)),
    '/noise.tgz': gzipSync(Buffer.from('no archive '.repeat(1_000))),
    '/silent.tgz': 'silence',
  };
  const { host, base } = await serve(answers);
  const { load, clock } = loaderWith({ hosts: [host], timeoutSeconds: 0.2 });
  const refusals = ['/away.tgz', '/around.tgz', '/bomb.tgz', '/noise.tgz', '/silent.tgz', '/late.tgz'].map((path) =>
    load({ url: base + path, sha256: shipped.sha256 }, 'shop').catch(({ message }: Error) => message),
  );
  const [away, around, bomb, noise, silent, late] = await Promise.all(refusals);
  expect(away).toContain('give that address itself');
  expect(elsewhere.asked).toEqual([]);
  expect(around).toContain('redirects too often');
  expect(bomb).toContain('cannot be unpacked');
  expect(noise).toMatch(/no tar archive|there is no checkpoint.json/);
  expect(silent).toContain('the whole answer took longer than 0.2 s');
  expect(late).toContain('nothing at this address');
  answers['/late.tgz'] = await archiveOf(shipped);
  clock.second += 10;
  const found = await load({ url: `${base}/late.tgz`, sha256: shipped.sha256 }, 'shop');
  expect(found.sha256).toBe(shipped.sha256);
});
