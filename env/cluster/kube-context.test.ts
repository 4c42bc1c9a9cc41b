import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readKubeConnection, readKubeContext } from './kube-context.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-kube-'));
});
afterEach(() => rm(folder, { recursive: true }));

const kubeconfig = (name: string, current: string) => `
apiVersion: v1
kind: Config
current-context: ${current}
clusters: [{ name: ${name}, cluster: { server: 'https://${name}:6443' } }]
users: [{ name: ${name}, user: { token: t } }]
contexts: [{ name: ${name}, context: { cluster: ${name}, user: ${name} } }]
`;

test('without any file there is no context', async () => {
  expect(await readKubeContext([join(folder, 'absent')])).toBeUndefined();
});

test('the current context may come from one file and its cluster from another', async () => {
  const files = [join(folder, 'a'), join(folder, 'b')];
  await writeFile(files[0], kubeconfig('first', 'second'));
  await writeFile(files[1], kubeconfig('second', 'first'));
  expect(await readKubeContext(files)).toMatchObject({ name: 'second', server: 'https://second:6443' });
});

test('a file that is not YAML is an error, not an absence', async () => {
  const file = join(folder, 'broken');
  await writeFile(file, '{{');
  await expect(readKubeContext([file])).rejects.toThrow();
});

test('of two definitions of one name the first counts', async () => {
  const files = [join(folder, 'a'), join(folder, 'b')];
  await writeFile(files[0], kubeconfig('same', 'same'));
  await writeFile(files[1], kubeconfig('same', 'same').replace('same:6443', 'other:6443'));
  expect(await readKubeContext(files)).toMatchObject({ server: 'https://same:6443' });
});

test('another context may be named; one that is not there is refused with those that are', async () => {
  const files = [join(folder, 'a'), join(folder, 'b')];
  await writeFile(files[0], kubeconfig('first', 'first'));
  await writeFile(files[1], kubeconfig('second', 'second'));
  expect(await readKubeConnection({ files, context: 'second' })).toMatchObject({ server: 'https://second:6443' });
  await expect(readKubeConnection({ files, context: 'third' })).rejects.toThrow(/no context "third".*first, second/);
});

test('paths are relative to the file that names them, and a mistake is told with its place', async () => {
  const file = join(folder, 'config');
  await writeFile(file, kubeconfig('a', 'a').replace('{ token: t }', '{ tokenFile: secrets/token }'));
  expect((await readKubeConnection({ files: [file] }))?.user.tokenFile).toBe(join(folder, 'secrets/token'));
  await writeFile(file, kubeconfig('a', 'a').replace('https://a:6443', 'a:6443'));
  await expect(readKubeConnection({ files: [file] })).rejects.toThrow(/config: clusters.0.cluster.server/);
});
