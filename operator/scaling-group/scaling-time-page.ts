/** The scaling-time experiment as one HTML document: chart and table, nothing fetched, no script. */
import { LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { ScalingTime } from './scaling-time.ts';
import { type ScalingTimeSummary, type Spread, summarizeScalingTimes } from './scaling-time-results.ts';

use([LineChart, ScatterChart, GridComponent, LegendComponent, SVGRenderer]);

export interface ScalingTimePage {
  readonly samples: readonly ScalingTime[];
  readonly server: string;
  readonly commandLine: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

// Of Okabe and Ito's palette, which colour-blind readers can tell apart.
const colors: Readonly<Record<string, string>> = { 'at once': '#0072b2', 'one after another': '#d55e00' };
const points = [
  { label: 'last patch accepted', field: 'patchedMilliseconds', dash: 'dashed' },
  { label: 'last member ready', field: 'readyMilliseconds', dash: 'solid' },
] as const;

export function renderScalingTimePage({ samples, server, commandLine, createdAt }: ScalingTimePage): string {
  const summaries = summarizeScalingTimes(samples);
  const latency = samples[0]?.latencyMilliseconds ?? 0;
  const title = 'How long a group takes to scale';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>
body{margin:0 auto;max-width:960px;padding:24px 20px;background:#fff;color:#1b1f24;font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px;margin:0 0 4px}svg{width:100%;height:auto}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}caption{text-align:left;color:#59636e}
th,td{padding:4px 10px;border-bottom:1px solid #e3e7ec;text-align:right}th:nth-child(2),td:nth-child(2){text-align:left}
code{overflow-wrap:anywhere}
</style>
</head>
<body>
<h1>${title}</h1>
<p>Every member goes from one replica to two${latency > 0 ? `, with ${latency} ms added to every request of the controller` : ''}. A point is one repetition, a line joins the medians.</p>
${renderChart(samples, summaries, title)}
<div class="scroll">${renderTable(summaries)}</div>
<p>Measured ${escapeHtml(createdAt)} on ${escapeHtml(server)} with <code>${escapeHtml(commandLine)}</code></p>
</body>
</html>
`;
}

function renderChart(samples: readonly ScalingTime[], summaries: readonly ScalingTimeSummary[], title: string): string {
  const modes = [...new Set(summaries.map(({ mode }) => mode))];
  const series = modes.flatMap((mode) =>
    points.flatMap(({ label, field, dash }) => [
      {
        type: 'line',
        name: `${mode}: ${label}`,
        data: summaries.filter((row) => row.mode === mode).map((row) => [row.members, row[field].median]),
        lineStyle: { color: colors[mode], type: dash },
        itemStyle: { color: colors[mode] },
        symbolSize: 6,
      },
      {
        type: 'scatter',
        data: samples.filter((sample) => sample.mode === mode).map((sample) => [sample.members, sample[field]]),
        itemStyle: { color: colors[mode], opacity: 0.3 },
        symbolSize: 4,
      },
    ]),
  );
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 920, height: 440 });
  try {
    chart.setOption({
      animation: false,
      legend: { top: 0, data: modes.flatMap((mode) => points.map(({ label }) => `${mode}: ${label}`)) },
      grid: { left: 60, right: 20, top: 50, bottom: 45 },
      xAxis: { type: 'value', name: 'members', nameLocation: 'middle', nameGap: 28, minInterval: 1 },
      yAxis: { type: 'value', name: 'ms after the request' },
      series,
    });
    return chart.renderToSVGString().replace('<svg ', `<svg role="img" aria-label="${title}, by number of members" `);
  } finally {
    // Without this its timers keep the process alive.
    chart.dispose();
  }
}

function renderTable(summaries: readonly ScalingTimeSummary[]): string {
  const cell = ({ lowest, median, highest }: Spread) => `<td>${median} (${lowest}–${highest})</td>`;
  const rows = summaries.map(
    (row) =>
      `<tr><td>${row.members}</td><td>${row.mode}</td><td>${row.repetitions}</td>${cell(row.patchedMilliseconds)}${cell(row.readyMilliseconds)}</tr>`,
  );
  return `<table><caption>Milliseconds after the request: median (lowest–highest)</caption>
<thead><tr><th>members</th><th>patches</th><th>repetitions</th><th>last patch accepted</th><th>last member ready</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
