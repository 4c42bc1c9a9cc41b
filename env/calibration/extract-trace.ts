/**
 * The load trace in a history. A policy tells the time of day by the trace's second, second 0 being midnight UTC: a trace
 * that begins at another hour would teach it a clock that is off. So the trace begins at a midnight wherever the data hold
 * one, and what came before that midnight goes to the end, where the data end at the time of day at which it began (a
 * history of whole days does). What holds no midnight begins at its own start, and says so.
 */
import { UserError } from '../errors.ts';
import type { Trace } from '../workload/trace.ts';
import type { History } from './history.ts';
import { defaultRateWindowSeconds, isMeasured } from './steady-steps.ts';

export interface ExtractedTrace {
  readonly trace: Trace;
  /** Stretches of the trace that are interpolated, in its seconds. */
  readonly filled: readonly { fromSecond: number; toSecond: number }[];
  /** Second of the trace at which the part from before the first midnight begins; undefined when there is none. */
  readonly seamSecond: number | undefined;
  /** Second of the day (UTC) at which the trace begins: 0 when it is aligned. */
  readonly startSecondOfDay: number;
  /** Of the load in the history, what is not in the trace, seconds. */
  readonly leftOutSeconds: number;
  readonly warnings: readonly string[];
}

export interface TraceOptions {
  readonly name: string;
  /** Longer gaps split the history. */
  readonly longestGapSeconds: number;
}

const daySeconds = 86_400;
/** Less of the data than that is too little to keep for the sake of the time of day. */
const smallestAlignedShare = 0.5;
const fewestSteps = 10;

/** @throws UserError CALIBRATION_REFUSED when there is hardly any load */
export function extractTrace(history: History, { name, longestGapSeconds }: TraceOptions): ExtractedTrace {
  const { stepSeconds } = history;
  const { values, filled } = fillGaps(
    history.services[0].requestsPerSecond,
    Math.floor(longestGapSeconds / stepSeconds),
  );
  const parts = partsOf(values);
  const part = parts.reduce((longest, one) => (one.to - one.from > longest.to - longest.from ? one : longest), {
    from: 0,
    to: 0,
  });
  if (part.to - part.from < fewestSteps) {
    throw new UserError(
      'CALIBRATION_REFUSED',
      `${history.services[0].name}: its longest stretch of load without a gap of more than ${longestGapSeconds} s has ${part.to - part.from} steps, a trace needs ${fewestSteps}: record for longer, or check that requests enter at ${history.services[0].name} (name the entry first with --service)`,
    );
  }
  const layout = alignToMidnight(history, part, longestGapSeconds);
  const laidOut = Float64Array.from(layout.steps, (step) => (step === undefined ? Number.NaN : values[step]));
  const rps = [...fillGaps(laidOut, laidOut.length).values];
  const seconds = rps.map((_, i) => i * stepSeconds);
  const isFilled = layout.steps.map((step, i) => i < layout.held || step === undefined || filled[step] === 1);
  const known = values.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0);
  const used = layout.steps.filter((step) => step !== undefined).length - layout.held;
  const leftOutSeconds = (known - used) * stepSeconds;
  const aligned = layout.startSecondOfDay === 0;
  return {
    trace: { name, seconds: [...seconds, rps.length * stepSeconds], rps: [...rps, rps[rps.length - 1]] },
    filled: stretches(isFilled).map(({ from, to }) => ({
      fromSecond: from * stepSeconds,
      toSecond: to * stepSeconds,
    })),
    seamSecond: layout.seam === undefined ? undefined : layout.seam * stepSeconds,
    startSecondOfDay: layout.startSecondOfDay,
    leftOutSeconds,
    warnings: [
      ...(aligned
        ? []
        : [
            `the trace begins at ${clock(layout.startSecondOfDay)} UTC, not at midnight: a policy trained on it takes that for midnight; record a whole day before relying on its sense of the time of day`,
          ]),
      ...(leftOutSeconds > longestGapSeconds
        ? [
            `${Math.round(leftOutSeconds)} s of load are not part of the trace (beyond long gaps, or before the first midnight)`,
          ]
        : []),
    ],
  };
}

