/** The scaling-time experiment as one HTML document: chart and table, nothing fetched, no script. */
import { axisStyle, chartColors, policyStyle, renderChart } from '../../env/report/chart-svg.ts';
import { escapeHtml, renderFigure, renderPage, renderTable } from '../../env/report/page.ts';
import type { ScalingTime } from './scaling-time.ts';
import { type ScalingTimeSummary, type Spread, summarizeScalingTimes } from './scaling-time-results.ts';

export interface ScalingTimePage {
  readonly samples: readonly ScalingTime[];
  readonly server: string;
  readonly commandLine: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

const points = [
  { label: 'last patch accepted', field: 'patchedMilliseconds', dash: 'dashed' },
  { label: 'last member ready', field: 'readyMilliseconds', dash: 'solid' },
] as const;
const title = 'How long a group takes to scale';

export function renderScalingTimePage({ samples, server, commandLine, createdAt }: ScalingTimePage): string {
  const summaries = summarizeScalingTimes(samples);
  const latency = samples[0]?.latencyMilliseconds ?? 0;
  const injected = latency > 0 ? `, with ${latency} ms added to every request of the controller` : '';
  return renderPage({
    title,
    body: `<h1>${title}</h1>
<p>Every member goes from one replica to two${injected}.</p>
${renderFigure(drawChart(samples, summaries), 'A point is one repetition, a line joins the medians.', title)}
${renderTimes(summaries)}
<p class="note">Measured ${escapeHtml(createdAt)} on ${escapeHtml(server)} with <code>${escapeHtml(commandLine)}</code></p>`,
  });
}

function drawChart(samples: readonly ScalingTime[], summaries: readonly ScalingTimeSummary[]): string {
  const modes = [...new Set(summaries.map(({ mode }) => mode))];
  const series = modes.flatMap((mode, index) => {
    const { color, symbol } = policyStyle(index);
    return points.flatMap(({ label, field, dash }) => [
      {
        type: 'line',
        name: `${mode}: ${label}`,
        data: summaries.filter((row) => row.mode === mode).map((row) => [row.members, row[field].median]),
        lineStyle: { color, type: dash },
        itemStyle: { color },
        symbol,
        symbolSize: 6,
      },
      {
        type: 'scatter',
        data: samples.filter((sample) => sample.mode === mode).map((sample) => [sample.members, sample[field]]),
        itemStyle: { color, opacity: 0.3 },
        symbolSize: 4,
      },
    ]);
  });
  return renderChart({
    id: 'scaling-time',
    title,
    description: 'Milliseconds from the request until the last member was patched and ready, by number of members.',
    width: 1000,
    height: 440,
    option: {
      legend: {
        top: 0,
        // Wide enough to show which line is dashed.
        itemWidth: 44,
        textStyle: { color: chartColors.ink },
        data: modes.flatMap((mode) => points.map(({ label }) => `${mode}: ${label}`)),
      },
      grid: { left: 70, right: 20, top: 40, bottom: 45 },
      xAxis: axisStyle({ type: 'value', name: 'members', nameLocation: 'middle', nameGap: 28, minInterval: 1 }),
      yAxis: axisStyle({ type: 'value', name: 'ms after the request', nameLocation: 'middle', nameGap: 44 }),
      series,
    },
  });
}

function renderTimes(summaries: readonly ScalingTimeSummary[]): string {
  const cell = ({ lowest, median, highest }: Spread) => `${median} (${lowest}–${highest})`;
  return renderTable({
    caption: 'Milliseconds after the request: median (lowest–highest)',
    columns: [
      { title: 'members' },
      { title: 'patches', text: true },
      { title: 'repetitions' },
      { title: 'last patch accepted' },
      { title: 'last member ready' },
    ],
    rows: summaries.map((row) => [
      `${row.members}`,
      escapeHtml(row.mode),
      `${row.repetitions}`,
      cell(row.patchedMilliseconds),
      cell(row.readyMilliseconds),
    ]),
  });
}
