import { describe, expect, it } from 'vitest';
import { loadApp } from '../apps/load-app.ts';
import type { FleetController } from '../ports.ts';
import { loadPerTick, type Trace } from '../workload/trace.ts';
import { parseCapacity } from './capacity.ts';
import { createMeasuredSurface } from './measured-surface.ts';
import { playTraces } from './play.ts';

const app = await loadApp('frontend');
if (app.serving.kind !== 'measured') throw new Error('the frontend is the measured app');
const surface = createMeasuredSurface(app.serving.curves);

/** Orders by the load it sees; keeps what it saw. */
function followLoad(lanes: number): FleetController & { seen: { second: number; load: number }[]; resets: number[] } {
  const seen: { second: number; load: number }[] = [];
  const resets: number[] = [];
  return {
    intervalSeconds: 30,
    seen,
    resets,
    resetLane: (lane) => resets.push(lane),
    decide(metrics, actions) {
      seen.push({ second: metrics.second[0], load: metrics.load[0] });
      for (let lane = 0; lane < lanes; lane++) {
        if (metrics.load[lane] >= 0) actions.replicas[lane] = Math.ceil(metrics.load[lane] / 550);
      }
    },
  };
}

const wave = (name: string, ticks: number, period: number): Trace => ({
  name,
  seconds: Array.from({ length: ticks + 1 }, (_, i) => i * 5),
  rps: Array.from({ length: ticks + 1 }, (_, i) => 3000 + 2500 * Math.sin((2 * Math.PI * i) / period)),
});
const traces = [wave('long', 600, 90), wave('short', 133, 40), wave('middle', 301, 200)];
const capacity = parseCapacity('0:1,600:0.7,1500:1.2');

describe('playing traces', () => {
  it('accounts for every trace up to its own end, by the surface at the load that is offered', () => {
    const loads = traces.map((trace) => loadPerTick(trace, 5));
    const sums = traces.map(() => ({ violating: 0, pods: 0, changes: 0, p95: 0, max: 0, desired: 0 }));
    const outcomes = playTraces({
      app,
      traces,
      controller: followLoad(3),
      capacity,
      onTick(tick, simulator) {
        for (const [lane, sum] of sums.entries()) {
          if (tick >= loads[lane].length) continue;
          const second = tick * 5;
          const factor = second < 600 ? 1 : second < 1500 ? 0.7 : 1.2;
          const p95 = surface.p95Milliseconds(simulator.pods.ready[lane], loads[lane][tick] / factor);
          expect(Math.abs(simulator.truth.p95Milliseconds[lane] / p95 - 1)).toBeLessThan(1e-5);
          const desired = simulator.pods.desired[lane];
          sum.violating += p95 > 5 ? 1 : 0;
          sum.pods += desired;
          sum.changes += tick > 0 && desired !== sum.desired ? 1 : 0;
          sum.desired = desired;
          sum.p95 += p95;
          sum.max = Math.max(sum.max, p95);
        }
      },
    });
    for (const [lane, outcome] of outcomes.entries()) {
      const ticks = loads[lane].length;
      const sum = sums[lane];
      expect(sum.violating).toBeGreaterThan(0);
      expect(outcome.steps).toBe(traces[lane].seconds.length - 1);
      expect(outcome.stepSeconds).toBe(5);
      expect(outcome.violationPercent).toBeCloseTo((100 * sum.violating) / ticks, 9);
      expect(outcome.meanReplicas).toBeCloseTo(sum.pods / ticks, 9);
      expect(outcome.podHours).toBeCloseTo((sum.pods * 5) / 3600, 9);
      expect(outcome.scalingActions).toBe(sum.changes);
      expect(outcome.p95Milliseconds.mean / (sum.p95 / ticks)).toBeCloseTo(1, 5);
      expect(outcome.p95Milliseconds.max / sum.max).toBeCloseTo(1, 5);
    }
  });

  it('gives a trace the same outcome alone as among others', () => {
    const together = playTraces({ app, traces, controller: followLoad(3), capacity });
    for (const [lane, trace] of traces.entries()) {
      expect(playTraces({ app, traces: [trace], controller: followLoad(1), capacity })[0]).toEqual(together[lane]);
    }
  });

  it('starts with the smallest fleet that meets the SLA, and asks the controller at its interval about a lag ago', () => {
    for (const load of [100, 1300, 4000, 30_000]) {
      let initial = 0;
      const controller = followLoad(1);
      const trace: Trace = { name: 't', seconds: [0, 100, 200], rps: [load, load * 2, 0] };
      playTraces({
        app,
        traces: [trace],
        controller,
        onTick: (tick, { pods }) => {
          if (tick === 0) initial = pods.desired[0];
        },
      });
      let smallest = 1;
      while (smallest < 15 && surface.p95Milliseconds(smallest, load) > 5) smallest++;
      expect(initial).toBe(smallest);
      expect(controller.resets).toEqual([0]);
      // 30 s of lag: the load of 100 s is seen from 130 s on.
      expect(controller.seen.map(({ second }) => second)).toEqual([0, 30, 60, 90, 120, 150, 180]);
      expect(controller.seen.map((seen) => seen.load)).toEqual([
        Number.NaN,
        load,
        load,
        load,
        load,
        load * 2,
        load * 2,
      ]);
    }
  });

  it('repeats itself for the same seed, and draws other noise for another', () => {
    const play = (seed: number) =>
      playTraces({
        app,
        traces,
        controller: followLoad(3),
        seed,
        parameters: { metricNoise: 0.05, podLossesPerHour: 5 },
      });
    expect(play(1)).toEqual(play(1));
    expect(play(2)).not.toEqual(play(1));
  });

  it('bills a grace that is longer than a start', () => {
    const trace: Trace = { name: 't', seconds: [0, 1000], rps: [5000, 0] };
    const play = (graceSeconds: number) => {
      const controller: FleetController = {
        intervalSeconds: 300,
        resetLane() {},
        decide: (_metrics, actions) => actions.replicas.fill(4),
      };
      return playTraces({ app, traces: [trace], controller, parameters: { graceSeconds, coldStartSeconds: 0 } })[0];
    };
    let started = 1;
    while (surface.p95Milliseconds(started, 5000) > 5) started++;
    const extra = ((started - 4) * 240) / 3600;
    expect(play(240).podHours - play(0).podHours).toBeCloseTo(extra, 9);
  });
});
