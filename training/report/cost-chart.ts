/** The chart of cost against violations: a point per policy, a line per swept baseline. */

import { axisStyle, type Chart, chartColors, type PolicyStyle } from '../../env/report/chart-svg.ts';
import { formatDecimal, formatPercent, formatShort, niceStep } from '../../env/report/number-format.ts';
import type { Frontier } from '../comparison.ts';
import { recipeLabel } from './headline.ts';
import { type LabelledPoint, type Placement, placeLabels } from './label-placement.ts';
import { displayNames, type PolicySummary, recipeOf, summarizeSeeds } from './policy-summary.ts';

const width = 1080;
const height = 500;
const grid = { left: 60, right: 28, top: 16, bottom: 52 };
const labelFontSize = 12;
const symbolSize = 13;
/** Sums of decimal steps would show their rounding error. */
const tickLabels = { color: chartColors.muted, fontSize: 11, formatter: formatShort };

/** One far-off policy must not press all others into a corner: beyond `medians` medians it is drawn at the edge. */
function focusLimit(values: readonly number[], least: number, medians: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const highest = sorted[sorted.length - 1];
  const limit = Math.max(least, medians * median);
  return 1.12 * (highest > limit ? Math.max(...sorted.filter((value) => value <= limit)) : Math.max(highest, least));
}

const roundUp = (value: number, unit: number) => Math.ceil(value / unit - 1e-9) * unit;

interface Point {
  label: string;
  x: number;
  y: number;
  style: PolicyStyle;
}

/** Seeds of a recipe are all drawn, but only one of them is labelled. */
function pointsOf(summaries: readonly PolicySummary[], styles: ReadonlyMap<string, PolicyStyle>): Point[] {
  const names = displayNames(summaries.map((summary) => summary.policy));
  const seedCounts = new Map(summarizeSeeds(summaries).map((seeds) => [seeds.recipe, seeds.policies.length]));
  const labelled = new Set<string>();
  return summaries.map((summary) => {
    const recipe = recipeOf(summary.policy);
    const count = recipe === null ? undefined : seedCounts.get(recipe);
    let label = names.get(summary.policy) ?? summary.policy;
    if (recipe !== null && count !== undefined) {
      label = labelled.has(recipe) ? '' : `${recipeLabel(recipe)} (${count} seeds)`;
      labelled.add(recipe);
    }
    return {
      label,
      x: summary.meanReplicas.mean,
      y: summary.violationPercent.mean,
      style: styles.get(summary.policy) as PolicyStyle,
    };
  });
}

export function costChart(
  summaries: readonly PolicySummary[],
  frontiers: readonly Frontier[],
  styles: ReadonlyMap<string, PolicyStyle>,
): Chart {
  const points = pointsOf(summaries, styles);
  const limitX = focusLimit(
    points.map((point) => point.x),
    1,
    2.5,
  );
  const limitY = focusLimit(
    points.map((point) => point.y),
    0.5,
    4,
  );
  const stepY = niceStep(limitY, 7);
  const maxY = roundUp(limitY, stepY);
  const inView = points.filter((point) => point.x <= limitX && point.y <= maxY);
  const frontierPoints = frontiers.flatMap((line) => line.points).filter((point) => point.violationPercent <= maxY);
  const lowestX = Math.min(...inView.map((point) => point.x), ...frontierPoints.map((point) => point.meanReplicas));
  const stepX = niceStep(Math.max(limitX - lowestX, 0.5), 8);
  const minX = Math.max(0, Math.floor(lowestX / stepX) * stepX);
  const maxX = roundUp(limitX, stepX);
  const isClipped = (point: Point) => point.x > maxX || point.y > maxY;
  const textOf = (point: Point) =>
    isClipped(point) && point.label !== ''
      ? `${point.label}: off the chart, ${formatPercent(point.y)} at ${formatDecimal(point.x)} replicas`
      : point.label;
  const area = { left: grid.left, top: grid.top, right: width - grid.right, bottom: height - grid.bottom };
  const pixels = points.map((point) => ({
    x: area.left + ((Math.min(point.x, maxX) - minX) / (maxX - minX)) * (area.right - area.left),
    y: area.bottom - (Math.min(point.y, maxY) / maxY) * (area.bottom - area.top),
    text: textOf(point),
  }));
  const placements = placeLabels(pixels, area, labelFontSize);
  const scatter = points.map((point, i) => ({
    value: [Math.min(point.x, maxX), Math.min(point.y, maxY)],
    symbol: isClipped(point) ? 'arrow' : point.style.symbol,
    symbolRotate: point.y <= maxY && point.x > maxX ? -90 : 0,
    itemStyle: { color: point.style.color, borderColor: chartColors.surface, borderWidth: 1.5, opacity: 1 },
    label: labelOption(pixels[i], placements[i]),
  }));
  return {
    id: 'cost',
    title: 'Cost against violations',
    description: `Mean replicas (horizontal) against percent of time above the SLA (vertical), lower left is better. ${points
      .filter((point) => point.label !== '')
      .map((point) => `${point.label}: ${formatPercent(point.y)} at ${formatDecimal(point.x)} replicas`)
      .join('; ')}.`,
    width,
    height,
    option: {
      grid,
      xAxis: axisStyle({
        type: 'value',
        name: 'mean replicas (ready and pending) — cheaper to the left',
        nameLocation: 'middle',
        nameGap: 30,
        min: minX,
        max: maxX,
        interval: stepX,
        axisLabel: tickLabels,
      }),
      yAxis: axisStyle({
        type: 'value',
        name: 'time above the SLA, %',
        nameLocation: 'middle',
        nameGap: 40,
        min: 0,
        max: maxY,
        interval: stepY,
        axisLabel: tickLabels,
      }),
      series: [
        ...frontiers.map((frontier) => frontierSeries(frontier, styles)),
        {
          type: 'scatter',
          silent: true,
          clip: false,
          symbolSize,
          z: 5,
          data: scatter,
        },
      ],
    },
  };
}

/** echarts places a label relative to its point's centre when `position` is a pair of pixels from the symbol's corner. */
function labelOption(point: LabelledPoint, placement: Placement | null): Record<string, unknown> {
  if (placement === null) return { show: false };
  return {
    show: true,
    formatter: () => point.text,
    position: [placement.x - point.x + symbolSize / 2, placement.y - point.y + symbolSize / 2],
    align: placement.align,
    verticalAlign: 'middle',
    color: chartColors.ink,
    fontSize: labelFontSize,
    fontWeight: 600,
  };
}

export const isOracle = (frontier: Frontier) => /oracle/i.test(frontier.label);

function frontierSeries(frontier: Frontier, styles: ReadonlyMap<string, PolicyStyle>): Record<string, unknown> {
  const color = styles.get(frontier.label)?.color ?? chartColors.muted;
  return {
    type: 'line',
    silent: true,
    data: frontier.points.map((point) => [point.meanReplicas, point.violationPercent]),
    symbol: 'circle',
    symbolSize: 4,
    color,
    lineStyle: { color, width: 1.8, type: isOracle(frontier) ? 'dashed' : 'solid' },
    itemStyle: { color },
  };
}
