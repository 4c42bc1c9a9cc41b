/** What in the repository is generated from code, and by whom. `npm run generate` writes it; tests fail when it is stale. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crdFiles } from '../../operator/crds/crd-files.ts';
import { monitoringGenerator } from '../dashboards/dashboard-files.ts';
import { repositoryRoot } from '../repository-root.ts';
import { chartFilesGenerator } from './chart-files.ts';
import { kustomizeGenerator } from './kustomize-bases.ts';
import { referenceGenerator } from './reference/reference-files.ts';
import { sampleBoutiqueGenerator } from './sample-boutique.ts';

export interface GeneratedFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly content: string;
}

export interface Generator {
  readonly name: string;
  /**
   * Folders, from the repository's root, in which only its files may lie: what else is there is removed as left over.
   * Several generators may own parts of one folder only by different subfolders.
   */
  readonly ownedFolders: readonly string[];
  /** Runs helm, so that its staleness is checked by the cluster tests, which have it. */
  readonly needsHelm?: boolean;
  /** What there has to be, by the sources as they are now; writes nothing. */
  files(): Promise<readonly GeneratedFile[]>;
}

/** In the order in which they run: one may read what those before it wrote. */
export const generators: readonly Generator[] = [
  {
    name: 'crds',
    ownedFolders: ['manifests/crds'],
    files: async () => crdFiles().map(({ name, content }) => ({ path: `manifests/crds/${name}`, content })),
  },
  chartFilesGenerator(repositoryRoot),
  monitoringGenerator(repositoryRoot),
  kustomizeGenerator(repositoryRoot),
  sampleBoutiqueGenerator(repositoryRoot),
  referenceGenerator(repositoryRoot),
];

/** Paths that differ from what the generator gives: changed, missing or left over; empty when all is fresh. */
export async function staleFiles(generator: Generator, root = repositoryRoot): Promise<string[]> {
  const files = await generator.files();
  const stale = await Promise.all(
    files.map(async ({ path, content }) => {
      const present = await readFile(join(root, path), 'utf8').catch(() => undefined);
      return present === content ? [] : [path];
    }),
  );
  return [...stale.flat(), ...(await leftOverFiles(generator, files, root))];
}

/** Files in its folders that it does not give any more. */
export async function leftOverFiles(
  { ownedFolders }: Generator,
  files: readonly GeneratedFile[],
  root = repositoryRoot,
): Promise<string[]> {
  const expected = new Set(files.map(({ path }) => path));
  const present = await Promise.all(
    ownedFolders.map(async (folder) => {
      const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length).replaceAll('\\', '/'));
    }),
  );
  return present.flat().filter((path) => !expected.has(path));
}
