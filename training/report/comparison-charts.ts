/** The charts of a comparison, by what they show; names and colours are the same in all of them. */
import { UserError } from '../../env/errors.ts';
import type { Chart, PolicyStyle } from '../../env/report/chart-svg.ts';
import type { ComparisonReport, ComparisonSeries } from '../comparison.ts';
import { costChart } from './cost-chart.ts';
import { assignStyles } from './policy-styles.ts';
import { displayNames, summarizePolicies } from './policy-summary.ts';
import { traceChart } from './trace-chart.ts';

export type ComparedPolicies = Pick<ComparisonReport, 'rows' | 'frontiers'>;
export type ComparedSeries = Pick<ComparisonReport, 'rows' | 'frontiers' | 'series' | 'slaP95Milliseconds'>;

export interface Naming {
  names: ReadonlyMap<string, string>;
  styles: ReadonlyMap<string, PolicyStyle>;
}

/** What every policy is called and how it is drawn. @throws UserError EMPTY_COMPARISON without rows */
export function comparisonNaming({ rows, frontiers }: ComparedPolicies): Naming {
  const policies = summarizePolicies(rows).map((summary) => summary.policy);
  return {
    names: displayNames(policies),
    styles: assignStyles(
      policies,
      frontiers.map((frontier) => frontier.label),
    ),
  };
}

/** Replicas against time above the SLA, a point per policy. @throws UserError EMPTY_COMPARISON without rows */
export function comparisonCostChart(compared: ComparedPolicies): Chart {
  return costChart(summarizePolicies(compared.rows), compared.frontiers, comparisonNaming(compared).styles);
}

/**
 * Load, replicas and p95 of every policy on one trace; null where no series of it was kept.
 * @param id unique on the page
 * @throws UserError BAD_SERIES when a series' arrays differ in length or are empty
 */
export function comparisonTraceChart(compared: ComparedSeries, trace: string, id: string): Chart | null {
  const rows = compared.rows.filter((row) => row.trace === trace);
  const series = rows.flatMap(
    (row) => compared.series.find((one) => one.trace === trace && one.policy === row.policy) ?? [],
  );
  if (series.length === 0) return null;
  for (const one of series) checkSeries(one);
  return traceChart({
    id,
    trace,
    slaP95Milliseconds: compared.slaP95Milliseconds,
    series,
    rows: new Map(rows.map((row) => [row.policy, row])),
    ...comparisonNaming(compared),
  });
}

/** @throws UserError BAD_SERIES when its arrays differ in length or are empty */
export function checkSeries(series: ComparisonSeries): void {
  const lengths = [series.rps, series.desired, series.ready, series.p95].map((values) => values.length);
  if (lengths[0] > 0 && lengths.every((length) => length === lengths[0])) return;
  throw new UserError(
    'BAD_SERIES',
    `The series of ${series.policy} on ${series.trace} has rps, desired, ready and p95 of lengths ${lengths.join(', ')}: they must be equal and not 0. Run the comparison again.`,
  );
}
