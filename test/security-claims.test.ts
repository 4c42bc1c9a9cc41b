/** SECURITY.md claims nothing whose test is gone. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryRoot } from './repository-files.ts';

const text = readFileSync(join(repositoryRoot, 'SECURITY.md'), 'utf8');
/** `  - \`file\` › name` below a claim. */
const evidence = [...text.matchAll(/^ {2}- `([^`]+\.test\.ts)` › (.+)$/gm)].map(([, file, name]) => ({ file, name }));
const claims = text.split(/^(?=- |#)/m).filter((block) => block.startsWith('- '));
const sectionsOfClaims = text.slice(text.indexOf('## A hostile tenant'), text.indexOf('## Known limits'));

/** Titles of tests as they are written, with the quotes of the source undone. */
function titlesOf(file: string): string[] {
  const source = readFileSync(join(repositoryRoot, file), 'utf8');
  // First arguments of test, it and their tables, `name` of a fuzzed parser, and rows of tables whose first column is a title.
  return [...source.matchAll(/(?:[([]|name:)\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/g)].map(
    ([, single, double]) => (single ?? double).replace(/\\(.)/g, '$1'),
  );
}

test('every claim has evidence', () => {
  expect(evidence.length).toBeGreaterThan(40);
  const bare = claims
    .filter((claim) => sectionsOfClaims.includes(claim))
    .filter((claim) => !/^ {2}- `/m.test(claim) && !/`[^`]+\.test\.ts`/.test(claim));
  expect(bare).toEqual([]);
});

describe.each([...new Set(evidence.map(({ file }) => file))])('%s', (file) => {
  test('has the tests that SECURITY.md names', () => {
    expect(existsSync(join(repositoryRoot, file))).toBe(true);
    const titles = titlesOf(file);
    const missing = evidence.filter((each) => each.file === file && !titles.includes(each.name));
    expect(missing).toEqual([]);
  });
});

test('what is named in passing exists', () => {
  for (const [, file] of text.matchAll(/`([a-z][\w./-]+\.test\.ts)`/g))
    expect(existsSync(join(repositoryRoot, file)), file).toBe(true);
  for (const [, file] of text.matchAll(/\]\(([\w./-]+)\)/g))
    expect(existsSync(join(repositoryRoot, file)), file).toBe(true);
});
