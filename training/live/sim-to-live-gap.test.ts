import { expect, it } from 'vitest';
import { testRow } from '../report/report.fixture.ts';
import { liveSections } from './live-sections.ts';
import { simToLiveGaps } from './sim-to-live-gap.ts';

const rows = [
  testRow('hpa', 'a', 2, 3.3),
  testRow('hpa@simulator', 'a', 1, 3),
  testRow('hpa', 'b', 4, 5.5),
  testRow('hpa@simulator', 'b', 3, 5),
  // The run of seed b was cut off before its prediction.
  testRow('reactive', 'a', 0, 4),
  testRow('reactive@simulator', 'a', 0, 4),
  testRow('reactive', 'b', 9, 99),
];

it('compares means over the runs that have both', () => {
  const gaps = simToLiveGaps(rows);
  expect(gaps.map(({ policy }) => policy)).toEqual(['hpa', 'reactive']);
  expect(gaps[0].meanReplicas).toEqual({ live: 4.4, simulated: 4, percent: expect.closeTo(10) });
  expect(gaps[0].violationPercent).toEqual({ live: 3, simulated: 2, percent: expect.closeTo(50) });
  expect(gaps[1].meanReplicas.percent).toBe(0);
  expect(gaps[1].violationPercent.percent).toBeNaN();
  expect(simToLiveGaps([testRow('hpa', 'a', 1, 1)])).toEqual([]);
});

it('is shown with figures of both and their difference, as text and as HTML', () => {
  const { text, html } = liveSections({ rows, series: [], capacity: [], slaP95Milliseconds: 5 });
  expect(text).toHaveLength(1);
  expect(text[0]).toMatch(
    /hpa +3\.40 \/ 3\.40 \(0\.0 %\) +4\.40 \/ 4\.00 \(\+10\.0 %\) +3\.00 \/ 2\.00 \(\+1\.00 points\)/,
  );
  expect(html[0]).toContain('4.40 / 4.00 (+10.0 %)');
});
