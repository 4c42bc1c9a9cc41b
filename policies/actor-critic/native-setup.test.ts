import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nativeVersions, tfjsNodeFolder } from './native-location.ts';
import { setupNative } from './native-setup.ts';
import { runTool, ToolError } from './run-tool.ts';

const place = vi.hoisted(() => ({ cache: '', present: [] as string[] }));

vi.mock('./run-tool.ts', { spy: true });
vi.mock('./native-location.ts', async (original) => ({
  ...(await original<typeof import('./native-location.ts')>()),
  nativeCacheFolder: () => join(place.cache, 'native', 'built'),
  findNativePackages: () => place.present,
}));

/** Stands in for pip, npm and the compiler by leaving what they leave. */
async function pretend(program: string, args: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  const folder = options.cwd ?? '';
  if (args.includes('install')) await mkdir(tfjsNodeFolder(folder), { recursive: true });
  if (args.includes('download')) await writeFile(join(folder, 'tensorflow.whl'), '');
  if (args[0] === '-c') await mkdir(join(args[3], 'include'), { recursive: true });
  if (args.includes('-shared')) await writeFile(args[args.indexOf('-o') + 1], program);
  return '';
}

beforeEach(async () => {
  place.cache = await mkdtemp(join(tmpdir(), 'duoloop-native-'));
  place.present = [];
  vi.mocked(runTool).mockImplementation(pretend);
});
afterEach(async () => {
  vi.mocked(runTool).mockReset();
  await rm(place.cache, { recursive: true });
});

const leftInCache = async () => (existsSync(join(place.cache, 'native')) ? readdir(join(place.cache, 'native')) : []);

test('the version that is built is the one that package.json names', async () => {
  const { optionalDependencies } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(optionalDependencies['@tensorflow/tfjs-node']).toBe(nativeVersions.tfjsNode);
});

test('nothing is run when it is there, unless forced', async () => {
  place.present = ['/somewhere/tfjs-node'];
  expect(await setupNative()).toEqual({ status: 'present', folder: '/somewhere/tfjs-node' });
  expect(runTool).not.toHaveBeenCalled();
});

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('a build', () => {
  test('is moved into place whole, with its download and headers gone', async () => {
    const result = await setupNative();
    expect(result).toEqual({ status: 'built', folder: tfjsNodeFolder(join(place.cache, 'native', 'built')) });
    expect(await leftInCache()).toEqual(['built']);
    const files = await readdir(join(place.cache, 'native', 'built'), { recursive: true });
    expect(files.some((file) => file.endsWith('tfjs_binding.node'))).toBe(true);
    expect(files.filter((file) => file.endsWith('.whl') || file.endsWith('include'))).toEqual([]);
  });

  test.each([
    ['c++', '--version', /C\+\+ compiler \(g\+\+\) is not installed/],
    ['python', '--version', /Python 3 with pip is not installed/],
    ['python', 'download', /no network/],
    ['c++', '-shared', /no network/],
    [process.execPath, '-e', /no network/],
  ])('without %s %s is unavailable, for one line of reason, and leaves nothing', async (program, argument, reason) => {
    vi.mocked(runTool).mockImplementation(async (tool, args, options) => {
      // Of a kind of tool none works: g++ and clang++ fail along with c++.
      const kind = /\+\+$/.test(tool) ? 'c++' : /^python/.test(tool) ? 'python' : tool;
      if (kind === program && args.includes(argument)) throw new ToolError('no network\nsecond line');
      return pretend(tool, args, options);
    });
    const result = await setupNative();
    expect(result).toEqual({ status: 'unavailable', reason: expect.stringMatching(reason) });
    expect(result.reason).not.toContain('\n');
    expect(await leftInCache()).toEqual([]);
  });

  test('is given up when aborted', async () => {
    const abort = new AbortController();
    vi.mocked(runTool).mockImplementation(async (tool, args, options) => {
      if (args.includes('download')) {
        abort.abort(new Error('stopped'));
        throw new ToolError('killed');
      }
      return pretend(tool, args, options);
    });
    await expect(setupNative({ signal: abort.signal })).rejects.toThrow('stopped');
    expect(await leftInCache()).toEqual([]);
  });
});

test('a tool that fails is reported by its last words, one that is missing by its name', async () => {
  vi.mocked(runTool).mockRestore();
  await expect(runTool(process.execPath, ['-e', 'console.error("first\\nlast"); process.exit(3)'])).rejects.toThrow(
    /failed: last$/,
  );
  await expect(runTool('no-such-program', [])).rejects.toThrow(/no-such-program.*ENOENT/);
});
