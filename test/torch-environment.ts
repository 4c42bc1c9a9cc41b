/**
 * A Python environment with a small PyTorch. What PyPI has for Linux is built for CUDA and takes 5 GB with what it needs;
 * PyTorch's own index has a build for processors. Where that cannot be reached, Debian's packages are unpacked beside the
 * environment, which needs no root: 0.6 GB, and PyTorch as old as the distribution.
 */
import { access, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../env/lab/binaries/lock.ts';
import { runProgramText } from '../env/lab/binaries/run-program.ts';
import { settings } from '../env/settings.ts';
import { type PythonEnvironment, type PythonEnvironmentOptions, pythonEnvironment } from './python-environment.ts';

export interface TorchEnvironment extends PythonEnvironment {
  /** To be set for the interpreter, which otherwise does not find PyTorch. */
  readonly environment: Readonly<Record<string, string>>;
}

export type TorchEnvironmentOptions = Pick<PythonEnvironmentOptions, 'cacheFolder' | 'log' | 'signal'>;

const torchVersion = '2.9.1';
const processorIndex = 'https://download.pytorch.org/whl/cpu';
/** An index that is out of reach is not waited for. */
const fromProcessorIndex = [
  '--index-url',
  processorIndex,
  '--retries',
  '0',
  '--timeout',
  '10',
  `torch==${torchVersion}`,
];

/**
 * @param requirementsFile all that is needed besides PyTorch and what PyTorch needs; installed without dependencies, since
 *   one of them would bring PyPI's PyTorch
 * @throws Error in one line that says why neither build could be had
 */
export async function torchEnvironment(
  requirementsFile: string,
  options: TorchEnvironmentOptions = {},
): Promise<TorchEnvironment> {
  const { cacheFolder = settings().cacheFolder, signal } = options;
  const withRequirements = { ...options, pipArguments: ['--no-deps'] };
  const debian = debianFolder(cacheFolder);
  let notFromIndex = 'not tried';
  if (!(await exists(debian))) {
    try {
      const made = await pythonEnvironment(requirementsFile, { ...withRequirements, before: fromProcessorIndex });
      return { ...made, environment: {} };
    } catch (error) {
      signal?.throwIfAborted();
      notFromIndex = (error as Error).message;
    }
  }
  try {
    await withLock(`${debian}.lock`, () => unpackDebian(debian, options), { signal });
    // Debian's PyTorch is compiled for Debian's Python.
    const made = await pythonEnvironment(requirementsFile, { ...withRequirements, pythonProgram: '/usr/bin/python3' });
    const environment = {
      LD_LIBRARY_PATH: (await libraryFolders(debian)).join(':'),
      PYTHONPATH: join(debian, 'python'),
    };
    return { ...made, environment };
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`no small PyTorch: its index: ${notFromIndex}; Debian: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

const debianFolder = (cacheFolder: string) => join(cacheFolder, 'python', `debian-torch-${process.arch}`);

/** Package lists, downloads and all are kept apart from the system's, which only root may write. */
async function unpackDebian(target: string, { log, signal }: TorchEnvironmentOptions): Promise<void> {
  if (await exists(target)) return;
  log?.(`PyTorch: Debian's packages are being unpacked in ${target}, once`);
  const fresh = `${target}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(join(fresh, 'apt', 'lists', 'partial'), { recursive: true });
  const apt = ['-o', `Dir::State::lists=${join(fresh, 'apt', 'lists')}`, '-o', `Dir::Cache=${join(fresh, 'apt')}`];
  const run = (program: string, words: readonly string[]) => runProgramText(program, words, { cwd: fresh, signal });
  await run('apt-get', [...apt, '--quiet', 'update']);
  const plan = await run('apt-get', [...apt, '--simulate', '--no-install-recommends', 'install', 'python3-torch']);
  const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
  // Of the Python packages only PyTorch's: the others come with the requirements.
  const wanted = names.filter((name) => name === 'python3-torch' || !name.startsWith('python3-'));
  await run('apt-get', [...apt, '--quiet', 'download', ...wanted]);
  for (const file of (await readdir(fresh)).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg-deb', ['--extract', file, fresh]);
    await rm(join(fresh, file));
  }
  for (const unused of ['apt', 'usr/share', 'etc']) await rm(join(fresh, unused), { recursive: true, force: true });
  await mkdir(join(fresh, 'python'));
  await symlink('../usr/lib/python3/dist-packages/torch', join(fresh, 'python', 'torch'));
  await rename(fresh, target);
}

/** Every folder with shared libraries: alternatives such as BLAS are in folders of their own. */
async function libraryFolders(root: string): Promise<string[]> {
  const folders = new Set<string>();
  for (const top of ['lib', join('usr', 'lib')]) {
    const entries = await readdir(join(root, top), { recursive: true, withFileTypes: true });
    for (const { name, parentPath } of entries) if (/\.so(\.\d+)+$/.test(name)) folders.add(parentPath);
  }
  return [...folders].filter((folder) => !folder.includes('dist-packages')).sort();
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
