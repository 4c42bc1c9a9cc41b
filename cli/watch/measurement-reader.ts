/** Prometheus' side of the watch: what each closed loop's application measures now, and did before the watch began. */
import type { FleetHistory } from '../../env/cluster/live/fleet-history.ts';
import { PrometheusError } from '../../env/cluster/prometheus.ts';
import type { MetricsSource, SystemMeasurement } from '../../env/ports.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { pause } from '../../env/service/waiting.ts';
import type { HistoryPoint, HistoryWindow } from './history.ts';
import type { WatchedSystem } from './observed-system.ts';
import type { Source } from './snapshot.ts';

/** Asks by one set of queries. */
export interface Observer {
  readonly source: MetricsSource;
  readHistory(system: WatchedSystem, window: HistoryWindow, now: number, signal: AbortSignal): Promise<FleetHistory>;
}

export interface ObservedGroup {
  readonly observer: Observer;
  readonly systems: readonly WatchedSystem[];
}

export interface MeasurementReaderOptions {
  /** What Prometheus is called in the view: its address. */
  readonly name: string;
  /** What there is to measure now, by who asks for it. */
  readonly groups: () => readonly ObservedGroup[];
  readonly window: HistoryWindow;
  readonly intervalSeconds: number;
  /** Unix time in seconds. */
  readonly now: () => number;
  /** Points of before, once per closed loop and again after Prometheus was away. */
  readonly onHistory: (key: string, points: readonly HistoryPoint[]) => void;
}

export interface MeasurementReader extends Runnable {
  /** By key of the closed loop; none that is older than three intervals. */
  measurements(): ReadonlyMap<string, SystemMeasurement>;
  source(): Source;
}

/** Histories are asked for one application at a time; beyond so many loops, the curves begin with the watch. */
const mostHistories = 100;
const idleMilliseconds = 250;

export function createMeasurementReader(options: MeasurementReaderOptions): MeasurementReader {
  const { name, groups, window, intervalSeconds, now, onHistory } = options;
  let latest: { readonly second: number; readonly all: ReadonlyMap<string, SystemMeasurement> } | undefined;
  let problem = '';
  const withHistory = new Set<string>();

  async function measure(asked: readonly ObservedGroup[], signal: AbortSignal): Promise<void> {
    const answers = await Promise.all(asked.map(({ observer, systems }) => observer.source.measure(systems, signal)));
    latest = { second: now(), all: new Map(answers.flat().map((each) => [each.key, each])) };
    problem = '';
  }

  async function readHistories(signal: AbortSignal): Promise<void> {
    for (const { observer, systems } of groups()) {
      for (const system of systems) {
        if (withHistory.has(system.key) || withHistory.size >= mostHistories) continue;
        onHistory(system.key, historyPoints(system, await observer.readHistory(system, window, now(), signal)));
        withHistory.add(system.key);
      }
    }
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        const asked = groups();
        if (asked.length === 0) {
          // The cluster is not listed yet, or has no loop: Prometheus was not asked anything.
          await pause(Math.min(idleMilliseconds, intervalSeconds * 1000), signal);
          continue;
        }
        try {
          await measure(asked, signal);
          await readHistories(signal);
        } catch (error) {
          if (signal.aborted) break;
          problem = problemOf(error);
          // The curves have a gap now, which Prometheus may know better.
          withHistory.clear();
        }
        await pause(intervalSeconds * 1000, signal);
      }
    },
    measurements: () => (latest !== undefined && now() - latest.second <= 3 * intervalSeconds ? latest.all : new Map()),
    source: () => {
      const lastSeenSecond = latest?.second;
      if (problem === '') return { name, state: latest === undefined ? 'waiting' : 'ok', message: '', lastSeenSecond };
      const message = `${problem}; load and p95 are missing until Prometheus answers: check the address and the token`;
      return { name, state: lastSeenSecond === undefined ? 'refused' : 'lost', message, lastSeenSecond };
    },
  };
}

/** Without the query, which has nothing to do with an outage. */
function problemOf(error: unknown): string {
  if (error instanceof PrometheusError && ['unreachable', 'timeout'].includes(error.code)) {
    return `it ${error.code === 'timeout' ? 'did not answer in time' : `cannot be reached (${error.detail ?? error.message})`}`;
  }
  return (error as Error).message;
}

/** Load and p95 of the entry, sizes of the workload that has the target's size. */
export function historyPoints({ sizeOf }: WatchedSystem, { seconds, workloads }: FleetHistory): HistoryPoint[] {
  const entry = workloads[0];
  const sized = sizeOf === undefined ? undefined : workloads[sizeOf];
  const known = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : undefined);
  return Array.from(seconds, (second, i) => ({
    second,
    load: known(entry?.requestsPerSecond[i]),
    p95Milliseconds: known(entry?.p95Milliseconds[i]),
    desired: known(sized?.desiredPods[i]),
    ready: known(sized?.readyPods[i]),
  }));
}
