/** The page that shows what a checkpoint is, what it does and what it is worth. */

import { type Chart, renderChart } from '../../env/report/chart-svg.ts';
import {
  formatCount,
  formatDecimal,
  formatPercent,
  formatShort,
  formatSigned,
  formatThreeDigits,
} from '../../env/report/number-format.ts';
import { escapeHtml, renderFacts, renderFigure, renderPage, renderTable } from '../../env/report/page.ts';
import { type CheckpointDifference, checkInspection, type EvaluationRow, type Inspection } from '../inspection.ts';
import { decisionMapChart } from './decision-map-chart.ts';
import { byImportance, importanceBars, importanceChart } from './importance-chart.ts';
import { displayNames } from './policy-summary.ts';
import { trainingChart } from './training-chart.ts';

/** The largest move of a decision, pods: the full colour of the decision map. */
const strongestMove = 4;

/**
 * One self-contained HTML document: nothing is fetched, nothing is scripted.
 * @throws UserError BAD_INSPECTION when a map does not fit its axes.
 */
export function renderInspectPage(inspection: Inspection): string {
  checkInspection(inspection);
  const { identity, difference } = inspection;
  const body = `<header>
<h1>Checkpoint ${escapeHtml(identity.path)}</h1>
<p class="note">${escapeHtml(identity.algorithm.toUpperCase())} for ${escapeHtml(identity.app)}, created ${escapeHtml(identity.createdAt)}</p>
<p class="lead">${escapeHtml(inspectionHeadline(inspection)).replaceAll(' %', '&nbsp;%')}</p>
</header>
<section><h2>Evaluation</h2>${evaluationTable(inspection.evaluation)}</section>
<section><h2>What it does</h2>${decisionMap(inspection)}</section>
<section><h2>Which observations matter</h2>${importance(inspection)}</section>
<section><h2>Training</h2>${training(inspection)}</section>
${difference ? `<section><h2>Difference to ${escapeHtml(difference.against.path)}</h2>${differenceTo(difference, inspection)}</section>` : ''}
<section><h2>Identity</h2>${identityOf(inspection)}</section>`;
  return renderPage({ title: `Checkpoint ${identity.path}`, body });
}

/** The checkpoint's own evaluation against the best-known baseline, in one sentence. */
export function inspectionHeadline({ evaluation }: Inspection): string {
  const own = evaluation.find((row) => row.policy.startsWith('checkpoint:'));
  if (!own) return 'This checkpoint has not been evaluated: run duoloop compare with it.';
  const tell = (row: EvaluationRow) =>
    `${formatPercent(row.violationPercent)} of time above the SLA at ${formatDecimal(row.meanReplicas)} replicas`;
  const others = ['rps-tuned', 'hpa-tuned', 'hpa']
    .flatMap((name) => evaluation.find((row) => row.policy === name) ?? [])
    .slice(0, 2);
  const traces = own.traces === 1 ? 'one trace' : `${own.traces} traces`;
  return `Over ${traces} it has ${[tell(own), ...others.map((row) => `${row.policy} ${tell(row)}`)].join('; ')}.`;
}

function evaluationTable(rows: readonly EvaluationRow[]): string {
  if (rows.length === 0) return '<p>No evaluation is stored in this checkpoint.</p>';
  const names = displayNames(rows.map((row) => row.policy));
  return renderTable({
    caption: 'Means over the same traces; p95 max is the worst step of all.',
    columns: [
      { title: 'Policy', text: true },
      { title: 'Traces' },
      { title: 'Above SLA, %' },
      { title: 'Replicas' },
      { title: 'Pod-hours' },
      { title: 'Changes' },
      { title: 'p95 mean, ms' },
      { title: 'p95 max, ms' },
    ],
    strongRows: new Set(rows.flatMap((row, i) => (row.policy.startsWith('checkpoint:') ? [i] : []))),
    rows: rows.map((row) => [
      `<span title="${escapeHtml(row.policy)}">${escapeHtml(names.get(row.policy) ?? row.policy)}</span>`,
      String(row.traces),
      formatDecimal(row.violationPercent),
      formatDecimal(row.meanReplicas),
      formatDecimal(row.podHours, 1),
      formatDecimal(row.scalingActions, 0),
      formatThreeDigits(row.p95Milliseconds.mean),
      formatThreeDigits(row.p95Milliseconds.max),
    ]),
  });
}

