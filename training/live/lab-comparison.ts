/** `duoloop lab --compare`: policies and seeds side by side in the lab, with the simulator's predictions beside them. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { CapacityChange } from '../../env/simulator/capacity.ts';
import { defaultTickSeconds } from '../../env/simulator/simulator.ts';
import type { Trace } from '../../env/workload/trace.ts';
import { wholeSeconds } from '../../policies/resources/loops-for-app.ts';
import type { RecordedSeries } from '../compare.ts';
import type { ComparisonRow } from '../comparison.ts';
import { type Contestant, resolveContestants } from './contestants.ts';
import { type Entrant, runLab } from './lab-run.ts';
import { labTiming } from './lab-timing.ts';
import { predict } from './prediction.ts';

export interface LabComparisonOptions {
  readonly app: AppModel;
  readonly trace: Trace;
  /** As `resolveContestants` takes them. */
  readonly policies: readonly string[];
  readonly speed: number;
  readonly capacity: readonly CapacityChange[];
  readonly noise: number;
  readonly seeds: readonly number[];
  /** Real seconds; by default those of life, as much faster as the trace: a scrape each 15 s and a rate of a minute. */
  readonly scrapeIntervalSeconds?: number;
  readonly rateWindowSeconds?: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface LabComparison {
  /** Per seed and policy: what was, then what the simulator says. */
  readonly rows: ComparisonRow[];
  readonly series: RecordedSeries[];
}

/** Prometheus answers no sooner on a machine that runs a control plane. */
const shortestScrapeSeconds = 0.5;
/** A rate of fewer scrapes is gone when one fails. */
const scrapesPerWindow = 4;

/** @throws UserError of what was asked for; ComponentError; the signal's reason */
export async function compareInLab(options: LabComparisonOptions): Promise<LabComparison> {
  const { app, trace, policies, speed, seeds, log } = options;
  const scrapeIntervalSeconds = options.scrapeIntervalSeconds ?? Math.max(shortestScrapeSeconds, 15 / speed);
  const rateWindowSeconds = options.rateWindowSeconds ?? scrapesPerWindow * scrapeIntervalSeconds;
  const contestants = await resolveContestants(policies, app, log);
  sayRounding(contestants, speed, log);
  const timing = labTiming({ app, speed, scrapeIntervalSeconds, rateWindowSeconds, tickSeconds: defaultTickSeconds });
  const isOne = seeds.length === 1;
  const entrants = seeds.flatMap((seed) =>
    contestants.map((contestant): Entrant => {
      const namespace = isOne ? contestant.namespace : `${contestant.namespace}-seed-${seed}`;
      return { ...contestant, namespace, seed, traceName: isOne ? trace.name : `${trace.name}-seed-${seed}` };
    }),
  );
  const records = await runLab({ ...options, scrapeIntervalSeconds, rateWindowSeconds, contestants: entrants });
  const comparison: LabComparison = { rows: [], series: [] };
  for (const [i, record] of records.entries()) {
    const { seed, traceName } = entrants[i];
    const offered = offeredTrace({ ...trace, name: traceName }, record.series);
    const { row, series } = await predict(entrants[i], { ...options, trace: offered, timing, seed });
    comparison.rows.push(record.row(), row);
    comparison.series.push(record.series, series);
  }
  return comparison;
}

/** Periods are whole seconds in the API; the simulator's prediction has the same ones. */
function sayRounding(contestants: readonly Contestant[], speed: number, log: (line: string) => void): void {
  const intervals = contestants.flatMap(({ scaler }) => {
    if (scaler.kind === 'hpa') return [];
    return [scaler.kind === 'reactive' ? scaler.loop.intervalSeconds : scaler.checkpoint.document.intervalSeconds];
  });
  for (const interval of new Set(intervals)) {
    const rounded = wholeSeconds(interval, speed) * speed;
    if (rounded > interval * 1.001) {
      log(
        `at speed ${speed} the loops' ${interval} s become ${rounded} s; a speed that divides ${interval} keeps them`,
      );
    }
  }
}

/** What was offered tick by tick, noise included. The first size is that of the trace's own first load. */
function offeredTrace({ name, rps }: Trace, { rps: offered, stepSeconds }: RecordedSeries): Trace {
  return {
    name,
    seconds: Array.from({ length: offered.length + 1 }, (_, tick) => tick * stepSeconds),
    rps: [rps[0], ...offered.subarray(1), offered[offered.length - 1]],
  };
}