/** Linear across gaps of at most `longest` steps. */
export function fillGaps(measured: Float64Array, longest: number): { values: Float64Array; filled: Uint8Array } {
  const values = measured.map((value) => (isMeasured(value) ? value : Number.NaN));
  const filled = new Uint8Array(values.length);
  let last = -1;
  for (let step = 0; step < values.length; step++) {
    if (Number.isNaN(values[step])) continue;
    const gap = step - last - 1;
    if (last >= 0 && gap > 0 && gap <= longest) {
      for (let i = 1; i <= gap; i++) {
        values[last + i] = values[last] + (i / (gap + 1)) * (values[step] - values[last]);
        filled[last + i] = 1;
      }
    }
    last = step;
  }
  return { values, filled };
}

interface Part {
  /** First and one past the last step. */
  readonly from: number;
  readonly to: number;
}

const partsOf = (values: Float64Array) => stretches(Array.from(values, (value) => !Number.isNaN(value)));

function stretches(marked: readonly boolean[]): Part[] {
  const parts: Part[] = [];
  for (let i = 0; i < marked.length; i++) {
    if (!marked[i]) continue;
    const from = i;
    while (i < marked.length && marked[i]) i++;
    parts.push({ from, to: i });
  }
  return parts;
}

interface Layout {
  /** Steps of the history in the order of the trace; undefined where its end and its beginning do not quite meet. */
  readonly steps: readonly (number | undefined)[];
  /** As many of the first are not measured: the first load, held since midnight. */
  readonly held: number;
  readonly seam: number | undefined;
  readonly startSecondOfDay: number;
}

function alignToMidnight(history: History, part: Part, longestGapSeconds: number): Layout {
  const { startSecond, stepSeconds, rateWindowSeconds } = history;
  // A value is the mean over the window that ends with it, and a trace's row holds for the step that begins with it.
  const window = Number.isNaN(rateWindowSeconds) ? defaultRateWindowSeconds : rateWindowSeconds;
  const partSecond = startSecond + part.from * stepSeconds - (window + stepSeconds) / 2;
  const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  const sinceMidnight = mod(partSecond, daySeconds);
  const held = Math.round(sinceMidnight / stepSeconds);
  if (sinceMidnight <= longestGapSeconds) {
    const steps = [...new Array<number>(held).fill(part.from), ...range(part.from, part.to)];
    return { steps, held, seam: undefined, startSecondOfDay: 0 };
  }
  const stepsOfDay = Math.round(daySeconds / stepSeconds);
  const first = part.from + stepsOfDay - held;
  // The part from before midnight, at the end: its first step that is later in the day than where the data end.
  const days = Math.ceil((part.to - first) / stepsOfDay);
  const resumed = part.to - days * stepsOfDay;
  const apart = Math.max(0, part.from - resumed);
  const meets = first < part.to && resumed + apart < first && apart * stepSeconds <= longestGapSeconds;
  const head = meets ? [...new Array<undefined>(apart).fill(undefined), ...range(resumed + apart, first)] : [];
  const aligned = [...range(first, part.to), ...head];
  if (aligned.length < smallestAlignedShare * (part.to - part.from)) {
    return { steps: range(part.from, part.to), held: 0, seam: undefined, startSecondOfDay: sinceMidnight };
  }
  return { steps: aligned, held: 0, seam: head.length > 0 ? part.to - first : undefined, startSecondOfDay: 0 };
}

const mod = (value: number, divisor: number) => value - divisor * Math.floor(value / divisor);

function clock(secondOfDay: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${two(secondOfDay / 3600)}:${two((secondOfDay % 3600) / 60)}`;
}
