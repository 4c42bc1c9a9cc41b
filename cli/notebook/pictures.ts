/** The charts of the reports as pictures: SVG text that stands alone. */
import type { Calibration } from '../../env/calibration/calibrate.ts';
import { curveChart, entryChart, startUpChart } from '../../env/calibration/report/fit-charts.ts';
import { loadChart } from '../../env/calibration/report/load-chart.ts';
import { UserError } from '../../env/errors.ts';
import type { Chart } from '../../env/report/chart-svg.ts';
import { renderPicture } from '../../env/report/picture.ts';
import type { Inspection } from '../../training/inspection.ts';
import {
  type ComparedPolicies,
  type ComparedSeries,
  comparisonCostChart,
  comparisonTraceChart,
} from '../../training/report/comparison-charts.ts';
import { importanceChart } from '../../training/report/importance-chart.ts';
import { inspectedDecisionMap } from '../../training/report/inspect-page.ts';
import { type TrainingRecord, trainingChart } from '../../training/report/training-chart.ts';

/** What a policy does over load and group size. */
export const decisionMap = (inspection: Inspection) => renderPicture(inspectedDecisionMap(inspection));

/** Which observations matter to a policy. */
export const importance = (inspection: Inspection) => renderPicture(importanceChart(inspection.permutationImportance));

/** How training went. @throws UserError NOTHING_TO_DRAW when nothing was recorded */
export const training = (record: TrainingRecord) => drawn(trainingChart(record), 'no training curve was recorded');

/** Replicas against time above the SLA, a point per policy. */
export const cost = (comparison: ComparedPolicies) => renderPicture(comparisonCostChart(comparison));

/** Load, replicas and p95 of every policy on a trace. @throws UserError NOTHING_TO_DRAW when no series of it was kept */
export const trace = (comparison: ComparedSeries, name: string) =>
  drawn(comparisonTraceChart(comparison, name, `trace-${name}`), `no series of the trace ${name} were kept`);

/** Measured and fitted p95, CPU and memory of one replica count. @throws UserError NOTHING_TO_DRAW when it was not seen */
export function curve({ fit, app }: Calibration, replicas: number): string {
  const curves = fit.kind === 'measured' ? fit.curves : [];
  const found = curves.find((one) => one.replicas === replicas);
  const seen = curves.map((one) => one.replicas).join(', ') || 'none: several services are fitted as queues';
  return drawn(found && curveChart(found, app.slaP95Milliseconds), `no curve of ${replicas} replicas; seen: ${seen}`);
}

/** Measured and modelled p95 at the entry of several services. @throws UserError NOTHING_TO_DRAW of a single service */
export function entry({ fit, app }: Calibration): string {
  const chart = fit.kind === 'queueing' ? entryChart(fit, app.slaP95Milliseconds) : undefined;
  return drawn(chart, 'a single service is fitted by curves: see curve');
}

/** How long pods took to become ready. @throws UserError NOTHING_TO_DRAW when none was seen to start */
export const startUp = (calibration: Calibration) =>
  drawn(calibration.startUp.seconds.length > 0 ? startUpChart(calibration) : null, 'no pod was seen to start');

/** The trace that was extracted from a history. */
export const load = (calibration: Calibration) => renderPicture(loadChart(calibration.trace));

function drawn(chart: Chart | null | undefined, otherwise: string): string {
  if (!chart) throw new UserError('NOTHING_TO_DRAW', otherwise);
  return renderPicture(chart);
}
