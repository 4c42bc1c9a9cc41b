/** What a live comparison says beyond a simulated one: the gap to the simulator and the recovery from a drop, as HTML and text. */

import {
  formatDecimal,
  formatDuration,
  formatShort,
  formatSigned,
  formatThreeDigits,
} from '../../env/report/number-format.ts';
import { escapeHtml, renderTable } from '../../env/report/page.ts';
import type { CapacityChange } from '../../env/simulator/capacity.ts';
import type { ComparisonRow, ComparisonSeries } from '../comparison.ts';
import { displayNames, groupInOrder, spreadOf } from '../report/policy-summary.ts';
import { drawTable } from '../report/text-table.ts';
import { type Recovery, recoveriesOf } from './recovery.ts';
import { type GapFigure, type SimToLiveGap, simToLiveGaps } from './sim-to-live-gap.ts';

export interface LiveSections {
  readonly html: string[];
  /** Tables, each with a line above that says what it is. */
  readonly text: string[];
}

export interface LiveSectionsInput {
  readonly rows: readonly ComparisonRow[];
  readonly series: readonly ComparisonSeries[];
  readonly capacity: readonly CapacityChange[];
  readonly slaP95Milliseconds: number;
}

export function liveSections({ rows, series, capacity, slaP95Milliseconds }: LiveSectionsInput): LiveSections {
  const names = displayNames(rows.map(({ policy }) => policy));
  const nameOf = (policy: string) => names.get(policy) ?? policy;
  const tables = [
    gapTable(simToLiveGaps(rows), nameOf),
    recoveryTable(series, capacity, slaP95Milliseconds, nameOf),
  ].filter((table) => table !== undefined);
  return {
    html: tables.map(
      ({ title, note, columns, rows: cells }) =>
        `<section><h2>${escapeHtml(title)}</h2>\n${renderTable({
          caption: note,
          columns: columns.map((column, i) => ({ title: column, text: i === 0 })),
          rows: cells.map((row) => row.map(escapeHtml)),
        })}</section>`,
    ),
    text: tables.map(({ title, columns, rows: cells }) => `${title}\n${drawTable([...columns], cells)}`),
  };
}

interface PlainTable {
  readonly title: string;
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: string[][];
}

function gapTable(gaps: readonly SimToLiveGap[], nameOf: (policy: string) => string): PlainTable | undefined {
  if (gaps.length === 0) return undefined;
  const beside = ({ live, simulated }: GapFigure, digits: (value: number) => string, difference: string) =>
    `${digits(live)} / ${digits(simulated)} (${difference})`;
  const percent = (figure: GapFigure) => `${formatSigned(figure.percent, 1)} %`;
  const decimal = (value: number) => formatDecimal(value);
  return {
    title: 'From simulator to lab',
    note: 'Measured / predicted by the simulator for the same policy, load and timing (difference), means over the runs.',
    columns: ['policy', 'p95 mean, ms', 'replicas', 'above SLA, %', 'pod-hours'],
    rows: gaps.map(({ policy, p95Milliseconds, meanReplicas, violationPercent, podHours }) => [
      nameOf(policy),
      beside(p95Milliseconds, formatThreeDigits, percent(p95Milliseconds)),
      beside(meanReplicas, decimal, percent(meanReplicas)),
      beside(violationPercent, decimal, `${formatSigned(violationPercent.live - violationPercent.simulated)} points`),
      beside(podHours, decimal, percent(podHours)),
    ]),
  };
}

function recoveryTable(
  series: readonly ComparisonSeries[],
  capacity: readonly CapacityChange[],
  slaP95Milliseconds: number,
  nameOf: (policy: string) => string,
): PlainTable | undefined {
  const found = series.flatMap((one) =>
    recoveriesOf(one, capacity, slaP95Milliseconds).map((recovery) => ({ policy: one.policy, recovery })),
  );
  if (found.length === 0) return undefined;
  const groups = groupInOrder(found, ({ policy, recovery }) => `${recovery.second}\n${policy}`);
  return {
    title: 'Recovery from a drop of capacity',
    note: 'From the drop until p95 is within the SLA and stays there for five minutes, by run.',
    columns: ['policy', 'drop', 'recovery', 'above SLA since, %'],
    rows: [...groups.values()].map((own) => [
      nameOf(own[0].policy),
      dropText(own[0].recovery),
      own.map(({ recovery }) => (recovery.seconds === null ? 'never' : formatDuration(recovery.seconds))).join(', '),
      formatDecimal(spreadOf(own.map(({ recovery }) => recovery.violationPercent)).mean),
    ]),
  };
}

const dropText = ({ second, from, to }: Recovery) =>
  `${formatShort(from)} → ${formatShort(to)} at ${formatDuration(second)}`;
