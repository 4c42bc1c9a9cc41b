/**
 * The one place that imports TensorFlow.js: native (tfjs-node on libtensorflow), else WebAssembly, else plain JavaScript.
 * All three have the same API and give the same results up to float32 rounding.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { settings } from '../../env/settings.ts';
import { findNativePackages } from './native-location.ts';

export type TensorLibrary = typeof import('@tensorflow/tfjs');
export type TensorBackendName = 'native' | 'wasm' | 'cpu';

export interface TensorBackend {
  readonly name: TensorBackendName;
  readonly tf: TensorLibrary;
  /** Why a faster backend is not in use; absent when the one asked for is. */
  readonly reason?: string;
}

export interface TensorBackendOptions {
  /** Tried first; what follows it in native → wasm → cpu is tried next. Default: DUOLOOP_BACKEND, else `auto` (native). */
  readonly prefer?: TensorBackendName | 'auto';
  /** Gets one line that says which backend is in use and why. */
  readonly log?: (line: string) => void;
}

/** Fastest first. */
export const tensorBackendNames: readonly TensorBackendName[] = ['native', 'wasm', 'cpu'];

const loaders: Record<TensorBackendName, () => Promise<TensorLibrary>> = {
  native: loadNative,
  wasm: loadWasm,
  cpu: loadCpu,
};

const require = createRequire(import.meta.url);

/**
 * Loads a backend and makes it the active one. TensorFlow.js keeps its engine in a global: of several loads in one process
 * the last one's backend is used by all.
 * @throws Error when not even the cpu backend can be loaded (packages are missing).
 */
export async function loadTensorBackend(options: TensorBackendOptions = {}): Promise<TensorBackend> {
  const preferred = options.prefer ?? settings().tensorBackend;
  const first = preferred === 'auto' ? 0 : tensorBackendNames.indexOf(preferred);
  const failures: string[] = [];
  for (const name of tensorBackendNames.slice(first)) {
    try {
      const tf = await activateTensorBackend(name);
      const reason = failures.length > 0 ? failures.join('; ') : undefined;
      options.log?.(`tensor backend: ${name}${reason === undefined ? '' : ` (${reason})`}`);
      return { name, tf, reason };
    } catch (error) {
      failures.push(`${name}: ${firstLine(error)}`);
    }
  }
  throw new Error(`no tensor backend could be loaded (${failures.join('; ')}); run npm ci`);
}

/**
 * Loads exactly this backend and makes it the active one.
 * @throws Error that says why it cannot be used.
 */
export async function activateTensorBackend(name: TensorBackendName): Promise<TensorLibrary> {
  const tf = await loaders[name]();
  // Without checks for NaN after every operation, and without advertisements on the console.
  tf.enableProdMode();
  const engineName = name === 'native' ? 'tensorflow' : name;
  if (!(await tf.setBackend(engineName))) throw new Error(`TensorFlow.js refused its ${engineName} backend`);
  await tf.ready();
  return tf;
}

async function loadNative(): Promise<TensorLibrary> {
  const folders = findNativePackages();
  if (folders.length === 0) throw new Error('not installed, "npm run setup:native" builds it');
  restoreRemovedUtilities();
  // Read by the C++ library when it is loaded; errors are still printed.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  const failures: string[] = [];
  for (const folder of folders) {
    try {
      return createRequire(join(folder, 'package.json'))(folder) as TensorLibrary;
    } catch (error) {
      failures.push(firstLine(error));
    }
  }
  throw new Error(`${failures.join('; ')}; "npm run setup:native -- --force" builds it anew`);
}

/** tfjs-node 4.22 calls these; Node 22 warns of it on stderr and Node 23 removed them. */
function restoreRemovedUtilities(): void {
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  legacy.isArray = Array.isArray;
}

async function loadWasm(): Promise<TensorLibrary> {
  const tf = await loadCpu();
  // Finds its .wasm files next to itself. Under Node it runs on one thread: TensorFlow.js switches its threads off there.
  require('@tensorflow/tfjs-backend-wasm');
  return tf;
}

async function loadCpu(): Promise<TensorLibrary> {
  const tf = require('@tensorflow/tfjs') as TensorLibrary;
  return tf;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0].trim();
}
