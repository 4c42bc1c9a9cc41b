/** Which packages of other people a bundle has code of, by what esbuild says that it put in. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the package's manifest says it. */
  readonly license: string;
  readonly homepage?: string;
  /** Texts of its licence and notice files. */
  readonly texts: readonly string[];
}

/** The innermost package's folder in a path. */
const packageFolder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const licenceFile = /^(licen[cs]e|copying|notice)/i;

/**
 * Those with at least a byte in an output, ordered by name and version; one that npm installed several times is there once.
 * @throws Error for a package without a licence in its manifest
 */
export function bundledPackages({ outputs }: Pick<Metafile, 'outputs'>, root: string): BundledPackage[] {
  const packages = new Map<string, BundledPackage>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const [, path] = packageFolder.exec(input) ?? [];
      if (path === undefined || bytesInOutput === 0 || packages.has(path)) continue;
      packages.set(path, describePackage(join(root, path)));
    }
  }
  const byReference = new Map([...packages.values()].map((one) => [`${one.name}@${one.version}`, one]));
  return [...byReference].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

function describePackage(folder: string): BundledPackage {
  const { name, version, license, homepage } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (typeof license !== 'string') throw new Error(`${folder} names no licence; find out before it is shipped`);
  const texts = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && licenceFile.test(entry.name))
    .map((entry) => readFileSync(join(folder, entry.name), 'utf8').trim());
  return { name, version, license, texts, ...(typeof homepage === 'string' && { homepage }) };
}
