/** Looks for a program where a user or an earlier run may have put it. Downloads and builds nothing. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { settings } from '../../settings.ts';
import { type BinaryName, cachedBinary, catalog } from './catalog.ts';
import { runProgramText } from './run-program.ts';

export interface FoundBinary {
  readonly name: BinaryName;
  readonly file: string;
  readonly source: 'folder' | 'path' | 'cache' | 'download' | 'build';
}

/** Where to look; the settings of the process unless given. */
export interface BinaryPlaces {
  /** DUOLOOP_BIN_DIR and KUBEBUILDER_ASSETS: taken as they are. */
  readonly binaryFolders: readonly string[];
  /** PATH: only versions near enough to ours. */
  readonly searchPath: readonly string[];
  readonly cacheFolder: string;
}

export async function findBinary(
  name: BinaryName,
  places: BinaryPlaces = settings(),
): Promise<FoundBinary | undefined> {
  for (const folder of places.binaryFolders) {
    const file = join(folder, name);
    if (await isExecutable(file)) return { name, file, source: 'folder' };
  }
  for (const folder of places.searchPath) {
    const file = join(folder, name);
    if ((await isExecutable(file)) && (await isAcceptedVersion(name, file))) return { name, file, source: 'path' };
  }
  const file = cachedBinary(places.cacheFolder, name);
  return (await isExecutable(file)) ? { name, file, source: 'cache' } : undefined;
}

/** The file of each program. @throws UserError `lab.binaries` that names every one that is missing. */
export async function requireBinaries<Name extends BinaryName>(
  names: readonly Name[],
  places: BinaryPlaces = settings(),
): Promise<Record<Name, string>> {
  const found = await Promise.all(names.map((name) => findBinary(name, places)));
  const missing = names.filter((_, i) => found[i] === undefined);
  if (missing.length > 0) {
    const looked = [...places.binaryFolders, 'PATH', join(places.cacheFolder, 'control-plane')].join(', ');
    throw new UserError(
      'lab.binaries',
      `${missing.join(', ')} not found in ${looked}; run \`duoloop setup-lab\`, or set DUOLOOP_BIN_DIR to their folder`,
    );
  }
  return Object.fromEntries(found.map((binary) => [binary?.name, binary?.file])) as Record<Name, string>;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function isAcceptedVersion(name: BinaryName, file: string): Promise<boolean> {
  const { versionArguments, accepted } = catalog[name];
  return runProgramText(file, versionArguments, { timeoutSeconds: 10 }).then(
    (version) => accepted.test(version),
    () => false,
  );
}
