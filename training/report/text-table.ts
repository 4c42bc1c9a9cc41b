/** Reports for the terminal: at most 100 columns, without colours, so that they survive a pipe. */
import Table from 'cli-table3';
import {
  formatCount,
  formatDecimal,
  formatDuration,
  formatPercent,
  formatShort,
  formatSigned,
  formatThreeDigits,
} from '../../env/report/number-format.ts';
import type { ComparisonRow } from '../comparison.ts';
import { type CheckpointDifference, checkInspection, type EvaluationRow, type Inspection } from '../inspection.ts';
import { recipeLabel } from './headline.ts';
import { byImportance } from './importance-chart.ts';
import { inspectionHeadline } from './inspect-page.ts';
import { displayNames, groupInOrder, type Spread, summarizePolicies, summarizeSeeds } from './policy-summary.ts';

/** Longer names are cut in the middle: both ends tell checkpoints apart. */
const longestName = 24;
const importanceRows = 12;
const columns = 100;

/**
 * Per policy, mean ± standard deviation over its traces, then the spread over seeds where there are several.
 * @throws UserError EMPTY_COMPARISON without rows.
 */
export function renderSummaryText(rows: readonly ComparisonRow[]): string {
  const summaries = summarizePolicies(rows);
  const names = displayNames(summaries.map((summary) => summary.policy));
  const table = drawTable(
    ['policy', 'traces', 'above SLA %', 'worst %', 'replicas', 'pod-hours', 'changes', 'p95 ms'],
    summaries.map((summary) => [
      shorten(names.get(summary.policy) ?? summary.policy),
      String(summary.traces),
      spreadText(summary.violationPercent),
      formatDecimal(summary.violationPercent.max),
      spreadText(summary.meanReplicas),
      formatDecimal(summary.podHours.mean, 1),
      formatDecimal(summary.scalingActions.mean, 0),
      formatThreeDigits(summary.p95Milliseconds.mean),
    ]),
  );
  const seeds = summarizeSeeds(summaries).map((one) =>
    wrap(
      `${one.policies.length}-seed spread of ${recipeLabel(one.recipe)}: above SLA ${spreadText(one.violationPercent)} % (${rangeText(one.violationPercent)}), replicas ${spreadText(one.meanReplicas)} (${rangeText(one.meanReplicas)})`,
    ),
  );
  return [table, ...seeds].join('\n');
}

/** Every policy on every trace. */
export function renderDetailText(rows: readonly ComparisonRow[]): string {
  const names = displayNames(rows.map((row) => row.policy));
  const body = [...groupInOrder(rows, (row) => row.trace)].flatMap(([trace, own]) =>
    own.map((row, i) => [
      i === 0 ? shorten(trace, 18) : '',
      shorten(names.get(row.policy) ?? row.policy, 22),
      formatDecimal(row.violationPercent),
      formatDecimal(row.meanReplicas),
      formatDecimal(row.podHours, 1),
      formatDecimal(row.scalingActions, 0),
      formatThreeDigits(row.p95Milliseconds.mean),
      formatThreeDigits(row.p95Milliseconds.max),
    ]),
  );
  return drawTable(['trace', 'policy', 'above SLA %', 'replicas', 'pod-hours', 'changes', 'p95 ms', 'max'], body, 2);
}

