/** How training went: one small panel per figure, all against environment steps. */

import { axisStyle, type Chart, chartColors } from '../../env/report/chart-svg.ts';
import { formatCount, formatDuration, formatPercent, formatShort, niceStep } from '../../env/report/number-format.ts';
import type { Inspection, TrainingCurvePoint, ValidationPoint } from '../inspection.ts';

const width = 1080;
const columns = 2;
const left = 60;
const columnGap = 76;
const plotWidth = (width - left - 24 - columnGap * (columns - 1)) / columns;
const plotHeight = 120;
const headingHeight = 34;
const axisHeight = 46;
const panelHeight = headingHeight + plotHeight + axisHeight;

interface Figure {
  title: string;
  of(point: TrainingCurvePoint): number | null;
  validation?(point: ValidationPoint): number;
  baseline?(inspection: TrainingRecord): number | undefined;
}

const figures: Figure[] = [
  { title: 'Reward, mean of a decision', of: (point) => point.reward },
  {
    title: 'Time above the SLA, %',
    of: (point) => point.violationPercent,
    validation: (point) => point.violationPercent,
    baseline: ({ validationBaseline }) => validationBaseline?.violationPercent,
  },
  {
    title: 'Replicas, mean',
    of: (point) => point.meanReplicas,
    validation: (point) => point.meanReplicas,
    baseline: ({ validationBaseline }) => validationBaseline?.meanReplicas,
  },
  { title: 'Entropy of the actions, nats', of: (point) => point.entropy },
  { title: 'KL divergence of an update, nats', of: (point) => point.klDivergence },
  { title: 'Lagrange multiplier (weight of a violation)', of: (point) => point.lagrangeMultiplier },
];

/** What a training left behind; a checkpoint has it as well, without a baseline. */
export type TrainingRecord = Pick<Inspection, 'trainingCurve' | 'validation' | 'validationBaseline'>;

/** Null when nothing was recorded. Figures without any value get no panel. */
export function trainingChart(inspection: TrainingRecord): Chart | null {
  const { trainingCurve, validation } = inspection;
  const shown = figures.filter(
    (figure) =>
      trainingCurve.some((point) => figure.of(point) !== null) || (figure.validation && validation.length > 0),
  );
  if (shown.length === 0) return null;
  const steps = Math.max(
    ...trainingCurve.map((point) => point.environmentSteps),
    ...validation.map((point) => point.environmentSteps),
    1,
  );
  const seconds = Math.max(
    ...trainingCurve.map((point) => point.seconds),
    ...validation.map((point) => point.seconds),
    0,
  );
  const panels = shown.map((figure, i) => panel(inspection, figure, i, steps));
  const last = validation[validation.length - 1];
  return {
    id: 'training',
    title: 'Training curve',
    description: `${formatCount(steps)} environment steps in ${formatDuration(seconds)}.${
      last
        ? ` The last validation has ${formatPercent(last.violationPercent)} of time above the SLA at ${formatShort(last.meanReplicas)} replicas.`
        : ''
    }`,
    width,
    height: Math.ceil(shown.length / columns) * panelHeight,
    option: {
      title: panels.map((one) => one.title),
      grid: panels.map((one) => one.grid),
      xAxis: panels.map((one) => one.xAxis),
      yAxis: panels.map((one) => one.yAxis),
      series: panels.flatMap((one) => one.series),
    },
  };
}

function panel(inspection: TrainingRecord, figure: Figure, index: number, steps: number) {
  const x = left + (index % columns) * (plotWidth + columnGap);
  const y = Math.floor(index / columns) * panelHeight;
  const axes = { xAxisIndex: index, yAxisIndex: index };
  const curve = inspection.trainingCurve.map((point) => [point.environmentSteps, figure.of(point)]);
  const checks = inspection.validation.map((point) => [point.environmentSteps, figure.validation?.(point)]);
  const baseline = figure.baseline?.(inspection);
  const series: Record<string, unknown>[] = [
    {
      type: 'line',
      silent: true,
      ...axes,
      symbol: 'none',
      lineStyle: { color: 'var(--policy-1)', width: 1.2 },
      data: curve,
    },
  ];
  if (figure.validation) {
    series.push({
      type: 'line',
      silent: true,
      ...axes,
      symbol: 'circle',
      symbolSize: 6,
      lineStyle: { color: 'var(--policy-4)', width: 1.4 },
      itemStyle: { color: 'var(--policy-4)', opacity: 1 },
      data: checks,
    });
  }
  if (baseline !== undefined) {
    series.push({
      type: 'line',
      silent: true,
      ...axes,
      symbol: 'none',
      lineStyle: { color: chartColors.ink, width: 1.2, type: 'dashed' },
      data: [
        [0, baseline],
        [steps, baseline],
      ],
    });
  }
  const scale = valueScale([...curve, ...checks].map((point) => point[1]).concat(baseline));
  return {
    title: {
      text: figure.title,
      left: x - 6,
      top: y + 8,
      padding: 0,
      textStyle: { fontSize: 13, fontWeight: 600, color: chartColors.ink },
    },
    grid: { left: x, top: y + headingHeight, width: plotWidth, height: plotHeight },
    xAxis: axisStyle({
      type: 'value',
      gridIndex: index,
      min: 0,
      max: steps,
      splitNumber: 4,
      axisLabel: { color: chartColors.muted, fontSize: 11, showMaxLabel: false, formatter: formatCount },
      axisLine: { onZero: false, lineStyle: { color: chartColors.muted } },
      name: 'environment steps',
      nameLocation: 'middle',
      nameGap: 24,
    }),
    yAxis: axisStyle({
      type: 'value',
      gridIndex: index,
      ...scale,
      axisLabel: { color: chartColors.muted, fontSize: 11, formatter: formatShort },
    }),
    series,
  };
}

/** The first updates of a run can be far off; the scale follows the middle 96 % and always holds the last value. */
function valueScale(values: readonly (number | null | undefined)[]): { min: number; max: number; interval: number } {
  const known = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  const sorted = [...known].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const low = Math.min(
    at(0.02),
    known[known.length - 1] ?? 0,
    at(0.02) > 0 && at(0.02) < at(0.98) / 3 ? 0 : Number.POSITIVE_INFINITY,
  );
  const high = Math.max(at(0.98), known[known.length - 1] ?? 0);
  const interval = niceStep(Math.max(high - low, Math.abs(high) * 0.05, 1e-6), 4);
  return { min: Math.floor(low / interval) * interval, max: Math.ceil(high / interval + 1e-9) * interval, interval };
}
