/** What the verbs print, of results that were saved: tables of at most 100 columns and headlines. */
import { renderCalibrationText } from '../../env/calibration/report/calibration-text.ts';
import type { ComparedSeries } from '../../training/report/comparison-charts.ts';
import { headlineOf } from '../../training/report/headline.ts';
import { renderDetailText, renderInspectionText, renderSummaryText } from '../../training/report/text-table.ts';

export const inspection = renderInspectionText;
export const calibration = renderCalibrationText;

/** Policies by their means over the traces. */
export const summary = ({ rows }: Pick<ComparedSeries, 'rows'>) => renderSummaryText(rows);

/** Every policy on every trace. */
export const details = ({ rows }: Pick<ComparedSeries, 'rows'>) => renderDetailText(rows);

/** The checkpoint against the strongest baselines, in a sentence. */
export const headline = (comparison: Pick<ComparedSeries, 'rows' | 'frontiers'>) => headlineOf(comparison);
