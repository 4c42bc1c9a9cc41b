/** Training metrics on disk: one JSON object a line for programs, event files for TensorBoard. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../env/errors.ts';
import { fileVersionRecord, scalarsRecord, sessionStartRecord } from './tensorboard-events.ts';

export interface MetricsWriterOptions {
  /** Made when missing. Holds `metrics.jsonl` and `events.out.tfevents.*`. */
  directory: string;
}

export interface MetricsWriter {
  /**
   * Written at once, so that a killed training loses nothing. `wallTimeSeconds` is since 1970.
   * NaN and infinities become null in the JSON and stay what they are for TensorBoard.
   * @throws Error when the step is not a non-negative integer, a scalar is called `step` or `wallTimeSeconds`, or after `close`.
   */
  write(step: number, wallTimeSeconds: number, scalars: Record<string, number>): void;
  close(): Promise<void>;
}

const reservedNames = ['step', 'wallTimeSeconds'];

/**
 * A training that resumes in the same folder replaces what was logged from its first step on, in both formats.
 * @throws UserError METRICS_DIRECTORY when the folder cannot be written.
 */
export function createMetricsWriter({ directory }: MetricsWriterOptions): MetricsWriter {
  const jsonPath = join(directory, 'metrics.jsonl');
  const startedAtSeconds = Date.now() / 1000;
  let eventsFile: number;
  let jsonFile: number | null = null;
  let closed = false;
  try {
    mkdirSync(directory, { recursive: true });
    eventsFile = openSync(freeEventsPath(directory, startedAtSeconds), 'wx');
  } catch (cause) {
    throw new UserError(
      'METRICS_DIRECTORY',
      `Cannot write metrics into ${directory}: ${String(cause)}. Name a folder that you may write to.`,
      {
        cause,
      },
    );
  }
  writeSync(eventsFile, fileVersionRecord(startedAtSeconds));

  const begin = (step: number, wallTimeSeconds: number): number => {
    dropFrom(jsonPath, step);
    writeSync(eventsFile, sessionStartRecord(step, wallTimeSeconds));
    return openSync(jsonPath, 'a');
  };

  return {
    write(step, wallTimeSeconds, scalars) {
      if (closed) throw new Error('the metrics writer is closed');
      if (!Number.isSafeInteger(step) || step < 0) throw new Error(`step must be a non-negative integer, not ${step}`);
      const reserved = reservedNames.find((name) => name in scalars);
      if (reserved) throw new Error(`a scalar must not be called ${reserved}`);
      jsonFile ??= begin(step, wallTimeSeconds);
      writeSync(jsonFile, `${JSON.stringify({ step, wallTimeSeconds, ...scalars })}\n`);
      writeSync(eventsFile, scalarsRecord(step, wallTimeSeconds, scalars));
    },
    async close() {
      if (closed) return;
      closed = true;
      closeSync(eventsFile);
      if (jsonFile !== null) closeSync(jsonFile);
    },
  };
}

/** TensorBoard reads a folder's event files in the order of their names, so the time comes first. */
function freeEventsPath(directory: string, startedAtSeconds: number): string {
  const base = join(directory, `events.out.tfevents.${Math.floor(startedAtSeconds)}.${hostname()}.${process.pid}`);
  let count = 0;
  while (existsSync(`${base}.${count}`)) count++;
  return `${base}.${count}`;
}

/** Keeps the whole lines of steps before `step`; the last line of a killed training may be half written. */
function dropFrom(path: string, step: number): void {
  if (!existsSync(path)) return;
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => {
      try {
        return JSON.parse(line).step < step;
      } catch {
        return false;
      }
    });
  const text = kept.map((line) => `${line}\n`).join('');
  writeFileSync(`${path}.partial`, text);
  renameSync(`${path}.partial`, path);
}
