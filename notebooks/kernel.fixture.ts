/** What executes notebooks in tests: a Python environment and the tslab kernel, made once a machine, in the cache folder. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withLock } from '../env/lab/binaries/lock.ts';
import { runProgramText } from '../env/lab/binaries/run-program.ts';
import { childEnvironment, settings } from '../env/settings.ts';
import { pythonEnvironment } from '../test/python-environment.ts';

/** As notebooks/README.md has users install it; a test holds the two against each other. */
export const kernelPackage = 'tslab@1.0.22';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** Of a cell, execute.py has a limit of its own. */
const mostSeconds = 300;

export interface NotebookKernel {
  /** Writes the notebook with its outputs. @throws Error with what a cell complained about */
  execute(notebook: string, out: string): Promise<void>;
}

/** @throws Error in one line when Python, npm or a download is missing */
export async function notebookKernel(log: (line: string) => void): Promise<NotebookKernel> {
  const { python } = await pythonEnvironment(join(folder, 'requirements.txt'), { log });
  const kernels = await installKernel(log);
  return {
    async execute(notebook, out) {
      // Nothing of the user's own Jupyter.
      const env = childEnvironment({ JUPYTER_PATH: kernels, JUPYTER_NO_CONFIG: '1', JUPYTER_PLATFORM_DIRS: '1' });
      const options = { env, timeout: mostSeconds * 1000 };
      await promisify(execFile)(python, [join(folder, 'execute.py'), notebook, out], options).catch(
        ({ message, stderr }: { message: string; stderr?: string }) => {
          throw new Error(`${basename(notebook)}: ${stderr || message}`);
        },
      );
    },
  };
}

/** Installs tslab for this very Node, and resolves to the folder in which Jupyter finds it. */
async function installKernel(log: (line: string) => void): Promise<string> {
  const key = createHash('sha256').update(`${kernelPackage} ${process.execPath} ${process.version}`).digest('hex');
  const target = join(settings().cacheFolder, 'notebooks', key.slice(0, 16));
  const exists = () =>
    access(target).then(
      () => true,
      () => false,
    );
  if (!(await exists())) {
    await withLock(`${target}.lock`, async () => {
      if (await exists()) return;
      log(`${kernelPackage}: being installed in ${target}, once`);
      const fresh = `${target}.new`;
      await rm(fresh, { recursive: true, force: true });
      await mkdir(fresh, { recursive: true });
      // Its one native part comes built; scripts of packages are not run.
      const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
      await runProgramText('npm', ['install', '--prefix', fresh, ...flags, kernelPackage]);
      await writeKernelSpec(fresh, join(target, 'node_modules', 'tslab', 'bin', 'tslab'));
      await rename(fresh, target);
    });
  }
  return target;
}

/** What `tslab install` writes, with Node by its path. */
async function writeKernelSpec(folder: string, program: string): Promise<void> {
  const file = join(folder, 'kernels', 'tslab', 'kernel.json');
  const argv = [process.execPath, program, 'kernel', '--config-path={connection_file}'];
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ argv, display_name: 'TypeScript', language: 'typescript' }));
}
