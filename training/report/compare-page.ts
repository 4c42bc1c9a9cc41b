/** The page that shows how policies did on the same traffic. */
import { renderChart } from '../../env/report/chart-svg.ts';
import { formatDecimal, formatPercent, formatShort, formatThreeDigits } from '../../env/report/number-format.ts';
import { escapeHtml, renderFacts, renderFigure, renderPage, renderTable } from '../../env/report/page.ts';
import type { ComparisonReport, ComparisonRow } from '../comparison.ts';
import {
  checkSeries,
  comparisonCostChart,
  comparisonNaming,
  comparisonTraceChart,
  type Naming,
} from './comparison-charts.ts';
import { isOracle } from './cost-chart.ts';
import { headlineOf, recipeLabel } from './headline.ts';
import { groupInOrder, type PolicySummary, type Spread, summarizePolicies, summarizeSeeds } from './policy-summary.ts';

/**
 * One self-contained HTML document: nothing is fetched, nothing is scripted. Rows without a series get
 * their table but no chart.
 * @throws UserError EMPTY_COMPARISON without rows, BAD_SERIES when a series' arrays differ in length or are empty.
 */
export function renderComparisonPage(report: ComparisonReport): string {
  const summaries = summarizePolicies(report.rows);
  for (const series of report.series) checkSeries(series);
  const policies = summaries.map((summary) => summary.policy);
  const naming = comparisonNaming(report);
  const traces = [...groupInOrder(report.rows, (row) => row.trace)];
  const body = `<header>
<h1>Autoscaling policies compared on ${escapeHtml(report.app)}</h1>
<p class="note">${traces.length} ${traces.length === 1 ? 'trace' : 'traces'} · ${policies.length} ${policies.length === 1 ? 'policy' : 'policies'} · SLA: p95 ≤ ${formatShort(report.slaP95Milliseconds)} ms</p>
<p class="lead">${escapeHtml(headlineOf(report)).replaceAll(' %', '&nbsp;%')}</p>
</header>
${unevenTracesNote(summaries)}
<section><h2>Cost against violations</h2>
${renderFigure(
  renderChart(comparisonCostChart(report)),
  `Each point is a policy, mean over its traces; lower left is better.${report.frontiers.length > 0 ? ' A line joins the settings of one swept parameter: a policy below and left of it does what no setting of that baseline does.' : ''}`,
  'Chart of cost against violations',
)}
${frontierLegend(report, naming)}
${frontierTable(report)}
</section>
<section><h2>Summary</h2>
${summaryTable(summaries, naming)}
${seedTable(summaries)}
</section>
<section><h2>By trace</h2>
${overviewTable(traces, policies, naming)}
${traces.map(([trace, rows], i) => traceSection(report, trace, rows, i, naming)).join('\n')}
</section>
${(report.sections ?? []).join('\n')}
<section><h2>How this was made</h2>
${renderFacts([
  ['Created', escapeHtml(report.createdAt)],
  ['Application', escapeHtml(report.app)],
  ['Violation', 'share of steps whose true p95 latency was above the SLA'],
  ['Replicas', 'ready and pending pods of all services, mean over the steps'],
  ['Changes', 'changes of desired replicas, all services together'],
])}
<pre><code>${escapeHtml(report.command)}</code></pre>
</section>`;
  return renderPage({ title: `Policies compared on ${report.app}`, body });
}

/** Means over different traces must not be compared silently. */
function unevenTracesNote(summaries: readonly PolicySummary[]): string {
  return haveUnevenTraces(summaries)
    ? '<p><strong>Not every policy ran on every trace:</strong> the means below are over different traffic; compare them trace by trace.</p>'
    : '';
}

const haveUnevenTraces = (summaries: readonly PolicySummary[]) =>
  summaries.some((summary) => summary.traces !== summaries[0].traces);

function policyCell(policy: string, { names, styles }: Naming): string {
  return `<span class="swatch" style="background:${styles.get(policy)?.color}"></span><span title="${escapeHtml(policy)}">${escapeHtml(names.get(policy) ?? policy)}</span>`;
}

function spreadCell(spread: Spread, digits = 2): string {
  const deviation =
    spread.standardDeviation === null
      ? ''
      : ` <span class="spread">± ${formatDecimal(spread.standardDeviation, digits)}</span>`;
  return `${formatDecimal(spread.mean, digits)}${deviation}`;
}

function summaryTable(summaries: readonly PolicySummary[], naming: Naming): string {
  const uneven = haveUnevenTraces(summaries);
  return renderTable({
    caption: `Per policy: mean ± standard deviation over the ${uneven ? '' : `${summaries[0].traces} `}traces.`,
    columns: [
      { title: 'Policy', text: true },
      ...(uneven ? [{ title: 'Traces' }] : []),
      { title: 'Above SLA, %' },
      { title: 'Worst trace, %' },
      { title: 'Replicas' },
      { title: 'Pod-hours' },
      { title: 'Changes' },
      { title: 'p95 mean, ms' },
      { title: 'p95 max, ms' },
    ],
    strongRows: new Set(summaries.flatMap((summary, i) => (summary.policy.startsWith('checkpoint:') ? [i] : []))),
    rows: summaries.map((summary) => [
      policyCell(summary.policy, naming),
      ...(uneven ? [String(summary.traces)] : []),
      spreadCell(summary.violationPercent),
      formatDecimal(summary.violationPercent.max),
      spreadCell(summary.meanReplicas),
      spreadCell(summary.podHours, 1),
      spreadCell(summary.scalingActions, 0),
      formatThreeDigits(summary.p95Milliseconds.mean),
      formatThreeDigits(summary.p95Milliseconds.max),
    ]),
  });
}

