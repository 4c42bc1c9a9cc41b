/** A small comparison for the tests of the reports. */
import type { ComparisonReport, ComparisonRow, ComparisonSeries } from '../comparison.ts';

export function testRow(policy: string, trace: string, violationPercent: number, meanReplicas: number): ComparisonRow {
  return {
    app: 'frontend',
    trace,
    policy,
    steps: 17_280,
    stepSeconds: 5,
    violationPercent,
    meanReplicas,
    podHours: 24 * meanReplicas,
    scalingActions: 40,
    p95Milliseconds: { mean: 3.4, max: 88 },
  };
}

/** Every row gets a series in which one tick in `every` is far above the SLA. */
export function testReport(rows: ComparisonRow[], ticks: number, every = 50): ComparisonReport {
  const series = rows.map((row): ComparisonSeries => {
    const at = (value: (i: number) => number) => Float32Array.from({ length: ticks }, (_, i) => value(i));
    return {
      trace: row.trace,
      policy: row.policy,
      stepSeconds: 5,
      rps: at((i) => 800 + 400 * Math.sin(i / 900) + (i % 7)),
      desired: Int32Array.from({ length: ticks }, (_, i) => 2 + (Math.floor(i / 60) % 5)),
      ready: Int32Array.from({ length: ticks }, (_, i) => 2 + (Math.floor(Math.max(0, i - 6) / 60) % 5)),
      p95: at((i) => (i % every === every - 1 ? 90 : 3 + 0.1 * (i % 11))),
    };
  });
  return {
    app: 'frontend',
    slaP95Milliseconds: 5,
    command: 'duoloop compare --app frontend --policy "a&b"',
    createdAt: '2026-11-21T04:30:00Z',
    rows,
    series,
    frontiers: [
      {
        label: 'rps-tuned',
        parameter: 'target requests/s per pod',
        points: [
          { value: 300, violationPercent: 2, meanReplicas: 2.8 },
          { value: 250, violationPercent: 1, meanReplicas: 3 },
        ],
      },
    ],
  };
}
