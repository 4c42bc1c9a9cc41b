/** The one dependency rule, `env ← policies ← {training, agent, operator} ← cli`, as a check of import statements. */
import { posix } from 'node:path';

/** Importing goes to a lower rank or stays within the folder; folders of one rank never import each other. */
const ranks: Readonly<Record<string, number>> = {
  env: 0,
  policies: 1,
  training: 2,
  agent: 2,
  operator: 2,
  cli: 3,
};

/** Folders that may import anything. */
const free = new Set(['bench', 'bridges', 'notebooks', 'test', 'bin', 'vitest.config.ts']);

/** Packages that only some places may import. */
const confined: readonly { packages: RegExp; to: readonly string[] }[] = [
  { packages: /^@tensorflow\//, to: ['policies/actor-critic/tensor-backend.ts'] },
  { packages: /^(@kubernetes\/client-node|prometheus-query)(\/|$)/, to: ['env/cluster/', 'operator/runtime/'] },
];

/** Static, dynamic, type and re-exporting imports, and `require`. */
const importPattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"\n]+)\1/g;

/**
 * What breaks the rule in one file, as `importer → imported: why`.
 * @param file path from the repository's root, with forward slashes
 */
export function dependencyViolations(file: string, source: string): string[] {
  const folder = layerOf(file);
  if (free.has(folder)) return [];
  if (ranks[folder] === undefined) return [`${file}: test/dependency-rule.ts does not say where ${folder} belongs`];
  const violations: string[] = [];
  for (const [, , specifier] of source.matchAll(importPattern)) {
    const reason = specifier.startsWith('.')
      ? refusedFile(file, folder, posix.join(posix.dirname(file), specifier))
      : refusedPackage(file, specifier);
    if (reason !== undefined) violations.push(`${file} → ${specifier}: ${reason}`);
  }
  return violations;
}

function refusedFile(file: string, folder: string, imported: string): string | undefined {
  const target = layerOf(imported);
  if (target === folder || target === 'package.json') return undefined;
  // Tests stand in a scene of their own and run commands as a user does; nothing imports them.
  if (isTest(file) && (target === 'test' || target === 'cli')) return undefined;
  if (ranks[target] === undefined) return `${folder} may not import from ${target}`;
  if (ranks[target] < ranks[folder]) return undefined;
  return ranks[target] === ranks[folder]
    ? `${folder} and ${target} stand beside each other`
    : `${target} is to the right of ${folder}`;
}

function refusedPackage(file: string, specifier: string): string | undefined {
  const rule = confined.find(({ packages }) => packages.test(specifier));
  if (rule === undefined || rule.to.some((place) => file.startsWith(place))) return undefined;
  return `only ${rule.to.join(' and ')} may import it`;
}

function isTest(file: string): boolean {
  return /\.(test|fixture)\.ts$/.test(file);
}

function layerOf(path: string): string {
  const [first] = path.split('/');
  return first === 'cli.ts' ? 'cli' : first;
}
