/** Reports show names that others chose: of traces, policies, applications, layers, hyperparameters, commands. */
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { pageShell } from '../cli/watch/page-shell.ts';
import { seriesFileName } from '../training/compare.ts';
import { renderComparisonPage } from '../training/report/compare-page.ts';
import { renderInspectPage } from '../training/report/inspect-page.ts';
import { testInspection } from '../training/report/inspection.fixture.ts';
import { testReport, testRow } from '../training/report/report.fixture.ts';

const evil = `"'><img src=x onerror=alert(1)></title></style></text></svg><script>alert(1)</script>\${7*7}`;

/** Every text of the document with the attack behind it. */
function poisoned<T>(document: T): T {
  if (typeof document === 'string') return `${document}${evil}` as T;
  if (Array.isArray(document)) return document.map(poisoned) as T;
  if (ArrayBuffer.isView(document) || typeof document !== 'object' || document === null) return document;
  return Object.fromEntries(Object.entries(document).map(([key, value]) => [key, poisoned(value)])) as T;
}

test('no name leads out of the folder of --series', () => {
  for (const name of ['../../etc/x', '/etc/passwd', 'a\\b', '..', 'x\0y']) {
    for (const file of [seriesFileName('day', name), seriesFileName(name, 'hpa')]) {
      expect(dirname(join('/series', file))).toBe('/series');
      expect(file).not.toMatch(/[\\/]|\p{Cc}/u);
    }
  }
});

const report = testReport([testRow('hpa', 'a', 1, 3), testRow('checkpoint:x/seed-1', 'a', 0, 2)], 500);
const inspection = testInspection();

test.each([
  ['a comparison', () => renderComparisonPage(poisoned({ ...report, createdAt: '' })), 0],
  ['an inspection', () => renderInspectPage(poisoned(inspection)), 0],
  ['the watch', () => pageShell({ path: `/loops/a/${encodeURIComponent(evil)}`, html: '', second: 0 }), 1],
])('%s runs nothing of what is in them', (_, render, ownScripts) => {
  const html = render();
  expect(html).toContain('&lt;img');
  expect(html.match(/<script/g) ?? []).toHaveLength(ownScripts);
  expect(html).not.toMatch(/<img|<\/svg><script|<\/title>(?=<\/style>)/);
  // Outside of quotes no tag has what the attack brought.
  const tags = html.replace(/<script>[\s\S]*<\/script>|<style>[\s\S]*?<\/style>/g, '').match(/<[a-z][^>]*>/gi) ?? [];
  for (const tag of tags) expect(tag.replace(/"[^"]*"/g, '')).not.toMatch(/onerror|\$\{7/);
  expect(html).toMatch(/Content-Security-Policy" content="default-src 'none'/);
});
