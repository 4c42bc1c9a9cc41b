import { expect, it } from 'vitest';
import { testInspection } from './inspection.fixture.ts';
import { testRow } from './report.fixture.ts';
import { renderDetailText, renderInspectionText, renderSummaryText } from './text-table.ts';

const longName = `checkpoint:runs/${'a-very-long-experiment-name-'.repeat(3)}`;
const rows = [1, 2, 3].flatMap((seed) =>
  ['flash-crowd-with-a-long-name', 'ramp'].map((trace, i) =>
    testRow(`${longName}/seed-${seed}`, trace, 100 / seed + i, 12.345),
  ),
);

it('fits 100 columns, without escape codes', () => {
  const hundred = [...rows, testRow('hpa-measured', 'ramp', 100, 1234.5)];
  const texts = [renderSummaryText(hundred), renderDetailText(hundred), renderInspectionText(testInspection())];
  for (const line of texts.join('\n').split('\n')) {
    expect(line.length, line).toBeLessThanOrEqual(100);
    expect(line).not.toContain('\u001b');
  }
});

it('prints mean ± deviation per policy, seeds apart in spite of cut names', () => {
  const lines = renderSummaryText(rows).split('\n');
  expect(lines[2]).toMatch(/^a-very-\S*…\S*\/seed-1 +2 +100\.50 ± 0\.71 +101\.00 +12\.35 ± 0\.00 +296\.3 +40 +3\.40$/);
  expect(lines[4]).toContain('/seed-3');
  expect(lines.join(' ')).toContain('3-seed spread of a-very-');
});

it('aligns numbers to the right', () => {
  const [, , first, second] = renderDetailText([testRow('hpa', 't', 0.5, 3), testRow('oracle', 't', 12.25, 10)]).split(
    '\n',
  );
  expect(first.indexOf('0.50') + 4).toBe(second.indexOf('12.25') + 5);
  expect(second.startsWith(' ')).toBe(true);
});

it('tells what the checkpoint is and how it differs', () => {
  const text = renderInspectionText(testInspection());
  expect(text).toContain('10.3 k parameters');
  expect(text).toContain('above SLA −0.59 percentage points, replicas −0.20');
  expect(text).toContain('Permutation importance (12 of 30 observations)');
  expect(text.indexOf('observation 29')).toBeLessThan(text.indexOf('observation 28'));
});