/** What a checkpoint is, what matters to it and what it is worth. */
export function renderInspectionText(inspection: Inspection): string {
  checkInspection(inspection);
  const { identity, trainingCurve, evaluation, permutationImportance, difference } = inspection;
  const last = trainingCurve[trainingCurve.length - 1];
  const parts = [
    `${identity.path}: ${identity.algorithm} for ${identity.app}, created ${identity.createdAt}`,
    `  weights   ${formatCount(identity.weights.parameters)} parameters, ${formatCount(identity.weights.bytes)} bytes`,
    `  sha256    ${identity.weights.sha256}`,
    `  hashes    app ${identity.appHash.slice(0, 12)}, workload ${identity.workloadHash.slice(0, 12)}, git ${identity.gitCommit?.slice(0, 12) ?? 'unknown'}`,
    `  seeds     ${Object.entries(identity.seeds)
      .map(([name, seed]) => `${name} ${seed}`)
      .join(', ')}`,
    `  decides   every ${formatShort(identity.decisionIntervalSeconds)} s from ${identity.observations.length} observations: ${identity.actionHeads.map((head) => `${head.name} (${head.choices.length} choices)`).join(', ')}`,
    ...(last
      ? [`  trained   ${formatCount(last.environmentSteps)} environment steps in ${formatDuration(last.seconds)}`]
      : []),
    '',
    wrap(inspectionHeadline(inspection)),
  ];
  if (evaluation.length > 0) parts.push(evaluationText(evaluation));
  if (permutationImportance.length > 0) {
    const shown = byImportance(permutationImportance).slice(0, importanceRows);
    parts.push(
      '',
      `Permutation importance (${shown.length} of ${permutationImportance.length} observations)`,
      drawTable(
        ['observation', 'drop in mean reward', 'change of action probability'],
        shown.map((one) => [
          shorten(one.observation, 36),
          withDeviation(one.scoreDrop, one.scoreDropDeviation),
          withDeviation(one.probabilityChange, one.probabilityChangeDeviation),
        ]),
      ),
    );
  }
  if (difference) parts.push('', differenceText(difference));
  return parts.join('\n');
}

function evaluationText(rows: readonly EvaluationRow[]): string {
  const names = displayNames(rows.map((row) => row.policy));
  return drawTable(
    ['policy', 'traces', 'above SLA %', 'replicas', 'pod-hours', 'changes', 'p95 ms'],
    rows.map((row) => [
      shorten(names.get(row.policy) ?? row.policy),
      String(row.traces),
      formatDecimal(row.violationPercent),
      formatDecimal(row.meanReplicas),
      formatDecimal(row.podHours, 1),
      formatDecimal(row.scalingActions, 0),
      formatThreeDigits(row.p95Milliseconds.mean),
    ]),
  );
}

function differenceText({ against, decisions, evaluation, hyperparameters }: CheckpointDifference): string {
  const parts = [`Difference to ${against.path} (${against.algorithm}, ${against.createdAt})`];
  parts.push(
    decisions === null
      ? '  decisions cannot be compared: the two have different observations'
      : `  most probable action differs in ${formatPercent(decisions.differingPercent, 1)} of ${formatDecimal(decisions.compared, 0)} decisions`,
  );
  if (evaluation) {
    const { here, there } = evaluation;
    parts.push(
      `  above SLA ${formatSigned(here.violationPercent - there.violationPercent)} percentage points, replicas ${formatSigned(here.meanReplicas - there.meanReplicas)}, changes ${formatSigned(here.scalingActions - there.scalingActions, 0)}`,
    );
  }
  if (hyperparameters.length > 0) {
    parts.push(
      drawTable(
        ['hyperparameter', 'this', 'other'],
        hyperparameters.map(({ name, here, there }) => [
          shorten(name, 36),
          shorten(here ?? '—'),
          shorten(there ?? '—'),
        ]),
      ),
    );
  }
  return parts.join('\n');
}

/** The first `textColumns` columns are text, all others numbers. */
export function drawTable(head: string[], rows: string[][], textColumns = 1): string {
  const table = new Table({
    head,
    colAligns: head.map((_, i) => (i < textColumns ? 'left' : 'right')),
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  });
  table.push(...rows);
  const [heading, ...lines] = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  const width = Math.max(heading.length, ...lines.map((line) => line.length));
  return [heading, '─'.repeat(width), ...lines].join('\n');
}

/** Breaks prose between words. */
function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

function shorten(text: string, longest = longestName): string {
  if (text.length <= longest) return text;
  const tail = Math.ceil((longest - 1) / 2);
  return `${text.slice(0, longest - 1 - tail)}…${text.slice(-tail)}`;
}

const withDeviation = (value: number | null, deviation: number | null) =>
  `${formatDecimal(value, 4)}${deviation === null ? '' : ` ± ${formatDecimal(deviation, 4)}`}`;

const spreadText = (spread: Spread) =>
  spread.standardDeviation === null
    ? formatDecimal(spread.mean)
    : `${formatDecimal(spread.mean)} ± ${formatDecimal(spread.standardDeviation)}`;

const rangeText = (spread: Spread) => `${formatDecimal(spread.min)} to ${formatDecimal(spread.max)}`;
