/** Gets every program of the lab: found, else downloaded, else built. Once a machine and version. */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.ts';
import { settings } from '../../settings.ts';
import { buildBinary } from './build.ts';
import { type BinaryName, cachedBinary, catalog, labBinaryNames, thisPlatform } from './catalog.ts';
import { downloadRelease, UnreachableError } from './download.ts';
import { type BinaryPlaces, type FoundBinary, findBinary } from './find.ts';
import { withLock } from './lock.ts';
import { type ReleaseServers, releaseOf, releaseServers } from './release.ts';

export interface ObtainOptions {
  /** Default: all of the lab. */
  readonly names?: readonly BinaryName[];
  readonly places?: BinaryPlaces;
  readonly servers?: ReleaseServers;
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Replaced in tests, where a build of 12 minutes has no place. */
  readonly build?: typeof buildBinary;
}

/** @throws UserError `lab.binaries` that says for every missing program what was tried; the signal's reason */
export async function obtainBinaries(options: ObtainOptions = {}): Promise<FoundBinary[]> {
  const { names = labBinaryNames, places = settings(), log = () => {}, signal } = options;
  const found = new Map<BinaryName, FoundBinary>();
  const find = async () => {
    for (const name of names) {
      const binary = found.get(name) ?? (await findBinary(name, places));
      if (binary !== undefined) found.set(name, binary);
    }
    return names.filter((name) => !found.has(name));
  };
  if ((await find()).length > 0) {
    await withLock(
      join(places.cacheFolder, 'control-plane', '.lock'),
      // Another process may have got them while this one waited.
      async () => fetchMissing(await find(), found, places.cacheFolder, { ...options, log }),
      { signal, onWait: () => log('control plane: another process is downloading or building; waiting for it') },
    );
  }
  return names.map((name) => found.get(name)).filter((binary): binary is FoundBinary => binary !== undefined);
}

async function fetchMissing(
  missing: readonly BinaryName[],
  found: Map<BinaryName, FoundBinary>,
  cacheFolder: string,
  { servers = releaseServers, log = () => {}, signal, build = buildBinary }: ObtainOptions,
): Promise<void> {
  const failures: string[] = [];
  /** Servers that did not answer: to wait for each of nine programs would take minutes. */
  const silentServers = new Set<string>();
  for (const [index, name] of missing.entries()) {
    const file = cachedBinary(cacheFolder, name);
    // What an interrupted run left: the program itself is not there, and nobody else works here under the lock.
    await rm(dirname(file), { recursive: true, force: true });
    const what = `control plane ${index + 1}/${missing.length}: ${name} ${catalog[name].version}`;
    const startedAt = Date.now();
    const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
    const notDownloaded = await tryDownload(name, file, servers, silentServers, signal);
    if (notDownloaded === undefined) {
      found.set(name, { name, file, source: 'download' });
      log(`${what} downloaded (${seconds()})`);
      continue;
    }
    log(`${what} is built from source (${notDownloaded})`);
    try {
      await build(name, file, { signal });
      found.set(name, { name, file, source: 'build' });
      log(`${what} built (${seconds()})`);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(`${name}: ${notDownloaded}; ${(error as Error).message}`);
    }
  }
  if (failures.length > 0) {
    throw new UserError(
      'lab.binaries',
      `programs of the control plane could be neither found, downloaded nor built; set DUOLOOP_BIN_DIR to a folder that has them:\n${failures.join('\n')}`,
    );
  }
}

/** Resolves to why it was not downloaded; undefined when it was. */
async function tryDownload(
  name: BinaryName,
  file: string,
  servers: ReleaseServers,
  silentServers: Set<string>,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const release = releaseOf(name, thisPlatform, servers);
  if (release === undefined) return 'no checked download is published';
  const { host } = new URL(release.url);
  if (silentServers.has(host)) return `${host} cannot be reached`;
  try {
    await downloadRelease(release, file, { signal });
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof UnreachableError) silentServers.add(host);
    return (error as Error).message;
  }
}
