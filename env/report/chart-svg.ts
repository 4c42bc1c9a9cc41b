/** Charts as static SVG text: echarts drawn in plain Node, made fit to be pasted into a page. */
import { BarChart, CustomChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TitleComponent,
  VisualMapComponent,
} from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { LabelLayout } from 'echarts/features';
import { SVGRenderer } from 'echarts/renderers';
import { escapeHtml } from './page.ts';

use([
  BarChart,
  CustomChart,
  HeatmapChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TitleComponent,
  VisualMapComponent,
  LabelLayout,
  SVGRenderer,
]);

/** Colours are CSS variables of the page, so that one SVG serves light and dark. */
export const chartColors = {
  ink: 'var(--ink)',
  muted: 'var(--muted)',
  rule: 'var(--rule)',
  surface: 'var(--surface)',
  /** Kept for the SLA and time above it; no policy has it. */
  violation: 'var(--violation)',
} as const;

/** After Okabe and Ito's colour-blind-safe palette (the page adapts it to light and dark), without vermilion, which stands for violations, and yellow, too pale on white. */
const policyColorCount = 7;
const policySymbols = ['circle', 'rect', 'triangle', 'diamond', 'pin'] as const;

export interface PolicyStyle {
  color: string;
  symbol: (typeof policySymbols)[number];
}

/** Colours in the order given; beyond the palette they come again with another symbol. */
export function policyStyle(index: number): PolicyStyle {
  return {
    color: `var(--policy-${(index % policyColorCount) + 1})`,
    symbol: policySymbols[Math.floor(index / policyColorCount) % policySymbols.length],
  };
}

export interface Chart {
  /** Unique on its page; letters, digits and hyphens. */
  id: string;
  title: string;
  /** Says in words what the chart shows, for those who cannot see it. */
  description: string;
  /** Pixels at full size; the page scales it down. */
  width: number;
  height: number;
  option: EChartsCoreOption;
}

export const chartFontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/** An `<svg>` element of the chart. The same chart gives the same text. */
export function renderChart(chart: Chart): string {
  const instance = init(null, null, { renderer: 'svg', ssr: true, width: chart.width, height: chart.height });
  try {
    instance.setOption({
      animation: false,
      textStyle: { fontFamily: chartFontFamily, color: chartColors.ink },
      ...chart.option,
    });
    return adoptSvg(instance.renderToSVGString(), chart);
  } finally {
    // Without this its timers keep the process alive.
    instance.dispose();
  }
}

/** Makes ids unique per page instead of per process, drops hover styles, shortens coordinates and adds the text alternative. */
function adoptSvg(svg: string, chart: Chart): string {
  const body = svg
    .replace(/<style\s*>[\s\S]*?<\/style>/g, '')
    .replace(/ class="zr\d+-cls-\d+"/g, '')
    .replace(/ pointer-events="visible"/g, '')
    .replace(/(["#(])zr\d+-/g, `$1${chart.id}-`)
    .replace(/<rect width="\d+" height="\d+" x="0" y="0" id="0" fill="none"><\/rect>/, '')
    .replace(/ d="[^"]+"/g, (path) => path.replace(/(\d+\.\d)\d+/g, '$1'))
    .replace(/>\n</g, '><');
  const start = body.indexOf('>') + 1;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${chart.width} ${chart.height}" width="${chart.width}" height="${chart.height}" role="img" aria-labelledby="${chart.id}-title ${chart.id}-description">`;
  const texts = `<title id="${chart.id}-title">${escapeHtml(chart.title)}</title><desc id="${chart.id}-description">${escapeHtml(chart.description)}</desc>`;
  return open + texts + body.slice(start);
}

/** An axis in the report's looks; what is passed wins. */
export function axisStyle(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    axisLine: { lineStyle: { color: chartColors.muted } },
    axisTick: { lineStyle: { color: chartColors.muted } },
    axisLabel: { color: chartColors.muted, fontSize: 11 },
    nameTextStyle: { color: chartColors.muted, fontSize: 12 },
    splitLine: { lineStyle: { color: chartColors.rule } },
    ...overrides,
  };
}
