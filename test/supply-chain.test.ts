/** Where installed code comes from, and what runs with rights that are not a user's: the lock file and the workflows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { repositoryFiles, repositoryRoot } from './repository-files.ts';

interface LockEntry {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const manifest = JSON.parse(read('package.json'));
const lock: Record<string, LockEntry> = JSON.parse(read('package-lock.json')).packages;
const installed = Object.entries(lock).filter(([path]) => path !== '');
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

describe('package-lock.json', () => {
  it('takes every package from a registry, by its hash', () => {
    expect(installed.length).toBeGreaterThan(100);
    const others = installed.filter(([, { integrity, resolved, link }]) => {
      // Which registry is the user's to say; a repository or a file is none, and has no hash.
      const fromRegistry = resolved === undefined || resolved.startsWith('https://');
      return link || !fromRegistry || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '');
    });
    expect(others.map(([path]) => path)).toEqual([]);
  });

  it('has the exact versions that package.json names', () => {
    const wanted: Record<string, string> = {
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    };
    for (const [name, version] of Object.entries(wanted))
      expect(lock[`node_modules/${name}`]?.version, name).toBe(version);
  });

  it('has no package with an install script but those that were looked at', () => {
    const names = installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
    // esbuild and fsevents choose a binary, core-js advertises, tfjs-node downloads its library: none is needed, and
    // images and releases are made with --ignore-scripts.
    const known = ['@tensorflow/tfjs-node', 'core-js', 'esbuild', 'fsevents'];
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('has the versions that package.json overrides, where what asks for them would have one with a known hole', () => {
    const overrides: Record<string, string> = manifest.overrides ?? {};
    expect(Object.keys(overrides)).toEqual(expect.arrayContaining(['tar', 'adm-zip']));
    for (const [path, { version }] of installed.filter(([path]) => nameOf(path) in overrides)) {
      const wanted = overrides[nameOf(path)];
      expect(version, path).toBe(wanted.startsWith('$') ? manifest.dependencies[wanted.slice(1)] : wanted);
    }
  });
});

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly uses?: string;
  readonly steps?: readonly {
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Readonly<Record<string, unknown>>;
  }[];
}

const workflows = repositoryFiles('.yml', '.github/workflows').map(({ path, read: text }) => {
  const { permissions, jobs } = parse(text()) as { permissions: unknown; jobs: Record<string, Job> };
  return { path, text: text(), permissions, jobs };
});

/** What a job may do beyond reading the sources. */
const rights: Readonly<Record<string, readonly string[]>> = {
  'release.yml images': ['id-token', 'attestations', 'artifact-metadata'],
  'release.yml npm': ['id-token'],
  'release.yml release': ['contents'],
};

describe.each(workflows)('$path', ({ path, text, permissions, jobs }) => {
  it('pins every action by commit, with its version beside it', () => {
    const used = [...text.matchAll(/uses: (.*)$/gm)]
      .map(([, action]) => action)
      .filter((action) => !action.startsWith('./'));
    expect(used.length).toBeGreaterThan(0);
    for (const action of used) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('gives each job the rights that it needs, and a time', () => {
    expect(permissions).toEqual({});
    for (const [name, job] of Object.entries(jobs)) {
      const writing = Object.entries(job.permissions ?? {}).filter(([, right]) => right === 'write');
      expect(job.permissions, name).toBeDefined();
      expect(
        writing.map(([right]) => right),
        name,
      ).toEqual(rights[`${path.split('/').at(-1)} ${name}`] ?? []);
      if (job.uses === undefined) expect(job['timeout-minutes'], name).toBeGreaterThan(0);
    }
  });

  it('leaves no token with the sources, and puts nothing from outside into a script', () => {
    for (const step of Object.values(jobs).flatMap((job) => job.steps ?? [])) {
      if (step.uses?.startsWith('actions/checkout@')) expect(step.with).toMatchObject({ 'persist-credentials': false });
      expect(step.run ?? '').not.toContain('${{');
    }
  });
});

it('both workflows that tell of a commit are there, and the tests are those of README.md', () => {
  expect(workflows.map(({ path }) => path).sort()).toEqual([
    '.github/workflows/ci.yml',
    '.github/workflows/release.yml',
  ]);
  const { steps = [] } = workflows.find(({ path }) => path.endsWith('ci.yml'))?.jobs.test ?? {};
  expect(steps.at(-1)?.run).toBe('.ci/run');
});
