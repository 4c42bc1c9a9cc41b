/** Builds a program from the Go modules in test/control-plane, whose go.sum fixes every source by its hash. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BinaryName, catalog, linkerVariables } from './catalog.ts';
import { runProgramText } from './run-program.ts';

export interface BuildOptions {
  readonly signal?: AbortSignal;
  /** Default: test/control-plane of this package. */
  readonly modulesFolder?: string;
  /** Default `go`. */
  readonly goProgram?: string;
}

const packagedModules = fileURLToPath(new URL('../../../test/control-plane', import.meta.url));

/** Puts the program at `target`, whole or not at all. @throws Error in one line */
export async function buildBinary(name: BinaryName, target: string, options: BuildOptions = {}): Promise<void> {
  const { signal, modulesFolder = packagedModules, goProgram = 'go' } = options;
  const { module, package: packagePath } = catalog[name];
  const cwd = join(modulesFolder, module);
  if (!existsSync(join(cwd, 'go.mod'))) throw new Error(`${cwd} has no go.mod to build ${name} from`);
  await runProgramText(goProgram, ['version'], { signal, timeoutSeconds: 30 }).catch((cause) => {
    signal?.throwIfAborted();
    throw new Error('Go is not installed; get it from https://go.dev/dl', { cause });
  });
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(join(dirname(target), '.build-'));
  try {
    const built = join(folder, name);
    const variables = linkerVariables(name).map((variable) => `-X ${variable}`);
    const linkerFlags = ['-s', '-w', ...variables].join(' ');
    const build = ['build', '-mod=readonly', '-buildvcs=false', '-trimpath', '-ldflags', linkerFlags, '-o', built];
    // The user's own Go settings are for the user's own modules.
    const environment = { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' };
    await runProgramText(goProgram, [...build, packagePath], { cwd, environment, signal });
    await rename(built, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
