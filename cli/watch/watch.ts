/** The watch itself: one reader of cluster and Prometheus, whose view is made once for all who look at it. */
import type { SystemMeasurement } from '../../env/ports.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { pause } from '../../env/service/waiting.ts';
import type { ClusterReader } from './cluster-reader.ts';
import { type HistoryPoint, type HistoryWindow, historyOfDecisions, mergeHistory } from './history.ts';
import type { Source } from './snapshot.ts';
import { keyOf, type WatchView, watchView } from './view.ts';

export interface Watch extends Runnable {
  /** The view in force and every one after it, until the listener is taken off by what this returns. */
  onView(listener: (sight: Sight) => void): () => void;
}

/** A view with the curves that go with it. */
export interface Sight {
  readonly view: WatchView;
  /** By key of the closed loop. */
  readonly histories: ReadonlyMap<string, readonly HistoryPoint[]>;
  readonly window: HistoryWindow;
}

export interface WatchOptions {
  readonly server: string;
  readonly cluster: ClusterReader;
  /** Absent without Prometheus. */
  readonly prometheus?: { measurements(): ReadonlyMap<string, SystemMeasurement>; source(): Source };
  readonly window: HistoryWindow;
  /** Between two views. */
  readonly intervalSeconds: number;
  readonly slaMilliseconds?: number;
  /** Unix time in seconds. */
  readonly now: () => number;
}

export interface RunningWatch extends Watch {
  /** What was measured before the watch began. */
  remember(key: string, points: readonly HistoryPoint[]): void;
}

/** How long the first view waits for the first lists; then it shows what there is, and what it waits for. */
const firstViewMilliseconds = 3_000;
const firstViewStepMilliseconds = 50;

export function createWatch(options: WatchOptions): RunningWatch {
  const { server, cluster, prometheus, window, intervalSeconds, slaMilliseconds, now } = options;
  const listeners = new Set<(sight: Sight) => void>();
  const histories = new Map<string, readonly HistoryPoint[]>();
  let sight: Sight | undefined;

  function look(): Sight {
    const second = now();
    const objects = cluster.objects();
    const measurements = prometheus?.measurements() ?? new Map();
    const sources = [...cluster.sources(), ...(prometheus === undefined ? [] : [prometheus.source()])];
    const view = watchView({ server, second, objects, sources, measurements, slaMilliseconds });
    const isServerSeen = sources[0]?.state === 'ok';
    const statuses = new Map(objects.closedLoops.map(({ metadata, status }) => [keyOf(metadata), status]));
    for (const loop of view.closedLoops) {
      const decisions = statuses.get(loop.key)?.recentDecisions ?? [];
      const known = histories.get(loop.key) ?? historyOfDecisions(decisions, window, second);
      histories.set(loop.key, mergeHistory(known, [pointOf(loop, second, isServerSeen)], window, second));
    }
    for (const key of histories.keys()) if (!statuses.has(key)) histories.delete(key);
    return { view, histories: new Map(histories), window };
  }

  return {
    async run(signal) {
      const started = performance.now();
      while (!signal.aborted && !cluster.isSettled() && performance.now() - started < firstViewMilliseconds) {
        await pause(firstViewStepMilliseconds, signal);
      }
      while (!signal.aborted) {
        sight = look();
        for (const listener of listeners) listener(sight);
        await pause(intervalSeconds * 1000, signal);
      }
    },
    onView(listener) {
      listeners.add(listener);
      if (sight !== undefined) listener(sight);
      return () => void listeners.delete(listener);
    },
    remember(key, points) {
      histories.set(key, mergeHistory(points, histories.get(key) ?? [], window, now()));
    },
  };
}

function pointOf(
  { load, p95Milliseconds, size, proposals }: WatchView['closedLoops'][number],
  second: number,
  isServerSeen: boolean,
): HistoryPoint {
  // While the server is away the last sizes are no observation of now.
  const proposal = proposals.find((each) => each.second !== undefined && !each.isStale);
  return {
    second,
    load,
    p95Milliseconds,
    ...(isServerSeen ? { ...size, setPoint: proposal?.setPoint, hpaWouldBe: proposal?.hpaWouldBe } : {}),
  };
}
