/** The image's steps, as far as a machine without a builder of images can tell; manifests/image/check.sh tries the image itself. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../repository-root.ts';
import { billOfMaterials, type NpmBill } from './bill-of-materials.ts';
import { type Bundle, buildBundle, launcherName } from './bundle.ts';
import { debianPackages } from './debian-packages.ts';

const run = promisify(execFile);
let folder: string;
let bundle: Bundle;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-image-'));
  bundle = await buildBundle(join(folder, 'dist'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Instruction {
  readonly keyword: string;
  readonly value: string;
  /** Of the stage that it is in; empty before the first. */
  readonly stage: string;
}

async function instructions(): Promise<Instruction[]> {
  const text = await readFile(join(repositoryRoot, 'Containerfile'), 'utf8');
  const lines = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n');
  let stage = '';
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, keyword, value] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? ['', line, ''];
      if (keyword === 'FROM') stage = / AS (\S+)$/.exec(value)?.[1] ?? '';
      return { keyword, value: value.trim(), stage };
    });
}

describe('the Containerfile', () => {
  it('starts from one exact version and from nothing', async () => {
    const all = await instructions();
    const stages = all.filter(({ keyword }) => keyword === 'FROM').map(({ stage }) => stage);
    for (const { value } of all.filter(({ keyword }) => keyword === 'FROM')) {
      expect(['$NODE_IMAGE', 'scratch', ...stages]).toContain(value.split(' ')[0]);
    }
    const [{ value: base }] = all.filter(({ keyword, value }) => keyword === 'ARG' && value.startsWith('NODE_IMAGE='));
    expect(base).toMatch(/^NODE_IMAGE=node:\d+\.\d+\.\d+-[a-z]+-slim$/);
  });

  it.each(['duoloop', 'duoloop-training'])('%s runs as nobody, by the command that manifests name', async (stage) => {
    const final = (await instructions()).filter((instruction) => instruction.stage === stage);
    const values = (keyword: string) => final.filter((one) => one.keyword === keyword).map(({ value }) => value);
    expect(values('FROM')).toEqual([`scratch AS ${stage}`]);
    expect(values('USER')).toEqual(['65532:65532']);
    expect(values('ENTRYPOINT')).toEqual(['["duoloop"]']);
    expect(values('RUN')).toEqual([]);
  });

  it('names files that are there, and .dockerignore lets them and the bundle’s sources through', async () => {
    const copied = (await instructions())
      .filter(({ keyword, value }) => keyword === 'COPY' && !value.startsWith('--from='))
      .flatMap(({ value }) => value.split(/\s+/).slice(0, -1))
      .filter((path) => path !== '.');
    const lines = (await readFile(join(repositoryRoot, '.dockerignore'), 'utf8')).split('\n');
    const rules = lines.filter((line) => line !== '' && !line.startsWith('#'));
    const allowed = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
    const refused = rules.filter((rule) => rule !== '*' && !rule.startsWith('!'));
    const refuses = (path: string) => (rule: string) =>
      rule.startsWith('**/*') ? path.endsWith(rule.slice('**/*'.length)) : path.startsWith(rule);
    for (const path of [...copied, ...bundle.sources, 'manifests/image/root-files.sh', 'cli/bundle/run-bill.ts']) {
      expect(existsSync(join(repositoryRoot, path)), path).toBe(true);
      expect(allowed, path).toContain(path.split('/')[0]);
      expect(refused.filter(refuses(path)), path).toEqual([]);
    }
  });
});

describe.skipIf(!existsSync('/usr/bin/dpkg-query'))('the root of the image, made on this Debian', () => {
  let root: string;
  beforeAll(async () => {
    root = join(folder, 'root');
    await run(join(repositoryRoot, 'manifests/image/root-files.sh'), [root, process.execPath]);
  });

  it('has every library that Node.js needs, and no program', async () => {
    const linked = await run('ldd', [process.execPath]);
    const [loader] = /\S*\/ld-linux\S*/.exec(linked.stdout) ?? [];
    const libraries = [...linked.stdout.matchAll(/=> (\S+)\/[^/\s]+ \(/g)].map(([, path]) => join(root, path));
    const paths = ['--inhibit-cache', '--library-path', [...new Set(libraries)].join(':')];
    const { stdout } = await run(join(root, String(loader)), [...paths, '--list', process.execPath]);
    for (const [, resolved] of stdout.matchAll(/=> (\S+) \(/g)) expect(resolved).toContain(root);
    const command = [process.execPath, join(folder, 'dist', launcherName), '--version'];
    const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8'));
    expect((await run(join(root, String(loader)), [...paths, ...command])).stdout).toBe(`${version}\n`);
    for (const programs of ['usr/bin', 'usr/sbin', 'usr/local/bin']) {
      expect(await readdir(join(root, programs)).catch(() => []), programs).toEqual([]);
    }
  });

  it('tells scanners and the bill of materials what its files come from', async () => {
    const packages = await debianPackages(root);
    expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['base-files', 'libc6', 'libstdc++6']));
    for (const { name, distribution } of packages) {
      expect(distribution).toMatch(/^(debian|ubuntu)-[\d.]+$/);
      expect(existsSync(join(root, 'usr/share/doc', name, 'copyright')), name).toBe(true);
    }
    const npm: NpmBill = {
      specVersion: '1.5',
      metadata: { component: { 'bom-ref': 'duoloop@1.0.0', type: 'library', name: 'folder', version: '1.0.0' } },
      components: ['kept', 'left-out'].map((name) => ({ 'bom-ref': `${name}@2`, type: 'library', name, version: '2' })),
      dependencies: [
        { ref: 'duoloop@1.0.0', dependsOn: ['kept@2', 'left-out@2'] },
        { ref: 'kept@2', dependsOn: ['left-out@2'] },
        { ref: 'left-out@2', dependsOn: [] },
      ],
    };
    const content = {
      name: 'image',
      system: { debian: packages, nodeVersions: { node: '24.1.0', openssl: '3.5.1', modules: '137', ngtcp2: '' } },
      libraries: ['pkg:pypi/tensorflow-cpu@2.15.1'],
      created: new Date(0),
    };
    const bill = billOfMaterials({ ...content, npm: [{ bill: npm, packages: ['kept@2'] }] });
    expect(bill.metadata.component).toMatchObject({ type: 'container', name: 'image' });
    expect(bill.components.map(({ name }) => name)).toEqual([
      ...['kept', 'tensorflow-cpu', 'node'],
      ...packages.map(({ name }) => name),
    ]);
    expect(bill.components.find(({ name }) => name === 'node')).toMatchObject({
      cpe: 'cpe:2.3:a:nodejs:node.js:24.1.0:*:*:*:*:*:*:*',
      components: [{ name: 'openssl', version: '3.5.1' }],
    });
    const [{ distribution }] = packages;
    expect(bill.components.at(-1)?.purl).toContain(`distro=${distribution}`);
    expect(bill.dependencies).toEqual([
      { ref: 'duoloop@1.0.0', dependsOn: ['kept@2'] },
      { ref: 'kept@2', dependsOn: [] },
    ]);
    expect(billOfMaterials({ ...content, npm: [{ bill: npm, packages: ['kept@2'] }] })).toEqual(bill);
    expect(() => billOfMaterials({ ...content, npm: [{ bill: npm, packages: ['kept@3'] }] })).toThrow('kept@3');
  });
});
