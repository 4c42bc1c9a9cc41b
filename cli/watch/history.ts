/** The curves of one closed loop over the last minutes: points at whole steps, oldest first. Pure. */
import type { DecisionRecord } from '../../policies/resources/closed-loop.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';

/** What is not known at a moment is left out. */
export interface HistoryPoint {
  /** Unix time. */
  readonly second: number;
  /** Requests/s. */
  readonly load?: number;
  readonly p95Milliseconds?: number;
  readonly desired?: number;
  readonly ready?: number;
  /** The group size that the agent proposed, while that was fresh. */
  readonly setPoint?: number;
  readonly hpaWouldBe?: number;
}

export interface HistoryWindow {
  readonly seconds: number;
  /** Between two points. */
  readonly stepSeconds: number;
  /** Points further apart have a gap between them, not a line. */
  readonly gapSeconds: number;
}

/** As many points as a chart has room for. */
const pointsPerWindow = 180;

/** @param intervalSeconds between two views */
export function historyWindow(seconds: number, intervalSeconds: number): HistoryWindow {
  const stepSeconds = seconds / pointsPerWindow;
  return { seconds, stepSeconds, gapSeconds: 3.5 * Math.max(stepSeconds, intervalSeconds) };
}

/**
 * Both, within the window that ends at `now`. Of one step, what `later` knows wins; p95 is the larger of the two, so that no
 * peak is lost.
 */
export function mergeHistory(
  earlier: readonly HistoryPoint[],
  later: readonly HistoryPoint[],
  { seconds, stepSeconds }: HistoryWindow,
  now: number,
): readonly HistoryPoint[] {
  const bySteps = new Map<number, HistoryPoint>();
  for (const point of [...earlier, ...later]) {
    if (point.second < now - seconds || point.second > now) continue;
    const step = Math.floor(point.second / stepSeconds);
    const before = bySteps.get(step);
    bySteps.set(step, before === undefined ? point : combined(before, point));
  }
  return [...bySteps.entries()].sort(([a], [b]) => a - b).map(([, point]) => point);
}

function combined(before: HistoryPoint, point: HistoryPoint): HistoryPoint {
  const known = Object.fromEntries(Object.entries(point).filter(([, value]) => value !== undefined));
  const worst = Math.max(before.p95Milliseconds ?? -1, point.p95Milliseconds ?? -1);
  return { ...before, ...known, second: before.second, ...(worst >= 0 ? { p95Milliseconds: worst } : {}) };
}

/**
 * The sizes that a loop's last decisions led to, for the time before the watch began: what was decided last before the window
 * holds at its start.
 */
export function historyOfDecisions(
  decisions: readonly DecisionRecord[],
  { seconds }: HistoryWindow,
  now: number,
): HistoryPoint[] {
  const start = now - seconds;
  const sizes = decisions
    .map(({ time, to }) => ({ second: fromTimestamp(time), desired: to }))
    .filter(({ second }) => second <= now)
    .sort((a, b) => a.second - b.second);
  const before = sizes.filter(({ second }) => second < start).at(-1);
  const within = sizes.filter(({ second }) => second >= start);
  return before === undefined ? within : [{ second: start, desired: before.desired }, ...within];
}
