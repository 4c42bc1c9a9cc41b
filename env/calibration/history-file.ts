/** Histories in files; the extension says which form. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { writeFileWhole } from '../files.ts';
import type { History } from './history.ts';
import { formatHistoryCsv, parseHistoryCsv } from './history-csv.ts';
import { formatHistoryParquet, parseHistoryParquet } from './history-parquet.ts';

type HistoryForm = 'csv' | 'parquet';

/** @throws UserError HISTORY_FORM for another extension than .csv and .parquet */
export function historyFormOf(file: string, option: string): HistoryForm {
  const form = /\.(csv|parquet)$/i.exec(file)?.[1].toLowerCase();
  if (form === 'csv' || form === 'parquet') return form;
  throw new UserError('HISTORY_FORM', `${option} ${file}: the name of a history ends in .csv or .parquet`);
}

/** Whole or not at all. @throws UserError */
export async function writeHistory(file: string, history: History): Promise<void> {
  const csv = historyFormOf(file, 'history') === 'csv';
  await writeFileWhole(file, csv ? formatHistoryCsv(history) : formatHistoryParquet(history));
}

/** @throws UserError when it cannot be read or is none */
export async function readHistory(file: string, form: HistoryForm = historyFormOf(file, 'history')): Promise<History> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new UserError('HISTORY_UNREADABLE', `cannot read history ${file}: ${(cause as Error).message}`, { cause });
  }
  return form === 'csv' ? parseHistoryCsv(bytes.toString('utf8'), file) : parseHistoryParquet(bytes, file);
}
