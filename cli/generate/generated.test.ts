import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Generator, generators, staleFiles } from './generators.ts';

test.each(generators.filter(({ needsHelm }) => !needsHelm))(
  '$name: is what the sources say (else: npm run generate)',
  async (generator) => {
    expect(await staleFiles(generator)).toEqual([]);
  },
);

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

test('a changed, a missing and a left-over file are stale', async () => {
  const root = await mkdtemp(join(tmpdir(), 'duoloop-generated-'));
  folders.push(root);
  await mkdir(join(root, 'out/deep'), { recursive: true });
  await writeFile(join(root, 'out/same.yaml'), 'a');
  await writeFile(join(root, 'out/changed.yaml'), 'b');
  await writeFile(join(root, 'out/deep/left-over.yaml'), 'c');
  const generator: Generator = {
    name: 'some',
    ownedFolders: ['out', 'absent'],
    files: async () => ['same', 'changed', 'missing'].map((name) => ({ path: `out/${name}.yaml`, content: 'a' })),
  };
  expect(await staleFiles(generator, root)).toEqual([
    'out/changed.yaml',
    'out/missing.yaml',
    'out/deep/left-over.yaml',
  ]);
});
