/** The repository's own files, for checks that read sources. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('..', import.meta.url));

const foreign = new Set(['node_modules', '.git', 'dist', 'coverage', 'runs', '.venv']);

export interface RepositoryFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  read(): string;
}

export function repositoryFiles(extension: string, folder = ''): RepositoryFile[] {
  return readdirSync(join(repositoryRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return foreign.has(entry.name) ? [] : repositoryFiles(extension, path);
    if (!entry.name.endsWith(extension)) return [];
    return [{ path: path.split(sep).join('/'), read: () => readFileSync(join(repositoryRoot, path), 'utf8') }];
  });
}
