/** A trace: offered load over time, held from each row to the next; the last row ends it. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parse } from 'csv-parse/sync';
import { UserError } from '../errors.ts';

export interface Trace {
  readonly name: string;
  /** Strictly increasing, from 0. */
  readonly seconds: readonly number[];
  /** Requests per second, not negative; as many as `seconds`. */
  readonly rps: readonly number[];
}

const header = 'second,rps';

/** Parses the text of a trace CSV; `origin` names it in errors. Throws UserError with the line that is wrong. */
export function parseTrace(text: string, name: string, origin: string): Trace {
  const fail = (line: number, what: string): never => {
    throw new UserError('TRACE_INVALID', `${origin}, line ${line}: ${what}`);
  };
  let rows: { record: string[]; info: { lines: number } }[];
  try {
    // With `info`, since skipped lines must not shift the line numbers of errors.
    const records: unknown = parse(text, {
      skip_empty_lines: true,
      trim: true,
      relax_column_count: true,
      bom: true,
      info: true,
    });
    rows = records as typeof rows;
  } catch (cause) {
    throw new UserError('TRACE_INVALID', `${origin}: not a CSV file (${(cause as Error).message})`, { cause });
  }
  const found = rows[0]?.record.join(',') ?? '';
  if (found !== header) fail(rows[0]?.info.lines ?? 1, `the header must be "${header}", found "${found}"`);
  const seconds: number[] = [];
  const rps: number[] = [];
  for (const [i, { record: row, info }] of rows.slice(1).entries()) {
    const line = info.lines;
    if (row.length !== 2) fail(line, `needs 2 columns, found ${row.length}`);
    const [second, rate] = row.map((field) => (field === '' ? Number.NaN : Number(field)));
    if (!Number.isFinite(second)) fail(line, `second "${row[0]}" is not a number`);
    if (!Number.isFinite(rate)) fail(line, `rps "${row[1]}" is not a number; leave out rows without a measurement`);
    if (rate < 0) fail(line, `rps ${rate} is negative`);
    if (i === 0 && second !== 0) fail(line, `the first second must be 0, found ${second}; subtract the start time`);
    if (i > 0 && second <= seconds[i - 1]) {
      fail(line, `second ${second} does not come after ${seconds[i - 1]}; sort the rows and drop repeated ones`);
    }
    seconds.push(second);
    rps.push(rate);
  }
  if (seconds.length < 2) fail(rows.at(-1)?.info.lines ?? 1, 'a trace needs at least two rows (the last one ends it)');
  return { name, seconds, rps };
}

/** Reads a trace CSV; its name is the file's base name. */
export async function readTrace(file: string): Promise<Trace> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError('TRACE_UNREADABLE', `cannot read trace ${file}: ${(cause as Error).message}`, { cause });
  }
  return parseTrace(text, basename(file).replace(/\.csv$/i, ''), file);
}

export function formatTrace(trace: Trace): string {
  const rows = trace.seconds.map((second, i) => `${second},${Number(trace.rps[i].toFixed(3))}`);
  return `${header}\n${rows.join('\n')}\n`;
}

/** Load at the start of each tick, requests/s; as many ticks as begin before the trace's end. */
export function loadPerTick(trace: Trace, tickSeconds: number): Float32Array {
  const { seconds, rps } = trace;
  const end = seconds[seconds.length - 1];
  const loads = new Float32Array(Math.ceil(end / tickSeconds - 1e-9));
  let row = 0;
  for (let tick = 0; tick < loads.length; tick++) {
    while (row + 1 < seconds.length && seconds[row + 1] <= tick * tickSeconds) row++;
    loads[tick] = rps[row];
  }
  return loads;
}
