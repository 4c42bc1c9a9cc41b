/** The lines of a trace's panels: load, replicas and p95, thinned to what can be seen. */

import { chartColors } from '../../env/report/chart-svg.ts';
import { niceCeiling } from '../../env/report/number-format.ts';
import type { ComparisonSeries } from '../comparison.ts';
import { keepChanges, keepExtremes, stretchesAbove } from './decimation.ts';

/** Two pixels of the plot each: finer cannot be seen. */
const buckets = 424;
/** Above this many times the SLA, how bad it was no longer matters, and the scale would hide the rest. */
const p95CeilingInSlas = 30;

/** Common to all lines: echarts' hover styles have no use in a still picture. */
const still = { type: 'line', silent: true, symbol: 'none', emphasis: { disabled: true } };

function timeOf(series: ComparisonSeries, index: number): number {
  const { unitSeconds } = timeScale(series.rps.length * series.stepSeconds);
  // Four digits are a tenth of a pixel on a week.
  return Math.round((1e4 * index * series.stepSeconds) / unitSeconds) / 1e4;
}

export function loadSeries(series: ComparisonSeries): Record<string, unknown> {
  return {
    ...still,
    xAxisIndex: 0,
    yAxisIndex: 0,
    lineStyle: { color: chartColors.ink, width: 1 },
    areaStyle: { color: chartColors.muted, opacity: 0.18 },
    data: keepExtremes(series.rps, buckets).map((index) => [
      timeOf(series, index),
      Number.isNaN(series.rps[index]) ? null : Math.round(series.rps[index] * 10) / 10,
    ]),
  };
}

export function replicaSeries(
  panelHeight: number,
  axis: number,
  series: ComparisonSeries,
  sla: number,
  color?: string,
): Record<string, unknown>[] {
  const axes = { xAxisIndex: axis, yAxisIndex: axis };
  const stepPoints = (values: Int32Array) =>
    keepChanges(values, keepExtremes(values, buckets)).map((index) => [
      timeOf(series, index),
      // Negative: not known.
      values[index] < 0 ? null : values[index],
    ]);
  return [
    {
      type: 'custom',
      silent: true,
      ...axes,
      clip: true,
      data: stretchesAbove(series.p95, sla, buckets).map(([first, end]) => [
        timeOf(series, first),
        timeOf(series, end),
      ]),
      renderItem: (_: unknown, api: { value(i: number): number; coord(at: number[]): number[] }) => {
        const [x, bottom] = api.coord([api.value(0), 0]);
        const [end] = api.coord([api.value(1), 0]);
        return {
          type: 'rect',
          shape: { x, y: bottom - panelHeight, width: Math.max(1.5, end - x), height: panelHeight },
          style: { fill: chartColors.violation, opacity: 0.45 },
        };
      },
    },
    {
      ...still,
      ...axes,
      step: 'end',
      lineStyle: { color, width: 1.4 },
      areaStyle: { color, opacity: 0.16 },
      data: stepPoints(series.ready),
    },
    {
      ...still,
      ...axes,
      step: 'end',
      lineStyle: { color, width: 1, type: [3, 2], opacity: 0.75 },
      data: stepPoints(series.desired),
    },
  ];
}

export function p95Series(
  axis: number,
  series: ComparisonSeries,
  sla: number,
  range: { min: number; max: number },
  color?: string,
): Record<string, unknown>[] {
  const axes = { xAxisIndex: axis, yAxisIndex: axis };
  const within = (value: number) => Number(Math.min(range.max, Math.max(range.min, value)).toPrecision(4));
  const indices = keepExtremes(series.p95, buckets);
  const end = series.rps.length * series.stepSeconds;
  const excess = indices.map((index) => (series.p95[index] > sla ? within(series.p95[index]) : sla));
  return [
    {
      ...still,
      ...axes,
      lineStyle: { color, width: 0.9 },
      data: indices.map((index) => [
        timeOf(series, index),
        Number.isNaN(series.p95[index]) ? null : within(series.p95[index]),
      ]),
    },
    {
      ...still,
      ...axes,
      lineStyle: { width: 0 },
      areaStyle: { color: chartColors.violation, opacity: 0.75, origin: sla },
      // Where both neighbours are at the SLA too, a point adds nothing but size.
      data: indices.flatMap((index, i) =>
        excess[i] > sla || excess[i - 1] > sla || excess[i + 1] > sla || i === 0 || i === indices.length - 1
          ? [[timeOf(series, index), excess[i]]]
          : [],
      ),
    },
    {
      ...still,
      ...axes,
      lineStyle: { color: chartColors.violation, width: 1.2 },
      data: [
        [0, sla],
        [end / timeScale(end).unitSeconds, sla],
      ],
    },
  ];
}

/** From what is seen to what is worst, the SLA always inside; infinite and missing latencies do not count. */
export function p95RangeOf(series: readonly ComparisonSeries[], sla: number): { min: number; max: number } {
  let lowest = sla / 2;
  let highest = sla * 2;
  for (const { p95 } of series) {
    for (const value of p95) {
      if (value > 0 && value < lowest) lowest = value;
      if (value > highest) highest = value;
    }
  }
  return { min: Math.max(lowest, sla / 20), max: niceCeiling(Math.min(highest, p95CeilingInSlas * sla)) };
}

export function timeScale(seconds: number): { unitSeconds: number; name: string; interval: number } {
  if (seconds > 3 * 86_400) return { unitSeconds: 86_400, name: 'days since the start of the trace', interval: 1 };
  if (seconds > 2 * 3600) {
    return {
      unitSeconds: 3600,
      name: 'hours since the start of the trace',
      interval: Math.max(0.5, Math.ceil(seconds / 3600 / 12)),
    };
  }
  return {
    unitSeconds: 60,
    name: 'minutes since the start of the trace',
    interval: Math.max(1, Math.ceil(seconds / 60 / 12)),
  };
}