function seedTable(summaries: readonly PolicySummary[]): string {
  return summarizeSeeds(summaries)
    .map((seeds) => {
      const range = (spread: Spread, digits: number) =>
        `${formatDecimal(spread.min, digits)} – ${formatDecimal(spread.max, digits)}`;
      const figures: [string, Spread, number][] = [
        ['Above SLA, %', seeds.violationPercent, 2],
        ['Replicas', seeds.meanReplicas, 2],
        ['Pod-hours', seeds.podHours, 1],
        ['Changes', seeds.scalingActions, 0],
      ];
      return `<h3>${seeds.policies.length}-seed spread of ${escapeHtml(recipeLabel(seeds.recipe))}</h3>${renderTable({
        caption: `The same training with ${seeds.policies.length} seeds; each seed counts by its mean over the traces.`,
        columns: [{ title: 'Figure', text: true }, { title: 'Mean ± sd' }, { title: 'Min – max' }],
        rows: figures.map(([title, spread, digits]) => [title, spreadCell(spread, digits), range(spread, digits)]),
      })}`;
    })
    .join('\n');
}

function frontierLegend(report: ComparisonReport, { styles }: Naming): string {
  if (report.frontiers.length === 0) return '';
  const items = report.frontiers.map(
    (frontier) =>
      `<li><span class="line" style="border-top:3px ${isOracle(frontier) ? 'dashed' : 'solid'} ${styles.get(frontier.label)?.color}"></span>${escapeHtml(frontier.label)}: ${escapeHtml(frontier.parameter)} swept</li>`,
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

function frontierTable(report: ComparisonReport): string {
  if (report.frontiers.length === 0) return '';
  const rows = report.frontiers.flatMap((frontier) =>
    frontier.points.map((point) => [
      escapeHtml(frontier.label),
      escapeHtml(frontier.parameter),
      formatShort(point.value),
      formatPercent(point.violationPercent),
      formatDecimal(point.meanReplicas),
    ]),
  );
  return `<details><summary>The points of the swept lines as a table</summary>${renderTable({
    caption: 'Swept baselines; means over the same traces.',
    columns: [
      { title: 'Baseline', text: true },
      { title: 'Parameter', text: true },
      { title: 'Value' },
      { title: 'Above SLA' },
      { title: 'Replicas' },
    ],
    rows,
  })}</details>`;
}

function overviewTable(
  traces: readonly [string, ComparisonRow[]][],
  policies: readonly string[],
  { names }: Naming,
): string {
  return renderTable({
    caption: 'Time above the SLA and, below it, mean replicas.',
    columns: [{ title: 'Trace', text: true }, ...policies.map((policy) => ({ title: names.get(policy) ?? policy }))],
    rows: traces.map(([trace, rows]) => [
      escapeHtml(trace),
      ...policies.map((policy) => {
        const row = rows.find((one) => one.policy === policy);
        return row
          ? `${formatPercent(row.violationPercent)}<br><span class="spread">${formatDecimal(row.meanReplicas)}</span>`
          : '—';
      }),
    ]),
  });
}

function traceSection(
  report: ComparisonReport,
  trace: string,
  rows: readonly ComparisonRow[],
  index: number,
  naming: Naming,
): string {
  const chart = comparisonTraceChart(report, trace, `trace-${index + 1}`);
  const figure =
    chart === null
      ? '<p class="note">No series were kept for this trace.</p>'
      : renderFigure(
          renderChart(chart),
          'Every minimum and maximum of the steps is drawn, so that no violation is lost; p95 beyond the scale is drawn at its edge.',
          `Charts of ${trace}`,
        );
  const hours = (rows[0].steps * rows[0].stepSeconds) / 3600;
  return `<details${index === 0 ? ' open' : ''}><summary><h3>${escapeHtml(trace)}</h3><span class="note">${formatShort(hours)} h</span></summary>
${figure}
${renderTable({
  caption: `All figures on ${trace}.`,
  columns: [
    { title: 'Policy', text: true },
    { title: 'Above SLA, %' },
    { title: 'Replicas' },
    { title: 'Pod-hours' },
    { title: 'Changes' },
    { title: 'p95 mean, ms' },
    { title: 'p95 max, ms' },
    { title: 'Steps' },
  ],
  rows: rows.map((row) => [
    policyCell(row.policy, naming),
    formatDecimal(row.violationPercent),
    formatDecimal(row.meanReplicas),
    formatDecimal(row.podHours, 1),
    formatDecimal(row.scalingActions, 0),
    formatThreeDigits(row.p95Milliseconds.mean),
    formatThreeDigits(row.p95Milliseconds.max),
    formatDecimal(row.steps, 0),
  ]),
})}
</details>`;
}
