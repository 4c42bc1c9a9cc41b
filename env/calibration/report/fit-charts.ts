/** Charts of a calibration: what was measured, the curve through it, and its 95 % band. */
import { axisStyle, type Chart, chartColors, policyStyle } from '../../report/chart-svg.ts';
import { formatShort } from '../../report/number-format.ts';
import type { Calibration } from '../calibrate.ts';
import type { FittedCurve, Quantity } from '../fit-curve.ts';
import type { QueueingFit } from '../fit-queueing.ts';

const width = 1080;
const mostDots = 600;
const dataColor = policyStyle(4).color;
const curveColor = policyStyle(0).color;
/** An axis begins where the data do, which need not be a round number; its label would run into the first that is. */
const innerLabels = { color: chartColors.muted, fontSize: 11, showMinLabel: false, showMaxLabel: false };

const panels: readonly { quantity: Quantity; title: string }[] = [
  { quantity: 'p95Milliseconds', title: 'p95, ms' },
  { quantity: 'cpuPercent', title: 'CPU, % of request' },
  { quantity: 'memory', title: 'memory, % of limit' },
];

/** The three quantities of one replica count side by side. */
export function curveChart(curve: FittedCurve, slaP95Milliseconds: number): Chart {
  const { replicas, points } = curve;
  const samples = thinned(curve.samples);
  const loads = samples.map(({ load }) => load);
  const bounds = { min: floorTo(lowest(loads)), max: ceilTo(highest(loads)) };
  const panelWidth = 285;
  return {
    id: `curve-${replicas}`,
    title: `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}: fit against data`,
    description: `p95, CPU and memory of ${replicas} replicas against load: ${curve.samples.length} samples, a fitted curve of ${points.length} points and its 95 % band.`,
    width,
    height: 250,
    option: {
      title: panels.map(({ title }, i) => ({
        text: title,
        left: 60 + i * (panelWidth + 65),
        top: 4,
        textStyle: { fontSize: 13, fontWeight: 600, color: chartColors.ink },
      })),
      grid: panels.map((_, i) => ({ left: 60 + i * (panelWidth + 65), top: 34, width: panelWidth, height: 165 })),
      xAxis: panels.map((_, gridIndex) =>
        axisStyle({
          type: 'value',
          gridIndex,
          ...bounds,
          name: 'requests/s',
          nameLocation: 'middle',
          nameGap: 24,
          splitNumber: 4,
          axisLabel: innerLabels,
        }),
      ),
      yAxis: panels.map((_, gridIndex) =>
        axisStyle({ type: 'value', gridIndex, scale: gridIndex !== 1, splitNumber: 4 }),
      ),
      series: panels.flatMap(({ quantity }, axis) => [
        dots(
          axis,
          samples.map((sample) => [sample.load, sample[quantity]]),
        ),
        ...band(
          axis,
          points.map((point) => ({ x: point.load, ...point[quantity] })),
        ),
        {
          type: 'line',
          xAxisIndex: axis,
          yAxisIndex: axis,
          data: points.map((point) => ({
            value: [point.load, point[quantity].value],
            symbol: point.trusted ? 'circle' : 'diamond',
            symbolSize: point.trusted ? 5 : 9,
            itemStyle: { color: point.trusted ? curveColor : chartColors.violation },
          })),
          lineStyle: { color: curveColor, width: 2 },
          ...(quantity === 'p95Milliseconds' &&
            slaLine(slaP95Milliseconds, highest(samples.map((one) => one.p95Milliseconds)))),
        },
      ]),
    },
  };
}

/** Deviation of samples from the curve, percent, over load: a pattern in it is something that the fit missed. */
export function residualChart(
  id: string,
  title: string,
  load: readonly number[],
  deviationPercent: readonly number[],
): Chart {
  const pairs = thinned(load.map((x, i) => [x, deviationPercent[i]]));
  const reach = Math.max(5, Math.min(100, ceilTo(highest(pairs.map(([, y]) => Math.abs(y))))));
  return {
    id,
    title,
    description: `${title}: each point is a sample; the middle line is no deviation.`,
    width,
    height: 190,
    option: {
      grid: { left: 60, right: 20, top: 14, height: 120 },
      xAxis: axisStyle({
        type: 'value',
        min: floorTo(lowest(load)),
        max: ceilTo(highest(load)),
        name: 'requests/s',
        nameLocation: 'middle',
        nameGap: 24,
        axisLabel: innerLabels,
        axisLine: { onZero: false },
      }),
      yAxis: axisStyle({
        type: 'value',
        min: -reach,
        max: reach,
        name: '',
        splitNumber: 4,
        axisLabel: { color: chartColors.muted, fontSize: 11, formatter: '{value} %' },
      }),
      series: [dots(0, pairs)],
    },
  };
}

