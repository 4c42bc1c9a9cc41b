/** What a benchmark reports, and how a figure is taken: warm-up first, then the median of several repeats. */
import { performance } from 'node:perf_hooks';
import { median } from 'simple-statistics';

export interface Measurement {
  /** What was measured, e.g. `simulator frontend, batch 4096`. */
  name: string;
  unit: string;
  /** Null when the figure was not reached or could not be measured; `note` then says why. */
  median: number | null;
  lowest: number | null;
  highest: number | null;
  repeats: number;
  /** What the median is compared with: measured in the same process, on the same work. */
  baseline?: { name: string; median: number };
  /** median ÷ baseline's median. */
  ratio?: number;
  /** What the project promises, in `unit`. */
  required?: { value: number; is: 'at least' | 'at most' };
  note?: string;
}

export interface BenchmarkOptions {
  /** One short repeat instead of several: checks that a benchmark runs; its figures mean little. */
  quick: boolean;
}

export interface Benchmark {
  readonly name: string;
  readonly description: string;
  run(options: BenchmarkOptions): Promise<Measurement[]>;
}

/** Median and spread of `samples`. */
export function summarise(name: string, unit: string, samples: readonly number[]): Measurement {
  if (samples.length === 0) return { name, unit, median: null, lowest: null, highest: null, repeats: 0 };
  return {
    name,
    unit,
    median: median([...samples]),
    lowest: Math.min(...samples),
    highest: Math.max(...samples),
    repeats: samples.length,
  };
}

/** Adds a baseline and the ratio to it. */
export function against(measurement: Measurement, baselineName: string, baseline: Measurement): Measurement {
  if (measurement.median === null || baseline.median === null) return measurement;
  return {
    ...measurement,
    baseline: { name: baselineName, median: baseline.median },
    ratio: measurement.median / baseline.median,
  };
}

export interface RateOptions extends BenchmarkOptions {
  name: string;
  unit: string;
  /** Items that one call of `work` handles. */
  itemsPerCall: number;
  work: () => void;
}

/** Items per second of `work`. Each repeat lasts about half a second, so that timer and collector noise average out. */
export function measureRate({ name, unit, itemsPerCall, work, quick }: RateOptions): Measurement {
  const [repeats, repeatMilliseconds, warmUpMilliseconds] = quick ? [1, 50, 50] : [5, 500, 500];
  const callsDone = (milliseconds: number) => {
    const end = performance.now() + milliseconds;
    let calls = 0;
    do {
      work();
      calls++;
    } while (performance.now() < end);
    return calls;
  };
  const calls = Math.max(1, Math.round((callsDone(warmUpMilliseconds) * repeatMilliseconds) / warmUpMilliseconds));
  const samples = Array.from({ length: repeats }, () => {
    const start = performance.now();
    for (let call = 0; call < calls; call++) work();
    return (1000 * calls * itemsPerCall) / (performance.now() - start);
  });
  return summarise(name, unit, samples);
}
