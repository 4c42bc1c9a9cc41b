/** The CSV form of a history; docs/calibration.md describes it for those who write one themselves. */
import { parse } from 'csv-parse/sync';
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

/** Of the comment line that says what columns cannot. */
const timingKeys: Readonly<Record<keyof HistoryTiming, string>> = {
  stepSeconds: 'step',
  rateWindowSeconds: 'window',
  sampleIntervalSeconds: 'sample-interval',
  sampleAgeSeconds: 'sample-age',
};

/** Numbers with all their digits; a missing one is an empty cell. */
export function formatHistoryCsv(history: History): string {
  const timing = Object.entries(timingKeys)
    .map(([name, key]) => [key, history[name as keyof HistoryTiming]] as const)
    .filter(([, seconds]) => !Number.isNaN(seconds))
    .map(([key, seconds]) => `${key}=${seconds}`);
  const lines = [`# seconds: ${timing.join(' ')}`, columns.join(',')];
  const cell = (value: number) => (Number.isNaN(value) ? '' : String(value));
  for (const { second, service, values, startups } of rowsOf(history)) {
    lines.push([second, service, ...values.map(cell), startups.join(' ')].join(','));
  }
  return `${lines.join('\n')}\n`;
}

/** @param origin names the text in errors. @throws UserError HISTORY_INVALID with the line that is wrong */
export function parseHistoryCsv(text: string, origin: string): History {
  let records: { record: string[]; info: { lines: number } }[];
  try {
    const parsed: unknown = parse(text, {
      skip_empty_lines: true,
      trim: true,
      relax_column_count: true,
      bom: true,
      comment: '#',
      comment_no_infix: true,
      info: true,
    });
    records = parsed as typeof records;
  } catch (cause) {
    throw new UserError('HISTORY_INVALID', `${origin}: not a CSV file (${(cause as Error).message})`, { cause });
  }
  const header = records[0]?.record ?? [];
  const required = columns.filter((column) => !optionalColumns.includes(column));
  const absent = required.filter((column) => !header.includes(column));
  const unknown = header.filter((column) => !columns.includes(column));
  if (absent.length > 0 || unknown.length > 0) {
    const what = absent.length > 0 ? `no column ${absent.join(', ')}` : `unknown column ${unknown.join(', ')}`;
    throw new UserError(
      'HISTORY_INVALID',
      `${origin}: ${what}; the header is ${required.join(',')} and, where known, ${optionalColumns.join(',')}`,
    );
  }
  const body = records.slice(1);
  const line = (row: number) => `${origin}, line ${body[row].info.lines}`;
  const rows = body.map(({ record }, i) => parseRow(header, record, line(i)));
  return historyOfRows(rows, parseTiming(text, origin), origin, line);
}

function parseRow(header: readonly string[], record: readonly string[], where: string): HistoryRow {
  if (record.length !== header.length) {
    throw new UserError('HISTORY_INVALID', `${where}: needs ${header.length} columns, found ${record.length}`);
  }
  const number = (column: string, text: string): number => {
    const value = Number(text);
    if (text !== '' && Number.isFinite(value)) return value;
    throw new UserError(
      'HISTORY_INVALID',
      `${where}: ${column} "${text}" is not a number; leave the cell empty where nothing was measured`,
    );
  };
  const text = (column: string) => record[header.indexOf(column)] ?? '';
  return {
    second: number('second', text('second')),
    service: text('service'),
    values: measurementNames.map((name) => {
      const cell = text(columnOf[name]);
      return cell === '' || cell === 'NaN' ? Number.NaN : number(columnOf[name], cell);
    }),
    startups: text(startupsColumn)
      .split(' ')
      .filter((part) => part !== '')
      .map((part) => number(startupsColumn, part)),
  };
}

/** From `# seconds: step=15 window=30 sample-interval=15`, where there is such a line. */
function parseTiming(text: string, origin: string): HistoryTiming {
  const comment = /^\uFEFF?#\s*seconds:(.*)$/m.exec(text)?.[1] ?? '';
  const timing = {
    stepSeconds: Number.NaN,
    rateWindowSeconds: Number.NaN,
    sampleIntervalSeconds: Number.NaN,
    sampleAgeSeconds: Number.NaN,
  };
  for (const part of comment.split(/\s+/).filter((word) => word !== '')) {
    const [key, value] = part.split('=');
    const name = (Object.keys(timingKeys) as (keyof HistoryTiming)[]).find((one) => timingKeys[one] === key);
    const seconds = Number(value);
    if (name === undefined || !(seconds > 0) || !Number.isFinite(seconds)) {
      throw new UserError(
        'HISTORY_INVALID',
        `${origin}: "${part}" in its comment; write it like "# seconds: step=15 window=30 sample-interval=15"`,
      );
    }
    timing[name] = seconds;
  }
  return timing;
}
