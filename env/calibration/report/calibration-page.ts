/** The page by which a reader judges a calibration: fit against data, and where data are too thin to trust. */
import { renderChart } from '../../report/chart-svg.ts';
import { escapeHtml, renderFacts, renderFigure, renderPage, renderTable } from '../../report/page.ts';
import type { Calibration } from '../calibrate.ts';
import type { FittedCurve } from '../fit-curve.ts';
import type { MeasuredFit } from '../fit-measured.ts';
import type { QueueingFit } from '../fit-queueing.ts';
import { interpolate } from '../local-regression.ts';
import { curveRows, factRows, serviceRows, type TextTable } from './calibration-rows.ts';
import { curveChart, entryChart, residualChart, startUpChart } from './fit-charts.ts';
import { loadChart } from './load-chart.ts';

/** One HTML document that fetches and scripts nothing. */
export function renderCalibrationPage(calibration: Calibration, commandLine: string): string {
  const { app, fit, trace, startUp, warnings } = calibration;
  const notes = warnings.map((one) => `<li>${escapeHtml(one)}</li>`).join('\n');
  const body = `<header>
<h1>Calibration of ${escapeHtml(app.name)}</h1>
<p class="note">${escapeHtml(app.description)}</p>
</header>
${renderFacts(factRows(calibration).map(([name, text]) => [name, escapeHtml(text)]))}
<section><h2>Assumed, thin or left out</h2>
${warnings.length > 0 ? `<ul>\n${notes}\n</ul>` : '<p>Nothing.</p>'}
</section>
${fit.kind === 'measured' ? measuredSection(fit, app.slaP95Milliseconds) : queueingSection(fit, app.slaP95Milliseconds)}
<section><h2>Start-up</h2>
${startUp.seconds.length > 0 ? renderFigure(renderChart(startUpChart(calibration)), 'From the creation of a pod until it was ready, pods with restarts left out. The model takes the median.', 'Histogram of start-up times') : '<p>No pod was seen to start.</p>'}
</section>
<section><h2>The trace</h2>
${renderFigure(renderChart(loadChart(trace)), 'Load at the entry. Dotted lines: a gap that is interpolated begins here.', 'Chart of the load')}
</section>
<section><h2>How this was made</h2>
<p>${escapeHtml(app.source)}</p>
<pre><code>${escapeHtml(commandLine)}</code></pre>
</section>`;
  return renderPage({ title: `Calibration of ${app.name}`, body });
}

function measuredSection(fit: MeasuredFit, slaP95Milliseconds: number): string {
  const charts = fit.curves.map((curve) => {
    const title = `${curve.replicas} ${curve.replicas === 1 ? 'replica' : 'replicas'}`;
    return `<h3>${title}</h3>
${renderFigure(renderChart(curveChart(curve, slaP95Milliseconds)), `${curve.samples.length} samples, ${curve.points.length} points.`, `Fit of ${title}`)}`;
  });
  return `<section><h2>Curves</h2>
${renderText('Scatter is the median deviation of a sample from the curve.', curveRows(fit), 2)}
<p>Dots are what was measured, averaged over minutes in which nothing scaled. The line is the curve of the model, shaded is its 95 % band, and orange diamonds are points that are not known to 10 %.</p>
${charts.join('\n')}
<h3>Residuals of p95</h3>
${renderFigure(renderChart(residualChart('residual-p95', 'Deviation of p95 from the curve', ...residualsOf(fit.curves))), 'All replica counts. What has a pattern was not caught by the curves.', 'Residuals of p95')}
</section>`;
}

function residualsOf(curves: readonly FittedCurve[]): [number[], number[]] {
  const pairs = curves.flatMap(({ points, samples }) => {
    const loads = points.map(({ load }) => load);
    const values = points.map(({ p95Milliseconds }) => p95Milliseconds.value);
    return samples.map(({ load, p95Milliseconds }) => [
      load,
      100 * (p95Milliseconds / interpolate(loads, values, load) - 1),
    ]);
  });
  return [pairs.map(([load]) => load), pairs.map(([, deviation]) => deviation)];
}

function queueingSection(fit: QueueingFit, slaP95Milliseconds: number): string {
  const { entry, graph, serving } = fit;
  const calls = serving.calls.map(({ from, to, perVisit }) => [
    escapeHtml(graph.services[from]),
    escapeHtml(graph.services[to]),
    String(perVisit),
  ]);
  const deviations = entry.measured.map((measured, i) => 100 * (measured / entry.modelled[i] - 1));
  return `<section><h2>Services</h2>
${renderText('CPU time of a visit by the utilisation law, with its 95 % interval.', serviceRows(fit), 1)}
${renderTable({
  caption: graph.origin === 'star' ? 'Calls: a star from the entry, as none were named.' : 'Calls, as named.',
  columns: [{ title: 'From', text: true }, { title: 'To', text: true }, { title: 'Visits per visit' }],
  rows: calls,
})}
<h3>Latency at the entry</h3>
${renderFigure(renderChart(entryChart(fit, slaP95Milliseconds)), 'At moments in which nothing scaled and nothing was saturated.', 'p95 measured and modelled')}
${renderFigure(renderChart(residualChart('residual-entry', 'Deviation of measured from modelled p95', entry.load, deviations)), 'What has a pattern was not caught by the model.', 'Residuals of p95')}
</section>`;
}

function renderText(caption: string, { head, rows }: TextTable, textColumns: number): string {
  return renderTable({
    caption,
    columns: head.map((title, i) => ({ title, text: i < textColumns })),
    rows: rows.map((row) => row.map(escapeHtml)),
  });
}
