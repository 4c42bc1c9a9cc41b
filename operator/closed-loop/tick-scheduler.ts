/**
 * When loops tick: those of one interval together, at wall-clock multiples of it, so that they share queries and a new leader
 * goes on in the same rhythm. A tick that could not start in time is left out, never queued.
 */

/** Time as the scheduler needs it; `systemTimers` outside tests. */
export interface Timers {
  /** Unix seconds. */
  now(): number;
  /** Calls back once, after that many milliseconds or a little later; returns what cancels it. */
  after(milliseconds: number, callback: () => void): () => void;
}

export const systemTimers: Timers = {
  now: () => Date.now() / 1000,
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};

export interface TickSchedulerOptions {
  readonly timers: Timers;
  /** Intervals in use, seconds; read whenever a tick is over or `intervalsChanged` is called. */
  readonly intervals: () => Iterable<number>;
  /** @param second Unix seconds at which the tick was due. Not waited for before the next tick; must not reject. */
  readonly onTick: (intervalSeconds: number, second: number, signal: AbortSignal) => Promise<void>;
  readonly onLateness: (seconds: number) => void;
  /** Ticks that were left out because they were late. */
  readonly onSkipped: (ticks: number) => void;
}

export interface TickScheduler {
  /** Ticks until aborted, then waits for the ticks under way. */
  run(signal: AbortSignal): Promise<void>;
  /** To be called when an interval comes into use. */
  intervalsChanged(): void;
}

/** Later than this share of its interval, a tick is left out: the next is closer. */
const latestStart = 0.5;

export function createTickScheduler(options: TickSchedulerOptions): TickScheduler {
  const { timers, intervals, onTick, onLateness, onSkipped } = options;
  let rearm: (() => void) | undefined;

  return {
    intervalsChanged: () => rearm?.(),
    async run(signal) {
      const underWay = new Set<Promise<void>>();
      /** Last multiple of each interval that was dealt with. */
      const done = new Map<number, number>();
      let cancel = () => {};

      const start = (interval: number, second: number) => {
        const tick = onTick(interval, second, signal).finally(() => underWay.delete(tick));
        underWay.add(tick);
      };
      const fire = () => {
        const now = timers.now();
        for (const interval of inUse(intervals(), done, now)) {
          const due = Math.floor(now / interval) * interval;
          const last = done.get(interval) ?? due;
          if (due <= last) continue;
          done.set(interval, due);
          const isLate = now - due > latestStart * interval;
          const left = Math.round((due - last) / interval) - (isLate ? 0 : 1);
          if (left > 0) onSkipped(left);
          onLateness(now - due);
          if (!isLate) start(interval, due);
        }
        arm();
      };
      const arm = () => {
        cancel();
        if (signal.aborted) return;
        const now = timers.now();
        // From what was done last, not from now: a tick that is due at this very moment must not be lost.
        const next = Math.min(
          ...inUse(intervals(), done, now).map((interval) => (done.get(interval) ?? now) + interval),
        );
        if (Number.isFinite(next)) cancel = timers.after(Math.max(0, Math.ceil((next - now) * 1000)), fire);
      };

      rearm = arm;
      arm();
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      rearm = undefined;
      cancel();
      await Promise.all(underWay);
    },
  };
}

/** The intervals, each once; those that are new start with their next multiple, those no longer used are forgotten. */
function inUse(intervals: Iterable<number>, done: Map<number, number>, now: number): number[] {
  const used = [...new Set(intervals)];
  for (const interval of done.keys()) if (!used.includes(interval)) done.delete(interval);
  for (const interval of used) {
    const last = done.get(interval);
    const current = Math.floor(now / interval) * interval;
    // A clock that was set back must not stop the ticks until it has caught up.
    if (last === undefined || last > current + interval) done.set(interval, current);
  }
  return used;
}
