/** The Parquet form of a history: the columns of its CSV, a missing number being null. */
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { UserError } from '../errors.ts';
import { type History, measurementNames } from './history.ts';
import {
  columnOf,
  columns,
  type HistoryRow,
  type HistoryTiming,
  historyOfRows,
  optionalColumns,
  rowsOf,
  startupsColumn,
} from './history-rows.ts';

const timingKeys = ['stepSeconds', 'rateWindowSeconds', 'sampleIntervalSeconds', 'sampleAgeSeconds'] as const;

export function formatHistoryParquet(history: History): Uint8Array {
  const rows = [...rowsOf(history)];
  const nullable = (value: number) => (Number.isNaN(value) ? null : value);
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'second', data: rows.map((row) => row.second), type: 'DOUBLE', nullable: false },
      { name: 'service', data: rows.map((row) => row.service), type: 'STRING', nullable: false },
      ...measurementNames.map((name, i) => ({
        name: columnOf[name],
        data: rows.map((row) => nullable(row.values[i])),
        type: 'DOUBLE' as const,
      })),
      { name: startupsColumn, data: rows.map(({ startups }) => startups.join(' ')), type: 'STRING', nullable: false },
    ],
    kvMetadata: timingKeys
      .filter((key) => !Number.isNaN(history[key]))
      .map((key) => ({ key: `duoloop.${key}`, value: String(history[key]) })),
  });
  return new Uint8Array(buffer);
}

/** @param origin names the file in errors. @throws UserError HISTORY_INVALID */
export async function parseHistoryParquet(bytes: Uint8Array, origin: string): Promise<History> {
  // A copy of its own: a Buffer is a view of memory that it shares.
  const file: AsyncBuffer = new Uint8Array(bytes).buffer;
  let objects: Record<string, unknown>[];
  let timing: HistoryTiming;
  try {
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const absent = columns.filter((column) => !optionalColumns.includes(column) && !names.includes(column));
    if (absent.length > 0) throw new Error(`no column ${absent.join(', ')}`);
    const told = (key: string) =>
      Number(metadata.key_value_metadata?.find((pair) => pair.key === `duoloop.${key}`)?.value ?? Number.NaN);
    const [stepSeconds, rateWindowSeconds, sampleIntervalSeconds, sampleAgeSeconds] = timingKeys.map(told);
    timing = { stepSeconds, rateWindowSeconds, sampleIntervalSeconds, sampleAgeSeconds };
    objects = await parquetReadObjects({ file, metadata, columns: columns.filter((column) => names.includes(column)) });
  } catch (cause) {
    throw new UserError('HISTORY_INVALID', `${origin}: not a history in Parquet (${(cause as Error).message})`, {
      cause,
    });
  }
  const describe = (row: number) => `${origin}, row ${row + 1}`;
  return historyOfRows(objects.map(rowOf), timing, origin, describe);

  function rowOf(object: Record<string, unknown>, row: number): HistoryRow {
    const number = (column: string): number => {
      const value = object[column];
      if (value === null || value === undefined) return Number.NaN;
      // Other writers have whole numbers as bigint, and times as dates.
      const converted = value instanceof Date ? value.getTime() / 1000 : Number(value);
      if (typeof value !== 'string' && (typeof value === 'number' || Number.isFinite(converted))) return converted;
      throw new UserError('HISTORY_INVALID', `${describe(row)}: ${column} is not a number`);
    };
    const second = number('second');
    if (!Number.isFinite(second)) throw new UserError('HISTORY_INVALID', `${describe(row)}: second is missing`);
    const startups = String(object[startupsColumn] ?? '')
      .split(' ')
      .filter((part) => part !== '')
      .map(Number);
    if (!startups.every(Number.isFinite)) {
      throw new UserError('HISTORY_INVALID', `${describe(row)}: ${startupsColumn} is not a list of seconds`);
    }
    return {
      second,
      service: String(object.service),
      values: measurementNames.map((name) => number(columnOf[name])),
      startups,
    };
  }
}
