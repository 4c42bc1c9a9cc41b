/** One trace: load, replicas of every policy and p95 of every policy, stacked over one time axis. */

import { axisStyle, type Chart, chartColors, type PolicyStyle } from '../../env/report/chart-svg.ts';
import {
  formatDecimal,
  formatPercent,
  formatShort,
  formatThreeDigits,
  niceCeiling,
} from '../../env/report/number-format.ts';
import type { ComparisonRow, ComparisonSeries } from '../comparison.ts';
import { loadSeries, p95RangeOf, p95Series, replicaSeries, timeScale } from './trace-series.ts';

const width = 1080;
const left = 56;
const right = 176;
const plotWidth = width - left - right;
const headingHeight = 30;
const loadHeight = 84;
const rowHeight = 52;
const rowGap = 15;

export interface TraceChartInput {
  /** Unique on the page. */
  id: string;
  trace: string;
  slaP95Milliseconds: number;
  /** One per policy, in drawing order; at least one. */
  series: readonly ComparisonSeries[];
  rows: ReadonlyMap<string, ComparisonRow>;
  names: ReadonlyMap<string, string>;
  styles: ReadonlyMap<string, PolicyStyle>;
}

interface Panels {
  grid: Record<string, unknown>[];
  xAxis: Record<string, unknown>[];
  yAxis: Record<string, unknown>[];
  title: Record<string, unknown>[];
  series: Record<string, unknown>[];
}

export function traceChart(input: TraceChartInput): Chart {
  const { series, slaP95Milliseconds } = input;
  const panels: Panels = { grid: [], xAxis: [], yAxis: [], title: [], series: [] };
  const replicasMax = Math.max(1, ...series.map((one) => Math.max(maxOf(one.desired), maxOf(one.ready))));
  const p95Range = p95RangeOf(series, slaP95Milliseconds);
  let top = 0;

  top = heading(panels, top, 'Offered load, requests/s', '');
  const peak = Math.max(1, maxOf(series[0].rps));
  addPanel(panels, series[0], top, loadHeight, false, {
    type: 'value',
    min: 0,
    max: niceCeiling(peak),
    splitNumber: 2,
  });
  panels.series.push(loadSeries(series[0]));
  top += loadHeight + rowGap;

  top = heading(
    panels,
    top,
    'Replicas',
    'filled: ready · dashed: desired (ready and pending) · shaded: p95 above the SLA',
  );
  for (const one of series) {
    addPanel(panels, one, top, rowHeight, false, {
      type: 'value',
      min: 0,
      max: evenCeiling(replicasMax),
      interval: evenCeiling(replicasMax) / 2,
    });
    addRowLabel(
      panels,
      input,
      one,
      top,
      (row) => `${formatDecimal(row.meanReplicas)} replicas\n${row.scalingActions} changes`,
    );
    panels.series.push(
      ...replicaSeries(rowHeight, panels.grid.length - 1, one, slaP95Milliseconds, input.styles.get(one.policy)?.color),
    );
    top += rowHeight + rowGap;
  }

  top = heading(panels, top, 'p95 latency, ms (log scale)', `line: SLA, ${formatShort(slaP95Milliseconds)} ms`);
  for (const [i, one] of series.entries()) {
    addPanel(panels, one, top, rowHeight, i === series.length - 1, {
      type: 'log',
      ...p95Range,
      axisLabel: {
        color: chartColors.muted,
        fontSize: 11,
        customValues: [slaP95Milliseconds, p95Range.max],
        formatter: formatShort,
      },
      axisTick: { customValues: [slaP95Milliseconds, p95Range.max], lineStyle: { color: chartColors.muted } },
      splitLine: { show: false },
      minorSplitLine: { show: false },
    });
    addRowLabel(
      panels,
      input,
      one,
      top,
      (row) =>
        `${formatPercent(row.violationPercent)} above SLA\nmean ${formatThreeDigits(row.p95Milliseconds.mean)} ms`,
    );
    panels.series.push(
      ...p95Series(panels.grid.length - 1, one, slaP95Milliseconds, p95Range, input.styles.get(one.policy)?.color),
    );
    top += rowHeight + rowGap;
  }

  return {
    id: input.id,
    title: `Load, replicas and p95 on ${input.trace}`,
    description: `Over the trace ${input.trace}: ${[...input.rows.values()]
      .map(
        (row) =>
          `${input.names.get(row.policy)} ${formatPercent(row.violationPercent)} of time above the SLA at ${formatDecimal(row.meanReplicas)} replicas`,
      )
      .join('; ')}.`,
    width,
    height: top + 38,
    option: { ...panels },
  };
}

function heading(panels: Panels, top: number, text: string, hint: string): number {
  const common = { top: top + 8, padding: 0 };
  panels.title.push(
    { ...common, text, left: left - 6, textStyle: { fontSize: 13, fontWeight: 600, color: chartColors.ink } },
    // At the far end of the plot, where no font can make it run into the heading.
    {
      ...common,
      text: hint,
      left: left + plotWidth,
      textAlign: 'right',
      textStyle: { fontSize: 12, fontWeight: 400, color: chartColors.muted },
    },
  );
  return top + headingHeight;
}

function addPanel(
  panels: Panels,
  series: ComparisonSeries,
  top: number,
  height: number,
  labelled: boolean,
  yAxis: Record<string, unknown>,
): void {
  const gridIndex = panels.grid.length;
  const seconds = series.rps.length * series.stepSeconds;
  const time = timeScale(seconds);
  panels.grid.push({ left, top, width: plotWidth, height });
  panels.xAxis.push(
    axisStyle({
      type: 'value',
      gridIndex,
      min: 0,
      max: seconds / time.unitSeconds,
      interval: time.interval,
      axisTick: { show: labelled, lineStyle: { color: chartColors.muted } },
      axisLabel: { show: labelled, color: chartColors.muted, fontSize: 11, showMaxLabel: true, hideOverlap: true },
      axisLine: { onZero: false, lineStyle: { color: chartColors.muted } },
      name: labelled ? time.name : '',
      nameLocation: 'middle',
      nameGap: 24,
    }),
  );
  panels.yAxis.push(axisStyle({ gridIndex, ...yAxis }));
}

function addRowLabel(
  panels: Panels,
  input: TraceChartInput,
  series: ComparisonSeries,
  top: number,
  figures: (row: ComparisonRow) => string,
): void {
  const row = input.rows.get(series.policy);
  const name = input.names.get(series.policy) ?? series.policy;
  panels.title.push({
    text: name,
    subtext: row ? figures(row) : '',
    left: left + plotWidth + 10,
    top: top + 1,
    padding: 0,
    itemGap: 3,
    textStyle: {
      fontSize: 12,
      fontWeight: 600,
      color: input.styles.get(series.policy)?.color,
      width: right - 14,
      overflow: 'truncate',
    },
    subtextStyle: { fontSize: 11, lineHeight: 14, color: chartColors.muted },
  });
}

const evenCeiling = (value: number) => 2 * Math.ceil(value / 2);

function maxOf(values: ArrayLike<number>): number {
  let highest = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > highest) highest = values[i];
  return highest;
}
