import { describe, expect, it } from 'vitest';
import { renderComparisonPage } from './compare-page.ts';
import { testReport, testRow } from './report.fixture.ts';

const policies = ['checkpoint:runs/x/seed-1', 'checkpoint:runs/x/seed-2', 'rps-tuned', 'hpa', 'random-group', 'oracle'];
const traces = Array.from({ length: 12 }, (_, i) => `trace-${i}`);

/** Ids that are referred to and those that exist; charts pasted into one page must not take each other's. */
function idsOf(html: string) {
  const defined = [...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]);
  const used = [...html.matchAll(/url\(#([^)]+)\)/g), ...html.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]);
  return { defined, used };
}

describe('renderComparisonPage', () => {
  it('draws 12 days of 6 policies below 8 MB, fetching and scripting nothing', () => {
    const rows = traces.flatMap((trace) => policies.map((policy, i) => testRow(policy, trace, i / 3, 3 + i)));
    const html = renderComparisonPage(testReport(rows, 17_280));
    expect(Buffer.byteLength(html)).toBeLessThan(8e6);
    expect(html).not.toMatch(/<script|<link|<img|@import|(src|href)="(?!#)/);
    expect(html.match(/role="img"/g)).toHaveLength(13);
    expect(html.match(/<table>/g)?.length).toBe(html.match(/<caption>/g)?.length);
    const { defined, used } = idsOf(html);
    expect(new Set(defined).size).toBe(defined.length);
    expect(used.filter((id) => !defined.includes(id))).toEqual([]);
  }, 30_000);

  it('is the same text for the same report', () => {
    const report = testReport([testRow('hpa', 'a', 1, 3), testRow('oracle', 'a', 0, 2)], 500);
    expect(renderComparisonPage(report)).toBe(renderComparisonPage(report));
  });

  it('shades every stretch with a violation, down to a single tick', () => {
    const report = testReport([testRow('hpa', 'a', 1, 3)], 17_280, 17_281);
    const shaded = (html: string) =>
      html.match(/fill="var\(--violation\)" fill-opacity="0\.45"|opacity="0\.45"[^>]*fill="var\(--violation\)"/g)
        ?.length ?? 0;
    expect(shaded(renderComparisonPage(report))).toBe(0);
    report.series[0].p95[7_777] = 5.01;
    expect(shaded(renderComparisonPage(report))).toBe(1);
  });

  it('survives missing and infinite latencies, no load and a single tick', () => {
    const report = testReport([testRow('hpa', 'a', 1, 3)], 200);
    report.series[0].p95.fill(Number.NaN, 20, 80);
    report.series[0].p95[100] = Number.POSITIVE_INFINITY;
    report.series[0].rps.fill(0);
    const oneTick = testReport([testRow('hpa', 'a', 0, 0)], 1);
    for (const html of [renderComparisonPage(report), renderComparisonPage(oneTick)]) {
      expect(html.match(/NaN|Infinity|undefined/g)).toBeNull();
    }
  });

  it('escapes what users write', () => {
    const report = testReport([testRow('hpa', '<b>&"', 1, 3)], 10);
    report.app = '<script>alert(1)</script>';
    const html = renderComparisonPage(report);
    expect(html).not.toContain('<script>');
    expect(html).not.toContain('<b>');
    expect(html).toContain('&lt;b&gt;&amp;');
  });

  it('says so when policies ran on different traces', () => {
    const rows = [testRow('hpa', 'a', 1, 3), testRow('hpa', 'b', 1, 3), testRow('oracle', 'a', 0, 2)];
    expect(renderComparisonPage({ ...testReport(rows, 10), series: [] })).toContain(
      'Not every policy ran on every trace',
    );
  });

  it('refuses rows and series that do not fit', () => {
    const report = testReport([testRow('hpa', 'a', 1, 3)], 10);
    report.series[0].ready = new Int32Array(9);
    expect(() => renderComparisonPage(report)).toThrow(expect.objectContaining({ code: 'BAD_SERIES' }));
    expect(() => renderComparisonPage({ ...report, rows: [] })).toThrow(
      expect.objectContaining({ code: 'EMPTY_COMPARISON' }),
    );
  });
});