function decisionMap(inspection: Inspection): string {
  const { decisionMap: map, identity } = inspection;
  return renderFigure(
    renderChart(inspectedDecisionMap(inspection)),
    `Expected move of the set-point in one decision (every ${formatShort(identity.decisionIntervalSeconds)} s), in pods: amber raises it, blue lowers it, pale leaves it. Held fixed: ${map.conditions}.`,
    'Decision map',
  );
}

/** The expected move of the set-point over load and group size. */
export function inspectedDecisionMap({ decisionMap: map }: Pick<Inspection, 'decisionMap'>): Chart {
  return decisionMapChart({
    id: 'decision-map',
    title: 'Expected move of the set-point over load and group size',
    description: `Rows are group sizes ${map.replicas[0]} to ${map.replicas[map.replicas.length - 1]}, columns loads ${formatShort(map.loads[0])} to ${formatShort(map.loads[map.loads.length - 1])} requests/s; from ${formatSigned(lowest(map.expectedMove), 1)} to ${formatSigned(highest(map.expectedMove), 1)} pods.`,
    loads: map.loads,
    replicas: map.replicas,
    values: map.expectedMove,
    strongest: strongestMove,
  });
}

const highest = (matrix: readonly (readonly number[])[]) => Math.max(...matrix.flat());
const lowest = (matrix: readonly (readonly number[])[]) => Math.min(...matrix.flat());

function importance({ permutationImportance }: Inspection): string {
  if (permutationImportance.length === 0) return '<p>Not measured.</p>';
  const cell = (value: number | null, deviation: number | null) =>
    `${formatDecimal(value, 4)}${deviation === null ? '' : ` <span class="spread">± ${formatDecimal(deviation, 4)}</span>`}`;
  const rest =
    permutationImportance.length > importanceBars
      ? `; the first ${importanceBars} of ${permutationImportance.length} are drawn`
      : '';
  return `${renderFigure(
    renderChart(importanceChart(permutationImportance)),
    `Each observation is shuffled among decisions while all others stay. Lines are ± one standard deviation over the shuffles${rest}.`,
    'Permutation importance',
  )}
<details><summary>All observations as a table</summary>${renderTable({
    caption: 'Permutation importance, mean ± standard deviation over the shuffles.',
    columns: [
      { title: 'Observation', text: true },
      { title: 'Drop in mean reward' },
      { title: 'Change of action probability' },
    ],
    rows: byImportance(permutationImportance).map((one) => [
      escapeHtml(one.observation),
      cell(one.scoreDrop, one.scoreDropDeviation),
      cell(one.probabilityChange, one.probabilityChangeDeviation),
    ]),
  })}</details>`;
}

function training(inspection: Inspection): string {
  const chart = trainingChart(inspection);
  if (chart === null) return '<p>No training curve is stored in this checkpoint.</p>';
  const baseline = inspection.validationBaseline;
  const dashed = baseline
    ? ` Dashed: ${baseline.policy} on the validation traces (${formatPercent(baseline.violationPercent)} at ${formatDecimal(baseline.meanReplicas)} replicas).`
    : '';
  const points =
    inspection.validation.length === 0
      ? ''
      : `<details><summary>Validations as a table</summary>${renderTable({
          caption: 'The policy without exploration on the validation traces.',
          columns: [
            { title: 'Environment steps', text: true },
            { title: 'Seconds' },
            { title: 'Above SLA, %' },
            { title: 'Replicas' },
          ],
          rows: inspection.validation.map((point) => [
            formatDecimal(point.environmentSteps, 0),
            formatDecimal(point.seconds, 1),
            formatDecimal(point.violationPercent),
            formatDecimal(point.meanReplicas),
          ]),
        })}</details>`;
  return `${renderFigure(renderChart(chart), `${chart.description} Blue: training with exploration; amber points: validation without.${dashed}`, 'Training curve')}${points}`;
}

