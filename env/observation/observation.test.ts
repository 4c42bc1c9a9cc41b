import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../apps/load-app.ts';
import { setPointMoves } from '../deliberative-action.ts';
import type { FleetMetrics, ReactiveLoopState } from '../ports.ts';
import { createGroupDemand } from '../simulator/create-kernel.ts';
import { createObservationBuilder } from './observation.ts';

const [frontend, teastore] = await Promise.all([loadApp('frontend'), loadApp('teastore')]);
const intervalSeconds = 60;
const delays = { coldStartSeconds: 30, metricLagSeconds: 30 };

type Writable<T> = { -readonly [K in keyof T]: T[K] };
const fleet = (lanes: number, services: number): FleetMetrics => ({
  lanes,
  services,
  second: new Float64Array(lanes),
  load: new Float32Array(lanes).fill(1000),
  p95Milliseconds: new Float32Array(lanes).fill(4),
  requestsPerSecond: new Float32Array(services * lanes).fill(1000),
  cpuPercent: new Float32Array(services * lanes).fill(50),
  memory: new Float32Array(services * lanes).fill(40),
  measuredReady: new Int32Array(services * lanes).fill(3),
  ready: new Int32Array(services * lanes).fill(3),
  desired: new Int32Array(services * lanes).fill(3),
  memorySize: new Float32Array(lanes).fill(1),
});
const loopState = (lanes: number, maxGroupSize = 15): Writable<ReactiveLoopState> => ({
  lanes,
  metricNames: ['cpu', 'memory'],
  ranks: Int32Array.from({ length: 2 * lanes }, (_, i) => (i < lanes ? 1 : 2)),
  overThreshold: new Float32Array(2 * lanes).fill(0.5),
  breaches: new Int8Array(2 * lanes),
  lastReactionSecond: new Float64Array(2 * lanes).fill(Number.NEGATIVE_INFINITY),
  recentReactions: new Int32Array(2 * lanes),
  groupSize: new Int32Array(lanes).fill(3),
  minGroupSize: 1,
  maxGroupSize,
});

function observer(app = frontend, lanes = 1) {
  const builder = createObservationBuilder({ app, lanes, metricNames: ['cpu', 'memory'], intervalSeconds });
  for (let lane = 0; lane < lanes; lane++) builder.resetLane(lane, delays);
  const out = new Float32Array(lanes * builder.names.length);
  const value = (name: string, lane = 0) => {
    const at = builder.names.indexOf(name);
    if (at < 0) throw new Error(`no feature ${name}`);
    return out[lane * builder.names.length + at];
  };
  return { builder, out, value };
}

