/** Puts a comparison together into the HTML report. */
import { writeFileWhole } from '../../env/files.ts';
import { compareFrontiers } from '../compare.ts';
import type { ComparisonRow, ComparisonSeries } from '../comparison.ts';
import type { EvaluationOptions } from '../evaluate.ts';
import { tunedBaselines } from '../tune.ts';
import { renderComparisonPage } from './compare-page.ts';

export interface ComparisonPageInput {
  rows: ComparisonRow[];
  series: ComparisonSeries[];
  options: EvaluationOptions;
  /** Whether to sweep the baselines' parameters on these traces and draw the lines. */
  frontiers: boolean;
  command: string;
  log: (line: string) => void;
}

export async function writeComparisonPage(file: string, input: ComparisonPageInput): Promise<void> {
  const { rows, series, options, command, log } = input;
  const frontiers = input.frontiers ? await compareFrontiers(options, await tunedBaselines(options.app, log)) : [];
  const page = renderComparisonPage({
    app: options.app.name,
    slaP95Milliseconds: options.app.slaP95Milliseconds,
    command,
    createdAt: new Date().toISOString(),
    rows,
    series,
    frontiers,
  });
  await writeFileWhole(file, page);
}
