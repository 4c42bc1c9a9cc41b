import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
/** Imports that are there when the program runs: not those of types. */
const importPattern = /^(?:import|export) (?!type )[^;]*?from '([^']+)';|^import '([^']+)';|\bimport\('([^']+)'\)/gms;

/** All files and packages that a file needs, through others too. */
function needsOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const match of readFileSync(file, 'utf8').matchAll(importPattern)) {
    const specifier = match[1] ?? match[2] ?? match[3];
    if (!specifier.startsWith('.')) seen.add(specifier);
    else if (existsSync(join(dirname(file), specifier))) needsOf(join(dirname(file), specifier), seen);
  }
  return seen;
}

test('the agent decides without a tensor library, and needs nothing of training or operator', () => {
  const needs = [...needsOf(join(root, 'agent/run-agent.ts'))].map((path) => path.replace(`${root}/`, ''));
  expect(needs).toContain('policies/actor-critic/network.ts');
  expect(needs).toContain('fastify');
  expect(needs.filter((path) => /tensorflow|tensor-backend|^training\/|^operator\//.test(path))).toEqual([]);
});
