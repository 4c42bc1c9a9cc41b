/** Python environments for tests: made once a machine, and kept beside the lab's programs in the cache folder. */
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withLock } from '../env/lab/binaries/lock.ts';
import { runProgramText } from '../env/lab/binaries/run-program.ts';
import { settings } from '../env/settings.ts';

export interface PythonEnvironmentOptions {
  /** What the environment is made from. Default `python3`. */
  readonly pythonProgram?: string;
  /** For `pip install`, before the requirements, such as `--no-deps`. */
  readonly pipArguments?: readonly string[];
  /** Arguments of a `pip install` before that of the requirements. */
  readonly before?: readonly string[];
  /** Default: the cache folder of the settings. */
  readonly cacheFolder?: string;
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface PythonEnvironment {
  /** The environment's interpreter. */
  readonly python: string;
  /** Holds `bin` with the programs that the requirements bring, such as `bin/pytest`. */
  readonly folder: string;
}

/**
 * The environment of these requirements and this Python: found, or made under a lock. It is complete when its marker is
 * there, since an environment cannot be moved into place (its programs name their interpreter by its path).
 * @param requirementsFile as pip reads it; it may not refer to other files, whose changes would go unseen
 * @throws Error in one line when Python is missing or pip fails; nothing is left then
 */
export async function pythonEnvironment(
  requirementsFile: string,
  options: PythonEnvironmentOptions = {},
): Promise<PythonEnvironment> {
  const { pythonProgram = 'python3', pipArguments = [], before, signal } = options;
  const { cacheFolder = settings().cacheFolder } = options;
  const requirements = await readFile(requirementsFile, 'utf8');
  const interpreter = await describeInterpreter(pythonProgram, signal);
  const key = createHash('sha256')
    .update(JSON.stringify([requirements, pipArguments, before, interpreter]))
    .digest('hex');
  const folder = join(cacheFolder, 'python', key.slice(0, 16));
  const environment = { python: join(folder, 'bin', 'python'), folder };
  if (await isComplete(folder)) return environment;
  const log = options.log ?? (() => {});
  await withLock(
    `${folder}.lock`,
    async () => {
      // Another process may have made it while this one waited.
      if (await isComplete(folder)) return;
      log(`python environment of ${basename(requirementsFile)}: being made in ${folder}, once`);
      try {
        // What a killed process left.
        await rm(folder, { recursive: true, force: true });
        await mkdir(dirname(folder), { recursive: true });
        await runProgramText(pythonProgram, ['-m', 'venv', '--without-pip', folder], { signal });
        // The base's pip works on it from outside: a pip of its own would take longer than most requirements.
        const pip = ['-m', 'pip', '--quiet', '--disable-pip-version-check', '--python', environment.python, 'install'];
        for (const what of [before, [...pipArguments, '--requirement', requirementsFile]]) {
          if (what !== undefined) await runProgramText(pythonProgram, [...pip, ...what], { signal });
        }
        await writeFile(markerOf(folder), requirements);
      } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    },
    { signal, onWait: () => log(`python environment: another process makes ${folder}; waiting for it`) },
  );
  return environment;
}

/** All that decides whether an environment made earlier still works: version, platform, and where the base is. */
async function describeInterpreter(pythonProgram: string, signal?: AbortSignal): Promise<string> {
  const describe = 'import sys, sysconfig; print(sys.version, sysconfig.get_platform(), sys.base_prefix)';
  return runProgramText(pythonProgram, ['-c', describe], { signal, timeoutSeconds: 30 }).catch((cause) => {
    signal?.throwIfAborted();
    throw new Error(
      `${pythonProgram} cannot be run: ${(cause as Error).message}; install Python 3.10 or newer, with pip 22.3 or newer`,
      {
        cause,
      },
    );
  });
}

const markerOf = (folder: string) => join(folder, 'complete');

function isComplete(folder: string): Promise<boolean> {
  return access(markerOf(folder)).then(
    () => true,
    () => false,
  );
}
