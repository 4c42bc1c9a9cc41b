/** Writes what a live comparison found: rows, series, report, and a text for the terminal. */
import { join } from 'node:path';
import type { AppModel } from '../../env/apps/app-model.ts';
import type { CommandContext } from '../../env/command.ts';
import { makeFolder, writeFileWhole } from '../../env/files.ts';
import type { CapacityChange } from '../../env/simulator/capacity.ts';
import { formatSeries, type RecordedSeries, seriesFileName } from '../compare.ts';
import type { ComparisonRow } from '../comparison.ts';
import { renderComparisonPage } from '../report/compare-page.ts';
import { renderSummaryText } from '../report/text-table.ts';
import { liveSections } from './live-sections.ts';
import { isPrediction } from './sim-to-live-gap.ts';

export interface LiveReportFiles {
  /** `-` is stdout. */
  readonly json?: string;
  readonly series?: string;
  readonly html?: string;
}

export interface LiveReport {
  readonly app: AppModel;
  readonly rows: readonly ComparisonRow[];
  readonly series: readonly RecordedSeries[];
  readonly capacity: readonly CapacityChange[];
  /** HTML of further sections. */
  readonly sections?: readonly string[];
}

/** Before a run of minutes: so that it does not end in a folder that cannot be made. @throws UserError */
export async function prepareLiveReport({ series }: LiveReportFiles): Promise<void> {
  if (series !== undefined) await makeFolder(series, '--series');
}

export async function writeLiveReport(
  { app, rows, series, capacity, sections = [] }: LiveReport,
  { json, series: folder, html }: LiveReportFiles,
  { print, log, commandLine }: Pick<CommandContext, 'print' | 'log' | 'commandLine'>,
): Promise<void> {
  const { slaP95Milliseconds } = app;
  const added = liveSections({ rows, series, capacity, slaP95Milliseconds });
  if (json === '-') print(JSON.stringify(rows, null, 2));
  else {
    print([renderSummaryText(rows), ...added.text].join('\n\n'));
    if (json !== undefined) await writeFileWhole(json, `${JSON.stringify(rows, null, 2)}\n`);
  }
  if (folder !== undefined) {
    for (const one of series) {
      await writeFileWhole(join(folder, seriesFileName(one.trace, one.policy)), formatSeries(one));
    }
  }
  if (html === undefined) return;
  const page = renderComparisonPage({
    app: app.name,
    slaP95Milliseconds,
    command: commandLine,
    createdAt: new Date().toISOString(),
    // The page is about what was; what the simulator says of it is in a table of its own.
    rows: rows.filter((row) => !isPrediction(row)),
    series: series.filter((one) => !isPrediction(one)),
    frontiers: [],
    sections: [...added.html, ...sections],
  });
  await writeFileWhole(html, page);
  log(`report: ${html}`);
}
