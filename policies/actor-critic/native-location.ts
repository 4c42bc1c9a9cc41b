/** Where a built @tensorflow/tfjs-node may be. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { settings } from '../../env/settings.ts';

/** The versions that were seen to work together; tfjs-node 4.22 calls TensorFlow's C API as of 2.15 or older. */
export const nativeVersions = {
  tfjsNode: '4.22.0',
  tensorflow: '2.15.1',
  /** Of Node-API: stable across Node versions, so one build serves Node 20, 22 and 24. */
  nodeApi: 8,
} as const;

/** Outside the checkout, so that `npm ci` does not remove it and every checkout shares it. */
export function nativeCacheFolder(): string {
  const { tfjsNode, tensorflow, nodeApi } = nativeVersions;
  const key = `tfjs-node-${tfjsNode}-tensorflow-${tensorflow}-napi${nodeApi}-${process.platform}-${process.arch}`;
  return join(settings().cacheFolder, 'native', key);
}

/** The package's folder within a folder that has been built by setup-native. */
export function tfjsNodeFolder(root: string): string {
  return join(root, 'node_modules', '@tensorflow', 'tfjs-node');
}

/** Folders of tfjs-node packages that have their compiled binding: npm's own first, then the cache's. */
export function findNativePackages(): string[] {
  return [installedPackageFolder(), tfjsNodeFolder(nativeCacheFolder())].filter(
    (folder): folder is string => folder !== undefined && hasBinding(folder),
  );
}

function installedPackageFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  } catch {
    // npm removes an optional dependency whose installer failed.
    return undefined;
  }
}

function hasBinding(folder: string): boolean {
  const bindings = join(folder, 'lib');
  return (
    existsSync(bindings) &&
    readdirSync(bindings).some((version) => existsSync(join(bindings, version, 'tfjs_binding.node')))
  );
}
