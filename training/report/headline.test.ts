import { describe, expect, it } from 'vitest';
import { frontierReplicasAt, headlineOf } from './headline.ts';
import { testReport, testRow } from './report.fixture.ts';

const report = (...rows: ReturnType<typeof testRow>[]) => testReport(rows, 1);

describe('headlineOf', () => {
  it('says what the checkpoint costs and what the strongest baselines need', () => {
    const text = headlineOf(
      report(
        testRow('hpa', 't', 1.2, 3.7),
        testRow('checkpoint:runs/x', 't', 0.9, 2.9),
        testRow('hpa-tuned', 't', 1, 3.4),
        testRow('oracle', 't', 0, 2),
      ),
    );
    expect(text).toContain('Checkpoint x: 0.90 % of time above the SLA at 2.90 replicas');
    expect(text).toContain('hpa-tuned needs 3.40 for 1.00 %, hpa needs 3.70 for 1.20 %');
    expect(text).toContain('15 % fewer replicas and 0.10 percentage points less time above the SLA');
    expect(text).not.toContain('oracle');
  });

  it.each([
    [0.9, 3.6, 'Against hpa that is 20 % more replicas but 0.10 percentage points less time'],
    [2, 2.4, 'Against hpa that is 20 % fewer replicas but 1.00 percentage points more time'],
    [2, 3.6, 'Against hpa that is 20 % more replicas and 1.00 percentage points more time'],
    [1, 3, 'Against hpa that is the same replicas and the same time'],
  ])('does not dress up %s %% at %s replicas', (violationPercent, meanReplicas, expected) => {
    expect(
      headlineOf(report(testRow('checkpoint:x', 't', violationPercent, meanReplicas), testRow('hpa', 't', 1, 3))),
    ).toContain(expected);
  });

  it('holds the mean of the seeds against the swept baseline at the same violations', () => {
    const rows = [1, 2].map((seed) => testRow(`checkpoint:x/seed-${seed}`, 't', 1 + seed / 3, 2.9));
    const text = headlineOf(report(...rows, testRow('rps-tuned', 't', 1, 3)));
    expect(text).toContain('Checkpoint x (mean of 2 seeds): 1.50 %');
    // Half-way between 2 % at 2.8 and 1 % at 3.0.
    expect(text).toContain('(rps-tuned) needs 2.90 replicas: the checkpoint uses 1.00 times that');
  });

  it('names safest and leanest without a checkpoint', () => {
    expect(headlineOf(report(testRow('hpa', 't', 0.5, 4), testRow('reactive', 't', 2, 3)))).toMatch(
      /^Hpa .* breaks the SLA least; reactive .* uses the fewest replicas\.$/,
    );
  });
});

describe('frontierReplicasAt', () => {
  const [frontier] = report(testRow('hpa', 't', 1, 1)).frontiers;
  it('is null below the best setting and the cheapest above the worst', () => {
    expect(frontierReplicasAt(frontier, 0.5)).toBeNull();
    expect(frontierReplicasAt(frontier, 5)).toBe(2.8);
    expect(frontierReplicasAt(frontier, 1.25)).toBeCloseTo(2.95, 12);
  });
});
