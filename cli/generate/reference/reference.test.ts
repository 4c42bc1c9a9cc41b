import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { repositoryRoot } from '../../repository-root.ts';
import type { GeneratedFile } from '../generators.ts';
import { anchorOf } from './markdown.ts';
import { referenceGenerator } from './reference-files.ts';
import { type JsonSchema, objectSections } from './schema-fields.ts';

let pages: readonly GeneratedFile[];
beforeAll(async () => {
  pages = await referenceGenerator(repositoryRoot).files();
});

const headingsOf = (content: string) =>
  [...content.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading.replaceAll('`', '')));

test('every heading is its own anchor, and every link leads to one or to a file', () => {
  for (const { content } of pages) {
    const anchors = headingsOf(content);
    expect(new Set(anchors).size).toBe(anchors.length);
    const targets = [...content.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target);
    const isFile = (target: string) => existsSync(join(repositoryRoot, 'docs/reference', target.replace(/#.*/, '')));
    const broken = targets.filter((to) => (to.startsWith('#') ? !anchors.includes(to.slice(1)) : !isFile(to)));
    expect(broken).toEqual([]);
  }
});

test('prose is wrapped; only a word alone is longer', () => {
  for (const { content } of pages) {
    const prose = content.replace(/```[\s\S]*?```/g, '');
    const long = prose.split('\n').filter((line) => line.length > 116 && !line.startsWith('<!--'));
    for (const line of long) expect(line.trim()).toMatch(/^`[^`]+`[.,]?$/);
  }
});

test('nothing comes through of what has no words', () => {
  const lines = pages.flatMap(({ content }) => content.split('\n'));
  expect(lines.filter((line) => /\bundefined\b|\[object|NaN|: \.|, ,|^- \*\*`\S+`\*\*: *$/.test(line))).toEqual([]);
});

describe('objectSections', () => {
  const sectionsOf = (schema: z.ZodType) =>
    objectSections(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema, 'spec', {
      headingMarks: '##',
      owner: 'Thing',
      described: new Map(),
    }).join('\n\n');

  test('tells type, bounds, default and meaning of each field, and objects under headings of their own', () => {
    const schema = z.strictObject({
      size: z.int().min(1).max(5000).default(3).describe('How many'),
      share: z.number().gt(0).lt(1).describe('Of all.'),
      tags: z.record(z.string(), z.string().max(9)).optional().describe('By <name>.'),
      parts: z
        .array(z.strictObject({ at: z.iso.datetime().describe('When.') }))
        .max(2)
        .describe('In order.'),
    });
    expect(sectionsOf(schema)).toBe(
      [
        '## Thing spec',
        '',
        '- **`size`**: integer, 1 to 5,000, default `3`. How many.',
        '- **`share`**: number, above 0, below 1, **required**. Of all.',
        '- **`tags`**: map of strings by name. By \\<name>.',
        '- **`parts`**: list of objects, at most 2 items, **required** → [parts[]](#thing-specparts). In order.',
        '',
        '## Thing spec.parts[]',
        '',
        '- **`at`**: time (RFC 3339), **required**. When.',
      ].join('\n'),
    );
  });

  test('describes an object that comes again once, and links to that', () => {
    const limit = z.strictObject({ pods: z.int().describe('At a time.') });
    const text = sectionsOf(z.strictObject({ up: limit.describe('Growing.'), down: limit.describe('Shrinking.') }));
    expect(text.match(/^## .*/gm)).toEqual(['## Thing spec', '## Thing spec.up']);
    expect(text).toContain('[down](#thing-specup). Shrinking.');
  });

  test('refuses a field that nobody described, by its path', () => {
    const schema = z.strictObject({ inner: z.strictObject({ size: z.int() }).describe('It.') });
    expect(() => sectionsOf(schema)).toThrow('Thing spec.inner.size: needs .describe()');
  });
});
