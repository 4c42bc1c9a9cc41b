/**
 * Builds the native tensor backend where tfjs-node's own installer could not download libtensorflow: the library comes
 * from TensorFlow's Python wheel on PyPI, and the binding is compiled against it. About 30 s and a 200 MB download, once.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findNativePackages, nativeCacheFolder, nativeVersions, tfjsNodeFolder } from './native-location.ts';
import { runTool, ToolError } from './run-tool.ts';

/** What can be built: TensorFlow publishes this wheel for glibc on x86-64 only. */
const wheel = {
  platform: 'manylinux2014_x86_64',
  pythonVersion: '3.11',
  sha256: '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
} as const;

export interface NativeSetupOptions {
  /** Builds anew although a built package is there. */
  readonly force?: boolean;
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface NativeSetup {
  readonly status: 'present' | 'built' | 'unavailable';
  /** The package's folder; absent when unavailable. */
  readonly folder?: string;
  /** Why it is unavailable: one line. */
  readonly reason?: string;
}

/**
 * Makes the native backend available if this machine can. Does nothing when it is there; a build happens in a temporary
 * folder and is moved into place whole, so an interrupted one leaves nothing that looks finished.
 * @throws the signal's reason when aborted; everything else that can go wrong is `unavailable`.
 */
export async function setupNative(options: NativeSetupOptions = {}): Promise<NativeSetup> {
  const [present] = findNativePackages();
  if (present !== undefined && !options.force) return { status: 'present', folder: present };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return unavailable(`it can be built on linux-x64 only, this is ${process.platform}-${process.arch}`);
  }
  const target = nativeCacheFolder();
  let building: string | undefined;
  try {
    const compiler = await findTool(['c++', 'g++', 'clang++'], 'a C++ compiler (g++)', options.signal);
    const python = await findTool(['python3', 'python'], 'Python 3 with pip', options.signal);
    await mkdir(dirname(target), { recursive: true });
    building = await mkdtemp(join(dirname(target), '.building-'));
    await build(building, { compiler, python, ...options });
    await moveIntoPlace(building, target, options.force ?? false);
    return { status: 'built', folder: tfjsNodeFolder(target) };
  } catch (error) {
    options.signal?.throwIfAborted();
    return unavailable(error instanceof Error ? error.message : String(error));
  } finally {
    if (building !== undefined) await rm(building, { recursive: true, force: true });
  }
}

function unavailable(reason: string): NativeSetup {
  return { status: 'unavailable', reason: reason.split('\n')[0] };
}

async function findTool(candidates: readonly string[], what: string, signal?: AbortSignal): Promise<string> {
  for (const candidate of candidates) {
    try {
      await runTool(candidate, ['--version'], { signal });
      return candidate;
    } catch {
      signal?.throwIfAborted();
    }
  }
  throw new ToolError(`${what} is not installed`);
}

interface BuildTools extends NativeSetupOptions {
  readonly compiler: string;
  readonly python: string;
}

async function build(folder: string, { compiler, python, log, signal }: BuildTools): Promise<void> {
  const at = { cwd: folder, signal };
  log?.(`native tensor backend: fetching tfjs-node ${nativeVersions.tfjsNode} from npm`);
  const dependencies = { '@tensorflow/tfjs-node': nativeVersions.tfjsNode, 'node-api-headers': '1.9.0' };
  // Named, since npm gives a bill of materials only of what has a name.
  const named = { name: 'duoloop-native', version: nativeVersions.tfjsNode, private: true };
  // tfjs-node asks for versions with known holes (CVE-2026-23745 and later ones; CVE-2026-39244); package.json overrides the same.
  const manifest = { ...named, dependencies, overrides: { tar: '7.5.23', 'adm-zip': '0.6.1' } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await runNpm(['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], at);

  log?.(`native tensor backend: fetching libtensorflow ${nativeVersions.tensorflow} from PyPI (200 MB)`);
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `tensorflow-cpu==${nativeVersions.tensorflow} --hash=sha256:${wheel.sha256}\n`);
  // The wheel is only unpacked, so it need not fit this machine's Python.
  const fits = ['--platform', wheel.platform, '--python-version', wheel.pythonVersion, '--only-binary=:all:'];
  const download = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--require-hashes', ...fits];
  await runTool(python, [...download, '--dest', folder, '--requirement', requirements], at);
  const wheelFile = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (wheelFile === undefined) throw new ToolError('pip download left no wheel');
  const packageFolder = tfjsNodeFolder(folder);
  const libraries = join(packageFolder, 'deps', 'lib');
  await runTool(python, ['-c', unpackWheel, join(folder, wheelFile), libraries], at);
  await rm(join(folder, wheelFile));

  log?.('native tensor backend: compiling the binding');
  const output = join(packageFolder, 'lib', `napi-v${nativeVersions.nodeApi}`);
  await mkdir(output, { recursive: true });
  await runTool(compiler, compilerArguments(folder, packageFolder, libraries, join(output, 'tfjs_binding.node')), at);
  await rm(join(libraries, 'include'), { recursive: true });

  await runTool(process.execPath, ['-e', smokeTest, packageFolder], at);
}

/** npm as it is running this, or as found on the path. */
function runNpm(args: readonly string[], options: { cwd: string; signal?: AbortSignal }): Promise<string> {
  const running = process.env.npm_execpath;
  return running?.endsWith('.js')
    ? runTool(process.execPath, [running, ...args], options)
    : runTool('npm', args, options);
}

/** Takes the two libraries and the headers of the C API out of the wheel. */
const unpackWheel = `
import os, sys, zipfile
wheel, target = sys.argv[1:]
wanted = ('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'include/tensorflow/', 'include/tsl/')
with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        name = member.filename.removeprefix('tensorflow/')
        if name != member.filename and name.startswith(wanted) and not member.is_dir():
            member.filename = name
            archive.extract(member, target)
`;

/** What the package's binding.gyp says, with node-api-headers in place of an installation of Node's headers. */
function compilerArguments(folder: string, packageFolder: string, libraries: string, output: string): string[] {
  return [
    ...['-shared', '-fPIC', '-O2', '-std=c++17', `-DNAPI_VERSION=${nativeVersions.nodeApi}`],
    `-I${join(folder, 'node_modules', 'node-api-headers', 'include')}`,
    `-I${join(libraries, 'include')}`,
    join(packageFolder, 'binding', 'tfjs_backend.cc'),
    join(packageFolder, 'binding', 'tfjs_binding.cc'),
    ...['-o', output, `-L${libraries}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
    '-Wl,-rpath,$ORIGIN/../../deps/lib',
  ];
}

/** In a process of its own: a library built for another processor or C library may end the process that loads it. */
const smokeTest = `
const util = require('node:util');
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const tf = require(process.argv[1]);
const [value] = tf.matMul([[1, 2]], [[3], [4]]).dataSync();
if (value !== 11 || tf.getBackend() !== 'tensorflow') throw new Error('the built backend computes wrongly');
`;

async function moveIntoPlace(building: string, target: string, force: boolean): Promise<void> {
  if (force) await rm(target, { recursive: true, force: true });
  try {
    await rename(building, target);
  } catch (error) {
    // Another process may have built it meanwhile; its result is as good.
    if (!existsSync(join(tfjsNodeFolder(target), 'lib'))) throw error;
  }
}
