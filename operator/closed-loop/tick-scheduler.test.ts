import { describe, expect, it } from 'vitest';
import { createManualTimers } from './doubles.fixture.ts';
import { createTickScheduler } from './tick-scheduler.ts';

const start = 1_800_000_007;

function scheduler(intervals: number[], onTick: (interval: number, second: number) => Promise<void> = async () => {}) {
  const time = createManualTimers(start);
  const ticks: [number, number][] = [];
  const lateness: number[] = [];
  let skipped = 0;
  const made = createTickScheduler({
    timers: time.timers,
    intervals: () => intervals,
    onTick(interval, second) {
      ticks.push([interval, second - 1_800_000_000]);
      return onTick(interval, second);
    },
    onLateness: (seconds) => lateness.push(Number(seconds.toFixed(3))),
    onSkipped: (count) => {
      skipped += count;
    },
  });
  const stop = new AbortController();
  const ended = made.run(stop.signal);
  return {
    time,
    ticks,
    lateness,
    made,
    ended,
    intervals,
    stop: () => stop.abort(),
    skipped: () => skipped,
    at: (second: number) => time.jumpTo(1_800_000_000 + second),
  };
}

describe('the tick scheduler', () => {
  it('ticks at multiples of the interval, each interval in its own rhythm', () => {
    const { at, ticks, time } = scheduler([15, 20]);
    expect(time.next).toBe(1_800_000_015);
    at(15);
    at(20);
    at(30);
    at(40);
    at(45);
    at(60);
    expect(ticks).toEqual([
      [15, 15],
      [20, 20],
      [15, 30],
      [20, 40],
      [15, 45],
      [15, 60],
      [20, 60],
    ]);
  });

  it('says how late a tick was, and leaves one out that is closer to the next', () => {
    const { at, ticks, lateness, skipped } = scheduler([15]);
    at(17);
    at(39);
    at(45);
    expect(ticks).toEqual([
      [15, 15],
      [15, 45],
    ]);
    expect(lateness).toEqual([2, 9, 0]);
    expect(skipped()).toBe(1);
  });

  it('does not make up for ticks that a process slept through', () => {
    const { at, ticks, skipped } = scheduler([15]);
    at(15);
    at(3616);
    expect(ticks).toEqual([
      [15, 15],
      [15, 3615],
    ]);
    expect(skipped()).toBe(239);
  });

  it('goes on when the clock is set back', () => {
    const { at, ticks, time } = scheduler([15]);
    at(15);
    time.setClock(1_800_000_000 - 3600);
    at(-3585);
    at(-3570);
    expect(ticks.at(-1)).toEqual([15, -3570]);
  });

  it('takes up an interval that comes into use, without losing a tick that is due that moment', () => {
    const { at, ticks, made, intervals, time } = scheduler([15]);
    intervals.push(4);
    made.intervalsChanged();
    expect(time.next).toBe(1_800_000_008);
    at(8);
    at(12);
    intervals.push(7);
    // Due at 15, not fired yet.
    at(14.999);
    made.intervalsChanged();
    at(15);
    expect(ticks).toContainEqual([15, 15]);
    intervals.splice(0);
    made.intervalsChanged();
    at(1000);
    expect(time.next).toBe(Number.POSITIVE_INFINITY);
  });

  it('ends once stopped and the ticks under way are over', async () => {
    let finish = () => {};
    const { at, stop, ended, time } = scheduler([15], () => new Promise<void>((resolve) => (finish = resolve)));
    at(15);
    stop();
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([over, time.next]).toEqual([false, Number.POSITIVE_INFINITY]);
    finish();
    await ended;
  });
});
