/** The curves of one closed loop as three small pictures, each as wide as a telephone. */
import { axisStyle, type Chart, chartColors } from '../../env/report/chart-svg.ts';
import { formatShort, niceCeiling } from '../../env/report/number-format.ts';
import type { ClosedLoopView } from './closed-loop-view.ts';
import type { HistoryPoint, HistoryWindow } from './history.ts';

const width = 360;
const height = 132;

export const curveColors = {
  load: chartColors.ink,
  p95: 'var(--policy-1)',
  ready: 'var(--policy-1)',
  desired: chartColors.ink,
  setPoint: 'var(--policy-2)',
  hpaWouldBe: 'var(--policy-4)',
} as const;

export interface CurvesInput {
  readonly loop: ClosedLoopView;
  readonly points: readonly HistoryPoint[];
  readonly window: HistoryWindow;
  /** Unix seconds: the right end of the time axis. */
  readonly now: number;
  /** Unique on the page; letters, digits and hyphens. */
  readonly id: string;
}

type Quantity = Exclude<keyof HistoryPoint, 'second'>;
type Point = [number, number | null];

/** Undefined where nothing of it is known in the whole window. */
export function loadChart(input: CurvesInput): Chart | undefined {
  const data = curve(input, 'load');
  if (data.length === 0) return undefined;
  const peak = Math.max(...valuesOf(data));
  const line = {
    ...still,
    lineStyle: { color: curveColors.load, width: 1.2 },
    areaStyle: { color: chartColors.muted, opacity: 0.18 },
    data,
  };
  return panel(
    input,
    'load',
    'Load',
    `between ${formatShort(Math.min(...valuesOf(data)))} and ${formatShort(peak)} requests/s`,
    scale(peak),
    [line],
  );
}

/** With the limit as a line, and what is above it filled. */
export function p95Chart(input: CurvesInput): Chart | undefined {
  const data = curve(input, 'p95Milliseconds');
  if (data.length === 0) return undefined;
  const peak = Math.max(...valuesOf(data));
  const limit = input.loop.p95LimitMilliseconds;
  const series: object[] = [{ ...still, lineStyle: { color: curveColors.p95, width: 1.4 }, data }];
  if (limit !== undefined) {
    const excess = data.map(([at, value]): Point => [at, value === null ? null : Math.max(limit, value)]);
    series.push(
      {
        ...still,
        lineStyle: { width: 0 },
        areaStyle: { color: chartColors.violation, opacity: 0.7, origin: limit },
        data: excess,
      },
      {
        ...still,
        lineStyle: { color: chartColors.violation, width: 1.2 },
        data: [
          [-minutes(input), limit],
          [0, limit],
        ],
      },
    );
  }
  const words = `at most ${formatShort(peak)} ms${limit === undefined ? '' : `, limit ${formatShort(limit)} ms`}`;
  return panel(input, 'p95', 'p95 latency', words, scale(Math.max(peak, (limit ?? 0) * 1.2)), series);
}

export function replicasChart(input: CurvesInput): Chart | undefined {
  const [desired, ready] = [heldToNow(curve(input, 'desired', true)), heldToNow(curve(input, 'ready'))];
  const [setPoint, hpa] = [curve(input, 'setPoint'), curve(input, 'hpaWouldBe')];
  if (desired.length === 0 && ready.length === 0) return undefined;
  const peak = Math.max(...[desired, ready, setPoint, hpa].flatMap(valuesOf));
  const step = { ...still, step: 'end' };
  const series = [
    {
      ...step,
      lineStyle: { color: curveColors.ready, width: 1.4 },
      areaStyle: { color: curveColors.ready, opacity: 0.16 },
      data: ready,
    },
    { ...step, lineStyle: { color: curveColors.desired, width: 1.1, type: [4, 3] }, data: desired },
    { ...step, lineStyle: { color: curveColors.hpaWouldBe, width: 1.2, type: [1, 3] }, data: hpa },
    { ...step, lineStyle: { color: curveColors.setPoint, width: 1.8, type: [6, 3] }, data: setPoint },
  ].filter(({ data }) => data.length > 0);
  const now = `${valuesOf(desired).at(-1) ?? 'unknown'} wanted and ${valuesOf(ready).at(-1) ?? 'unknown'} ready at the end`;
  return panel(
    input,
    'replicas',
    'Replicas',
    now,
    { max: Math.max(2, 2 * Math.ceil((peak * 1.1) / 2)), minInterval: 1 },
    series,
  );
}

const still = { type: 'line', silent: true, symbol: 'none', emphasis: { disabled: true } };

/** Minutes before now; null where nothing was seen for longer than the window's gap, unless `holds`. */
function curve({ points, window, now }: CurvesInput, quantity: Quantity, holds = false): Point[] {
  const data: Point[] = [];
  let before: number | undefined;
  for (const point of points) {
    const value = point[quantity];
    if (value === undefined) continue;
    const at = Math.round(((point.second - now) / 60) * 1e3) / 1e3;
    if (before !== undefined && point.second - before > window.gapSeconds && !holds) data.push([at, null]);
    data.push([at, Math.round(value * 1e3) / 1e3]);
    before = point.second;
  }
  return data;
}

/** A step ends where it is known to hold: the last size holds until now, if it was seen a moment ago. */
function heldToNow(data: Point[]): Point[] {
  const last = data.at(-1);
  return last === undefined || last[0] < -1 ? data : [...data, [0, last[1]]];
}

function valuesOf(data: readonly Point[]): number[] {
  return data.flatMap(([, value]) => (value === null ? [] : [value]));
}

function scale(peak: number): { max: number } {
  return { max: niceCeiling(Math.max(peak, 1e-3)) };
}

function minutes({ window }: CurvesInput): number {
  return window.seconds / 60;
}

function panel(
  input: CurvesInput,
  name: string,
  title: string,
  words: string,
  y: { max: number; minInterval?: number },
  series: object[],
): Chart {
  const length = minutes(input);
  return {
    id: `${input.id}-${name}`,
    title: `${title} of ${input.loop.title}`,
    description: `The last ${formatShort(length)} minutes: ${words}.`,
    width,
    height,
    option: {
      grid: { left: 44, right: 10, top: 8, bottom: 24 },
      xAxis: axisStyle({
        type: 'value',
        min: -length,
        max: 0,
        interval: length / 3,
        splitLine: { show: false },
        axisLabel: {
          color: chartColors.muted,
          fontSize: 11,
          formatter: (at: number) => (at === 0 ? 'now' : `${formatShort(at)} min`),
          alignMinLabel: 'left',
          alignMaxLabel: 'right',
        },
      }),
      yAxis: axisStyle({
        type: 'value',
        min: 0,
        splitNumber: 2,
        // It would stand at now, where the axis of time has its zero.
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: chartColors.muted, fontSize: 11, formatter: formatShort },
        ...y,
      }),
      series,
    },
  };
}
