/** Progress of long work on stderr: a bar in a terminal, a plain line now and then elsewhere. */
import { performance } from 'node:perf_hooks';
import { Presets, SingleBar } from 'cli-progress';
import { formatCount, formatDuration } from '../../env/report/number-format.ts';

export interface ProgressOptions {
  title: string;
  /** What `done` counts up to. */
  total: number;
  /** Default: stderr, so that stdout stays clean for results. */
  stream?: NodeJS.WriteStream | NodeJS.WritableStream;
  /** Whether to draw a bar, which needs a stream with `isTTY`. Default: whether the stream is a terminal. */
  isTerminal?: boolean;
  /** What is counted, for the rate. */
  unit?: string;
  /** Least seconds between two plain lines. */
  lineIntervalSeconds?: number;
  /** Milliseconds of a monotonic clock. */
  now?: () => number;
}

export interface Progress {
  /** `done` of `total`; `fields` are shown in their order. */
  update(done: number, fields?: Record<string, string>): void;
  /** Shows the last state and leaves the terminal as it was. Safe to call twice. */
  stop(): void;
}

/** Rates are over this long, so that a warm-up or a pause is forgotten. */
const rateWindowMilliseconds = 20_000;

export function createProgress({
  title,
  total,
  stream = process.stderr,
  isTerminal = 'isTTY' in stream && stream.isTTY === true,
  unit = 'steps',
  lineIntervalSeconds = 5,
  now = () => performance.now(),
}: ProgressOptions): Progress {
  const rate = createRate(now);
  let stopped = false;
  let last: { done: number; fields: Record<string, string> } | null = null;
  const describe = () => (last === null ? '' : describeState(last.done, total, last.fields, rate.perSecond(), unit));

  if (isTerminal) {
    const bar = new SingleBar(
      {
        stream: stream as NodeJS.WriteStream,
        format: (_options, { progress }) => `${title} ${barOf(progress)} ${describe()}`,
        // The library would switch off line wrapping and hide the cursor; a killed training must not leave them so.
        linewrap: true,
        hideCursor: false,
        fps: 5,
        noTTYOutput: false,
        stopOnComplete: false,
      },
      Presets.shades_classic,
    );
    bar.start(total, 0);
    return {
      update(done, fields = {}) {
        if (stopped) return;
        last = { done, fields };
        rate.add(done);
        bar.update(done);
      },
      stop() {
        if (stopped) return;
        stopped = true;
        bar.stop();
      },
    };
  }

  let lastLineAt = Number.NEGATIVE_INFINITY;
  let lastLine = '';
  const print = () => {
    const line = `${title}: ${describe()}\n`;
    lastLineAt = now();
    if (line !== lastLine) stream.write(line);
    lastLine = line;
  };
  return {
    update(done, fields = {}) {
      if (stopped) return;
      last = { done, fields };
      rate.add(done);
      if (now() - lastLineAt >= lineIntervalSeconds * 1000) print();
    },
    stop() {
      if (stopped) return;
      stopped = true;
      if (last !== null) print();
    },
  };
}

function describeState(
  done: number,
  total: number,
  fields: Record<string, string>,
  perSecond: number | null,
  unit: string,
): string {
  const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
  const parts = [`${percent} %`, ...Object.entries(fields).map(([name, value]) => `${name} ${value}`)];
  if (perSecond !== null) {
    parts.push(`${formatCount(Math.round(perSecond))} ${unit}/s`);
    if (done < total && perSecond > 0) parts.push(`${formatDuration((total - done) / perSecond)} left`);
  }
  return parts.join(' · ');
}

const barWidth = 20;

function barOf(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return '█'.repeat(full) + '░'.repeat(barWidth - full);
}

/** Counts per second over the window; the first count is where a resumed training starts, not work done. */
function createRate(now: () => number) {
  const samples: { at: number; done: number }[] = [];
  return {
    add(done: number): void {
      samples.push({ at: now(), done });
      while (samples.length > 2 && samples[samples.length - 1].at - samples[1].at >= rateWindowMilliseconds)
        samples.shift();
    },
    /** Null until two moments are known. */
    perSecond(): number | null {
      const first = samples[0];
      const latest = samples[samples.length - 1];
      if (!first || latest.at <= first.at) return null;
      return (1000 * (latest.done - first.done)) / (latest.at - first.at);
    },
  };
}