function differenceTo(difference: CheckpointDifference, { decisionMap: map }: Inspection): string {
  const { against, hyperparameters, evaluation, expectedMoveDifference, decisions } = difference;
  const parts = [
    `<p>${escapeHtml(against.algorithm.toUpperCase())}, created ${escapeHtml(against.createdAt)}, <code>${escapeHtml(against.sha256)}</code></p>`,
    decisions === null
      ? '<p>The decisions cannot be compared: the two have different observations.</p>'
      : `<p>The most probable action differs in <strong>${formatPercent(decisions.differingPercent, 1)}</strong> of ${formatDecimal(decisions.compared, 0)} decisions.</p>`,
  ];
  if (evaluation) {
    const figures: [string, (row: EvaluationRow) => number, number][] = [
      ['Above SLA, %', (row) => row.violationPercent, 2],
      ['Replicas', (row) => row.meanReplicas, 2],
      ['Pod-hours', (row) => row.podHours, 1],
      ['Changes', (row) => row.scalingActions, 0],
      ['p95 mean, ms', (row) => row.p95Milliseconds.mean, 2],
    ];
    parts.push(
      renderTable({
        caption: 'Evaluation on the same traces.',
        columns: [{ title: 'Figure', text: true }, { title: 'This' }, { title: 'Other' }, { title: 'This − other' }],
        rows: figures.map(([title, of, digits]) => [
          title,
          formatDecimal(of(evaluation.here), digits),
          formatDecimal(of(evaluation.there), digits),
          formatSigned(of(evaluation.here) - of(evaluation.there), digits),
        ]),
      }),
    );
  }
  parts.push(
    hyperparameters.length === 0
      ? '<p>All hyperparameters are the same.</p>'
      : renderTable({
          caption: 'Hyperparameters that differ.',
          columns: [{ title: 'Name', text: true }, { title: 'This' }, { title: 'Other' }],
          rows: hyperparameters.map(({ name, here, there }) => [
            escapeHtml(name),
            escapeHtml(here ?? '—'),
            escapeHtml(there ?? '—'),
          ]),
        }),
  );
  if (expectedMoveDifference) {
    parts.push(
      renderFigure(
        renderChart(
          decisionMapChart({
            id: 'difference-map',
            title: 'Difference of the expected moves',
            description: `From ${formatSigned(lowest(expectedMoveDifference), 1)} to ${formatSigned(highest(expectedMoveDifference), 1)} pods.`,
            loads: map.loads,
            replicas: map.replicas,
            values: expectedMoveDifference,
            strongest: strongestMove / 2,
          }),
        ),
        'Expected move of this checkpoint minus that of the other, in pods: amber where this one asks for more.',
        'Map of differing decisions',
      ),
    );
  }
  return parts.join('\n');
}

function identityOf({ identity }: Inspection): string {
  const code = (text: string) => `<code>${escapeHtml(text)}</code>`;
  return `${renderFacts([
    ['Algorithm', escapeHtml(identity.algorithm)],
    ['Created', escapeHtml(identity.createdAt)],
    ['Application', `${escapeHtml(identity.app)}, model ${code(identity.appHash)}`],
    ['Workload', code(identity.workloadHash)],
    [
      'Seeds',
      escapeHtml(
        Object.entries(identity.seeds)
          .map(([name, seed]) => `${name} ${seed}`)
          .join(', '),
      ),
    ],
    ['Git commit', identity.gitCommit === null ? 'unknown' : code(identity.gitCommit)],
    [
      'Weights',
      `${formatCount(identity.weights.parameters)} parameters, ${formatCount(identity.weights.bytes)} bytes, sha256 ${code(identity.weights.sha256)}`,
    ],
    ['Schema version', String(identity.schemaVersion)],
    ['Decides every', `${formatShort(identity.decisionIntervalSeconds)} s`],
    ...identity.actionHeads.map((head): [string, string] => [
      `Action: ${head.name}`,
      escapeHtml(head.choices.join(', ')),
    ]),
  ])}
<h3>Hyperparameters</h3>${renderTable({
    caption: 'As trained.',
    columns: [{ title: 'Name', text: true }, { title: 'Value' }],
    rows: Object.entries(identity.hyperparameters).map(([name, value]) => [
      escapeHtml(name),
      escapeHtml(value === null ? '—' : String(value)),
    ]),
  })}
<h3>Observations</h3>${renderTable({
    caption: 'In the order of the network’s input, normalised as (observation − mean) ÷ standard deviation.',
    columns: [{ title: 'Name', text: true }, { title: 'Mean' }, { title: 'Standard deviation' }],
    rows: identity.observations.map((one) => [
      escapeHtml(one.name),
      formatThreeDigits(one.mean),
      formatThreeDigits(one.standardDeviation),
    ]),
  })}`;
}
