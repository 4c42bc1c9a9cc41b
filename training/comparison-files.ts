/** Reads back what `duoloop compare --json --series` wrote. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { UserError } from '../env/errors.ts';
import { seriesFileName } from './compare.ts';
import type { ComparisonRow, ComparisonSeries } from './comparison.ts';

const figure = z.number();

const comparisonRowSchema: z.ZodType<ComparisonRow> = z.object({
  app: z.string().describe('Name of the app model.'),
  trace: z.string().describe("Base name of the trace's file."),
  policy: z.string().describe('As named on the command line.'),
  steps: z.int().min(1).describe('Ticks that were played.'),
  stepSeconds: figure.positive().describe('Length of a tick.'),
  violationPercent: figure.describe('Share of steps whose true p95 was above the SLA.'),
  meanReplicas: figure.describe('Ready and pending pods of all services, mean over the steps.'),
  podHours: figure.describe('The same, summed over time.'),
  scalingActions: figure.describe('Changes of desired replicas, all services together.'),
  p95Milliseconds: z
    .object({ mean: figure.describe('Over the steps.'), max: figure.describe('Of the worst step.') })
    .describe('p95 latency at the entry.'),
});

/** The JSON of `duoloop compare`. */
export const comparisonRowsSchema = z.array(comparisonRowSchema).min(1);

/** The columns of a series CSV that concern the application as a whole. */
export const seriesColumns = {
  second: 'Since the beginning of the trace, a row a tick.',
  rps: 'Offered load, requests/s.',
  desired: 'Ready and pending pods.',
  ready: 'Pods that serve.',
  p95: 'p95 latency at the entry, milliseconds; empty where it is not known.',
  cpu: 'CPU of a ready pod on average, percent of its request; empty where it is not known.',
} as const;

/** @throws UserError COMPARISON_UNREADABLE naming the file and what is wrong in it */
export async function readComparisonRows(file: string): Promise<ComparisonRow[]> {
  const text = await readText(file);
  const unreadable = (what: string, cause: unknown) =>
    new UserError('COMPARISON_UNREADABLE', `${file}: ${what}; write it with duoloop compare --json`, { cause });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw unreadable((cause as Error).message, cause);
  }
  const parsed = comparisonRowsSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw unreadable(`${path.join('.') || 'the whole'}: ${message}`, parsed.error);
}

/** The series of a row, as `duoloop compare --series` left it in `folder`. @throws UserError COMPARISON_UNREADABLE */
export async function readSeries(folder: string, row: ComparisonRow): Promise<ComparisonSeries> {
  const file = join(folder, seriesFileName(row.trace, row.policy));
  const text = await readText(file);
  let records: Record<string, string>[];
  try {
    records = parse(text, { columns: true, skip_empty_lines: true });
  } catch (cause) {
    throw new UserError('COMPARISON_UNREADABLE', `${file}: not a CSV file (${(cause as Error).message})`, { cause });
  }
  const column = (name: keyof typeof seriesColumns, missing: number) =>
    records.map((record, i) => {
      const field = record[name];
      const value = field === '' ? missing : Number(field);
      if (field !== undefined && !(Number.isNaN(value) && field !== '')) return value;
      throw new UserError('COMPARISON_UNREADABLE', `${file}, row ${i + 1}: ${name} is "${field ?? ''}", not a number`);
    });
  return {
    trace: row.trace,
    policy: row.policy,
    stepSeconds: row.stepSeconds,
    rps: Float32Array.from(column('rps', Number.NaN)),
    desired: Int32Array.from(column('desired', -1)),
    ready: Int32Array.from(column('ready', -1)),
    p95: Float32Array.from(column('p95', Number.NaN)),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError('COMPARISON_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