/** p95 at the entry, as measured and as the model has it at the same moments. */
export function entryChart({ entry, graph }: QueueingFit, slaP95Milliseconds: number): Chart {
  const pairs = (values: readonly number[]) => thinned(entry.load.map((load, i) => [load, values[i]]));
  return {
    id: 'entry-p95',
    title: `p95 at ${graph.services[0]}: measured and modelled`,
    description: `p95 against load at ${entry.load.length} moments, as measured and as the model gives it for the same load and replicas.`,
    width,
    height: 320,
    option: {
      legend: { top: 0, left: 110, textStyle: { color: chartColors.ink } },
      grid: { left: 60, right: 20, top: 34, height: 225 },
      xAxis: axisStyle({
        type: 'value',
        min: floorTo(lowest(entry.load)),
        max: ceilTo(highest(entry.load)),
        name: 'requests/s',
        nameLocation: 'middle',
        nameGap: 24,
        axisLabel: innerLabels,
      }),
      yAxis: axisStyle({ type: 'value', name: 'ms', scale: true }),
      series: [
        { ...dots(0, pairs(entry.measured)), name: 'measured', symbolSize: 6 },
        {
          ...dots(0, pairs(entry.modelled)),
          name: 'modelled',
          symbol: 'diamond',
          symbolSize: 6,
          itemStyle: { color: policyStyle(3).color },
          ...slaLine(slaP95Milliseconds, highest(entry.measured)),
        },
      ],
    },
  };
}

export function startUpChart({ startUp }: Calibration): Chart {
  const { seconds } = startUp;
  const high = Math.max(1, ceilTo(highest(seconds)));
  const bins = 20;
  const counts = new Array<number>(bins).fill(0);
  for (const value of seconds) counts[Math.min(bins - 1, Math.floor((value / high) * bins))]++;
  return {
    id: 'start-up',
    title: 'Start-up of pods',
    description: `Histogram of the start-up times of ${seconds.length} pods: median ${formatShort(startUp.medianSeconds)} s, p90 ${formatShort(startUp.p90Seconds)} s.`,
    width,
    height: 220,
    option: {
      grid: { left: 60, right: 20, top: 14, height: 150 },
      xAxis: axisStyle({
        type: 'category',
        data: counts.map((_, bin) => `${formatShort((bin * high) / bins)}–${formatShort(((bin + 1) * high) / bins)}`),
        name: 'seconds from creation until ready',
        nameLocation: 'middle',
        nameGap: 26,
      }),
      yAxis: axisStyle({ type: 'value', name: 'pods', minInterval: 1 }),
      series: [{ type: 'bar', data: counts, itemStyle: { color: curveColor }, barCategoryGap: '10%' }],
    },
  };
}

function dots(axis: number, data: readonly (readonly number[])[]): Record<string, unknown> {
  return {
    type: 'scatter',
    xAxisIndex: axis,
    yAxisIndex: axis,
    data,
    symbolSize: 4,
    itemStyle: { color: dataColor, opacity: 0.55 },
  };
}

/** Between low and high: an unseen line at low, and the difference stacked on it as an area. */
function band(axis: number, points: readonly { x: number; low: number; high: number }[]): Record<string, unknown>[] {
  const common = {
    type: 'line',
    xAxisIndex: axis,
    yAxisIndex: axis,
    stack: `band-${axis}`,
    stackStrategy: 'all',
    symbol: 'none',
    lineStyle: { opacity: 0 },
  };
  return [
    { ...common, data: points.map(({ x, low }) => [x, low]) },
    {
      ...common,
      data: points.map(({ x, low, high }) => [x, high - low]),
      areaStyle: { color: curveColor, opacity: 0.18 },
    },
  ];
}

/** Drawn only where data come near it: far above them it would flatten them. */
function slaLine(slaP95Milliseconds: number, highestMeasured: number): Record<string, unknown> {
  if (slaP95Milliseconds > 1.5 * highestMeasured) return {};
  return {
    markLine: {
      symbol: 'none',
      silent: true,
      lineStyle: { color: chartColors.violation, type: 'dashed' },
      label: { formatter: 'SLA', color: chartColors.violation, position: 'insideEndTop' },
      data: [{ yAxis: slaP95Milliseconds }],
    },
  };
}

const thinned = <T>(values: readonly T[]): readonly T[] => {
  const every = Math.ceil(values.length / mostDots);
  return values.filter((_, i) => i % every === 0);
};
const lowest = (values: readonly number[]) =>
  values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
const highest = (values: readonly number[]) => values.reduce((most, value) => Math.max(most, value), 0);

/** To two digits, so that axes end at round numbers. */
const roundTo = (value: number, round: (value: number) => number) => {
  if (!(value > 0)) return 0;
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((round(value / unit) * unit).toPrecision(6));
};
const floorTo = (value: number) => roundTo(value, Math.floor);
const ceilTo = (value: number) => roundTo(value, Math.ceil);
