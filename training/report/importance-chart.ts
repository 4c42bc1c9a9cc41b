/** Which observations matter: bars of permutation importance with their spread. */

import { axisStyle, type Chart, chartColors } from '../../env/report/chart-svg.ts';
import { formatDecimal, formatShort, niceStep } from '../../env/report/number-format.ts';
import type { ObservationImportance } from '../inspection.ts';

const width = 1080;
const left = 230;
const panelGap = 44;
const barHeight = 24;
/** More bars are a list, and the page has one. */
export const importanceBars = 20;

/** Most important first: by what shuffling costs, and by how it changes decisions where the cost was not measured. */
export function byImportance(importance: readonly ObservationImportance[]): ObservationImportance[] {
  return [...importance].sort(
    (a, b) =>
      (b.scoreDrop ?? Number.NEGATIVE_INFINITY) - (a.scoreDrop ?? Number.NEGATIVE_INFINITY) ||
      b.probabilityChange - a.probabilityChange,
  );
}

interface Measure {
  name: string;
  value(one: ObservationImportance): number | null;
  deviation(one: ObservationImportance): number | null;
}

const measures: Measure[] = [
  {
    name: 'drop in mean reward when shuffled',
    value: (one) => one.scoreDrop,
    deviation: (one) => one.scoreDropDeviation,
  },
  {
    name: 'change of action probability when shuffled',
    value: (one) => one.probabilityChange,
    deviation: (one) => one.probabilityChangeDeviation,
  },
];

export function importanceChart(importance: readonly ObservationImportance[]): Chart {
  const shown = byImportance(importance).slice(0, importanceBars);
  const panels = measures.filter((measure) => shown.some((one) => measure.value(one) !== null));
  const plotWidth = (width - left - 24 - panelGap * (panels.length - 1)) / panels.length;
  const height = shown.length * barHeight + 60;
  // echarts counts categories from the bottom.
  const fromBottom = [...shown].reverse();
  return {
    id: 'importance',
    title: 'Permutation importance of the observations',
    description: `Most important first: ${shown
      .slice(0, 5)
      .map((one) => `${one.observation} (probability change ${formatDecimal(one.probabilityChange, 3)})`)
      .join(', ')}.`,
    width,
    height,
    option: {
      grid: panels.map((_, i) => ({ left: left + i * (plotWidth + panelGap), top: 8, width: plotWidth, bottom: 52 })),
      xAxis: panels.map((measure, gridIndex) => {
        const ends = shown.map((one) => (measure.value(one) ?? 0) + (measure.deviation(one) ?? 0));
        const starts = shown.map((one) => (measure.value(one) ?? 0) - (measure.deviation(one) ?? 0));
        const high = Math.max(...ends, 1e-9);
        // A whisker that barely crosses 0 is not worth a whole step of the axis.
        const lowest = Math.min(...starts, 0);
        const low = lowest > -0.05 * high ? 0 : lowest;
        const interval = niceStep(high - low, 5);
        return axisStyle({
          type: 'value',
          gridIndex,
          min: Math.floor(low / interval) * interval,
          max: Math.ceil(high / interval) * interval,
          interval,
          axisLabel: { color: chartColors.muted, fontSize: 11, formatter: formatShort },
          name: measure.name,
          nameLocation: 'middle',
          nameGap: 30,
        });
      }),
      yAxis: panels.map((_, gridIndex) =>
        axisStyle({
          type: 'category',
          gridIndex,
          data: fromBottom.map((one) => one.observation),
          axisLabel: {
            show: gridIndex === 0,
            color: chartColors.ink,
            fontSize: 12,
            interval: 0,
            width: left - 20,
            overflow: 'truncate',
          },
          axisTick: { show: false },
          splitLine: { show: false },
        }),
      ),
      series: panels.flatMap((measure, index) => barsOf(measure, fromBottom, index)),
    },
  };
}

function barsOf(measure: Measure, shown: readonly ObservationImportance[], index: number): Record<string, unknown>[] {
  const axes = { xAxisIndex: index, yAxisIndex: index };
  return [
    {
      type: 'bar',
      silent: true,
      ...axes,
      barWidth: 13,
      itemStyle: { color: index === 0 ? 'var(--policy-1)' : 'var(--policy-2)' },
      data: shown.map(measure.value),
    },
    {
      type: 'custom',
      silent: true,
      clip: true,
      ...axes,
      data: shown.flatMap((one, i) => {
        const value = measure.value(one);
        const deviation = measure.deviation(one);
        return value === null || deviation === null ? [] : [[value - deviation, i, value + deviation]];
      }),
      encode: { x: [0, 2], y: 1 },
      renderItem: (_: unknown, api: { value(i: number): number; coord(at: number[]): number[] }) => {
        const [x1, y] = api.coord([api.value(0), api.value(1)]);
        const [x2] = api.coord([api.value(2), api.value(1)]);
        return { type: 'line', shape: { x1, y1: y, x2, y2: y }, style: { stroke: chartColors.ink, lineWidth: 1.2 } };
      },
    },
  ];
}