describe('an observation', () => {
  it('says where load and expected load stand against what each move would carry', () => {
    const { capacities } = createGroupDemand(frontend);
    const { builder, out, value } = observer();
    const metrics = fleet(1, 1);
    // CPU as the app model expects it at 2,000 requests/s on 3 pods, so that pods count as they were calibrated.
    metrics.load[0] = 2000;
    const { curves } = frontend.serving as Extract<typeof frontend.serving, { kind: 'measured' }>;
    const right = curves[2].load.findIndex((load) => load >= 2000);
    const [x0, x1] = [curves[2].load[right - 1], curves[2].load[right]];
    const [y0, y1] = [curves[2].cpuPercent[right - 1], curves[2].cpuPercent[right]];
    metrics.cpuPercent[0] = y0 + ((y1 - y0) * (2000 - x0)) / (x1 - x0);
    builder.observe(metrics, loopState(1), out);
    expect(value('capacity.fast')).toBeCloseTo(0, 5);
    for (const move of setPointMoves) {
      const name = move < 0 ? `${move}` : `+${move}`;
      const expected = Math.log(2001 / (capacities[Math.max(1, 3 + move) - 1] + 1));
      expect(value(`group.demandAt${name}`)).toBeCloseTo(expected, 4);
      expect(Math.sign(value(`group.shortfallAt${name}`))).toBe(Math.sign(expected));
    }
    expect(value('group.demandOfReady')).toBe(value('group.demandAt+0'));
  });

  it('shows the loop’s metrics, ranks, reactions and breaches as they are', () => {
    const { builder, out, value } = observer();
    const [metrics, state] = [fleet(1, 1), loopState(1)];
    metrics.second[0] = 1000;
    state.overThreshold.set([1.25, Number.NaN]);
    state.breaches.set([1, 0]);
    state.ranks.set([2, 1]);
    state.lastReactionSecond.set([700, Number.NEGATIVE_INFINITY]);
    state.recentReactions.set([7, 0]);
    builder.observe(metrics, state, out);
    const of = (metric: string) =>
      ['overThreshold', 'breach', 'rank', 'sinceReaction', 'recentReactions'].map((name) => value(`${metric}.${name}`));
    // Five minutes after the last reaction; what was counted fades over half an hour.
    expect(of('cpu')).toEqual([1.25, 1, 1, Math.fround(Math.exp(-1)), Math.fround(0.7 * Math.exp(-1 / 6))]);
    expect(of('memory')).toEqual([-1, 0, 0, 0, 0]);
  });

  it('counts only complete sets of a group as ready', () => {
    const { builder, out, value } = observer(teastore);
    const metrics = fleet(1, teastore.services.length);
    const state = loopState(1, 24);
    state.groupSize[0] = 20;
    // Members of 20 sets: 7 4 2 6 8 1 1. One persistence pod short of that is what 18 sets have.
    metrics.ready.set([7, 4, 2, 6, 7, 1, 1]);
    builder.observe(metrics, state, out);
    expect(value('group.pendingShare')).toBeCloseTo(2 / 20, 6);
    metrics.ready[4] = 8;
    builder.observe(metrics, state, out);
    expect(value('group.pendingShare')).toBe(0);
  });

  it('tells how long measurements have been missing, keeps what is known, and recovers', () => {
    const { builder, out, value } = observer();
    const [metrics, state] = [fleet(1, 1), loopState(1)];
    builder.observe(metrics, state, out);
    expect(value('delay.metricsMissing')).toBe(0);
    const before = value('group.demandAt+0');
    for (const [k, expected] of [0.2, 0.4, 0.6, 0.8, 1, 1].entries()) {
      metrics.second[0] += intervalSeconds;
      for (const values of [metrics.load, metrics.p95Milliseconds, metrics.cpuPercent, metrics.memory])
        values[0] = Number.NaN;
      builder.observe(metrics, state, out);
      expect(value('delay.metricsMissing'), `after ${k + 1}`).toBeCloseTo(expected, 6);
      expect(value('group.demandAt+0')).toBe(before);
    }
    metrics.load[0] = 1000;
    builder.observe(metrics, state, out);
    expect(value('delay.metricsMissing')).toBe(0);
  });

  it('follows the clock of the trace', () => {
    const { builder, out, value } = observer();
    const metrics = fleet(1, 1);
    metrics.second[0] = 6 * 3600 + 86_400;
    builder.observe(metrics, loopState(1), out);
    expect(value('time.daySine')).toBeCloseTo(1, 6);
    expect(value('time.dayCosine')).toBeCloseTo(0, 6);
  });

  it('is finite whatever is measured, and of a lane depends on that lane alone', () => {
    const load = fc.oneof(
      fc.constantFrom(0, Number.NaN, 1e9),
      fc.double({ min: 0, max: 20_000, noNaN: true }).map(Math.fround),
    );
    const moment = fc.record({
      load,
      p95: fc.constantFrom(0, 4.2, 5, 80, 10_000, Number.NaN),
      cpu: fc.constantFrom(0, 0.1, 55, 400, Number.NaN),
      ready: fc.integer({ min: 0, max: 15 }),
      groupSize: fc.integer({ min: 0, max: 15 }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(moment, moment), { minLength: 1, maxLength: 40 }), fc.nat(1), (course, lane) => {
        const [both, alone] = [observer(frontend, 2), observer()];
        const [twoFleet, oneFleet, twoLoop, oneLoop] = [fleet(2, 1), fleet(1, 1), loopState(2), loopState(1)];
        const write = (metrics: FleetMetrics, state: ReactiveLoopState, at: number, m: (typeof course)[0][0]) => {
          metrics.second[at] += intervalSeconds;
          metrics.load[at] = m.load;
          metrics.p95Milliseconds[at] = m.p95;
          metrics.cpuPercent[at] = m.cpu;
          metrics.ready[at] = m.ready;
          metrics.measuredReady[at] = m.ready;
          state.groupSize[at] = m.groupSize;
        };
        const width = both.builder.names.length;
        for (const moments of course) {
          write(twoFleet, twoLoop, 0, moments[0]);
          write(twoFleet, twoLoop, 1, moments[1]);
          write(oneFleet, oneLoop, 0, moments[lane]);
          both.builder.observe(twoFleet, twoLoop, both.out);
          alone.builder.observe(oneFleet, oneLoop, alone.out);
          const own = both.out.subarray(lane * width, (lane + 1) * width);
          const wrong = own.findIndex((value) => !Number.isFinite(value));
          expect(wrong, both.builder.names[wrong]).toBe(-1);
          expect(own).toEqual(alone.out);
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each([false, true])(
    'of a lane that begins anew knows nothing of its past (nothing measured yet: %s)',
    (missing) => {
      const { builder, out } = observer(frontend, 2);
      const [metrics, state] = [fleet(2, 1), loopState(2)];
      for (let k = 0; k < 30; k++) {
        const gone = missing && k > 20;
        metrics.second.fill(k * intervalSeconds);
        metrics.load.fill(gone ? Number.NaN : 500 + 137 * (k % 9));
        metrics.cpuPercent.fill(gone ? Number.NaN : 20 + 7 * (k % 5));
        builder.observe(metrics, state, out);
      }
      const width = builder.names.length;
      const untouched = out.slice(width);
      builder.resetLane(0, delays);
      builder.observeLane(metrics, state, 0, out);
      expect(out.slice(width)).toEqual(untouched);
      const fresh = observer(frontend, 2);
      fresh.builder.observe(metrics, state, fresh.out);
      expect(out.slice(0, width)).toEqual(fresh.out.slice(0, width));
    },
  );
});
