/**
 * What notebooks use of Duoloop: verbs run as on a terminal, results read back, and the pictures of the reports. A notebook
 * defines nothing: what it needs is here, tested, and the same that the reports are made of.
 */
import { readFile } from 'node:fs/promises';
import { loadApp } from '../../env/apps/load-app.ts';
import type { Calibration } from '../../env/calibration/calibrate.ts';
import { UserError } from '../../env/errors.ts';
import { readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { readComparisonRows, readSeries } from '../../training/comparison-files.ts';
import { checkInspection, type Inspection } from '../../training/inspection.ts';
import type { ComparedSeries } from '../../training/report/comparison-charts.ts';
import type { TrainingRecord } from '../../training/report/training-chart.ts';

export * as pictures from './pictures.ts';
export { run } from './run-verb.ts';
export * as texts from './texts.ts';

/** The JSON of `duoloop inspect --json`. @throws UserError */
export async function readInspection(file: string): Promise<Inspection> {
  const inspection = (await readJson(file, 'duoloop inspect --json')) as Inspection;
  if (inspection?.decisionMap === undefined || inspection.identity === undefined) {
    throw new UserError('NOT_AN_INSPECTION', `${file} is no inspection; write it with duoloop inspect --json`);
  }
  checkInspection(inspection);
  return inspection;
}

/** What training left in a checkpoint: its curve and its validations. @throws UserError */
export async function readTraining(checkpoint: string): Promise<TrainingRecord> {
  const { trainingCurve, validation } = (await readCheckpoint(checkpoint)).document;
  return { trainingCurve, validation, validationBaseline: null };
}

/** The JSON of `duoloop calibrate --json`. @throws UserError */
export async function readCalibration(file: string): Promise<Calibration> {
  const calibration = (await readJson(file, 'duoloop calibrate --json')) as Calibration;
  if (calibration?.fit === undefined || calibration.trace === undefined) {
    throw new UserError('NOT_A_CALIBRATION', `${file} is no calibration; write it with duoloop calibrate --json`);
  }
  return calibration;
}

export interface ComparisonPlace {
  /** The JSON of `duoloop compare --json`. */
  readonly rows: string;
  /** The folder of `duoloop compare --series`; without it there are no pictures of traces. */
  readonly series?: string;
}

/** A comparison that was saved; its SLA is that of the app model that its rows name. @throws UserError */
export async function readComparison({ rows: file, series: folder }: ComparisonPlace): Promise<ComparedSeries> {
  const rows = await readComparisonRows(file);
  const app = await loadApp(rows[0].app);
  const series = folder === undefined ? [] : await Promise.all(rows.map((row) => readSeries(folder, row)));
  return { rows, series, frontiers: [], slaP95Milliseconds: app.slaP95Milliseconds };
}

async function readJson(file: string, origin: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UserError(
      'RESULT_UNREADABLE',
      `cannot read ${file}: ${(cause as Error).message}; write it with ${origin}`,
      {
        cause,
      },
    );
  }
}
