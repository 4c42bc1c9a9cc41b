import { describe, expect, it } from 'vitest';
import { renderInspectPage } from './inspect-page.ts';
import { testInspection } from './inspection.fixture.ts';

describe('renderInspectPage', () => {
  it('shows identity, training, decisions, importance, evaluation and difference, fetching nothing', () => {
    const html = renderInspectPage(testInspection());
    for (const title of [
      'Training curve',
      'Expected move of the set-point',
      'Permutation importance',
      'Difference of the expected moves',
    ]) {
      expect(html).toMatch(new RegExp(`<title id="[a-z-]+">${title}`));
    }
    expect(html).toContain('c'.repeat(64));
    expect(html).toContain('0.91&nbsp;% of time above the SLA at 2.90 replicas');
    expect(html).toContain('&lt;linear&gt;');
    expect(html).toContain('12.3 %');
    expect(html).not.toMatch(/<script|<link|<img|NaN|undefined|Infinity/);
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('puts every cell of the decision map at its load and group size', () => {
    const html = renderInspectPage({ ...testInspection(), difference: null });
    const texts = [
      ...html.matchAll(
        /<text[^>]*?(?:x="([\d.]+)" y="([\d.]+)"|translate\(([\d.]+) ([\d.]+)\))[^>]*>([+−]?[\d.]+)<\/text>/g,
      ),
    ];
    const at = new Map(
      texts.map((match) => [match[5], { x: Number(match[1] ?? match[3]), y: Number(match[2] ?? match[4]) }]),
    );
    const [most, more, least] = ['+4.0', '+1.3', '−2.0'].map((text) => at.get(text) as { x: number; y: number });
    // One row: the load grows to the right; the other: a larger group is further up and −2 is at the smallest load.
    expect(most.y).toBe(more.y);
    expect(most.x).toBeGreaterThan(more.x);
    expect(least.y).toBeLessThan(most.y);
    expect(least.x).toBeLessThan(more.x);
  });

  it('leaves out what was not recorded', () => {
    const html = renderInspectPage({
      ...testInspection(),
      trainingCurve: [],
      validation: [],
      evaluation: [],
      permutationImportance: [],
      difference: null,
    });
    expect(html).toContain('No training curve is stored');
    expect(html).toContain('has not been evaluated');
    expect(html).not.toContain('Difference to');
  });

  it('refuses a map that does not fit its axes', () => {
    const inspection = testInspection();
    inspection.decisionMap.expectedMove[1].pop();
    expect(() => renderInspectPage(inspection)).toThrow(expect.objectContaining({ code: 'BAD_INSPECTION' }));
  });
});
