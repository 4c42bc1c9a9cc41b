import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../apps/load-app.ts';
import { createSimulator, defaultLaneParameters, type LaneParameters, type Simulator } from './simulator.ts';

const tickSeconds = 5;
const app = await loadApp('teastore');
const services = app.services.length;

/** A lane of a real application under a load that never repeats, scaled now and then so that nothing stays constant. */
function start(lanes: number, changes: Partial<LaneParameters>, seed = 0): Simulator {
  const simulator = createSimulator({ app, lanes, tickSeconds, maxMetricDelaySeconds: 300 });
  for (let lane = 0; lane < lanes; lane++) {
    simulator.resetLane(lane, { ...defaultLaneParameters(app), initialGroupSize: 10, ...changes, seed: seed + lane });
  }
  return simulator;
}

const loadAt = (tick: number) => 400 + 300 * Math.sin(tick / 7) + (tick % 13) * 11;

interface Truth {
  load: number;
  p95: number;
  requests: number[];
  cpu: number[];
  memory: number[];
  ready: number[];
}

function finishTick(simulator: Simulator, load: number): Truth {
  simulator.load.fill(load);
  simulator.endTick();
  const { truth, pods, lanes } = simulator;
  const first = (values: Float32Array | Int32Array) => Array.from({ length: services }, (_, s) => values[s * lanes]);
  return {
    load: simulator.load[0],
    p95: truth.p95Milliseconds[0],
    requests: first(truth.requestsPerSecond),
    cpu: first(truth.cpuPercent),
    memory: first(truth.memory),
    ready: first(pods.ready),
  };
}

describe('what a controller sees', () => {
  it('is the mean of the truth over the window that ended a lag ago, and the replica counts of now', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 0, max: 120 }),
        fc.array(fc.integer({ min: 1, max: 24 }), { minLength: 30, maxLength: 60 }),
        (metricLagSeconds, metricAveragingSeconds, sizes) => {
          const simulator = start(1, { metricLagSeconds, metricAveragingSeconds, startSecond: 3600 });
          const { metrics } = simulator;
          // The tick in hand is not over, so nothing is younger than one tick.
          const lagTicks = Math.max(1, Math.ceil(metricLagSeconds / tickSeconds));
          const windowTicks = Math.max(1, Math.round(metricAveragingSeconds / tickSeconds));
          const past: Truth[] = [];
          for (const [tick, size] of sizes.entries()) {
            simulator.startTick();
            simulator.observe();
            expect(metrics.second[0]).toBe(3600 + tick * tickSeconds);
            expect([...metrics.ready]).toEqual([...simulator.pods.ready]);
            expect([...metrics.desired]).toEqual([...simulator.pods.desired]);
            if (tick === 0) {
              expect(metrics.load[0]).toBeNaN();
              expect(metrics.p95Milliseconds[0]).toBeNaN();
            } else {
              // Before the episode the first tick's truth held.
              const newest = Math.max(0, tick - lagTicks);
              const window = past.slice(Math.max(0, newest - windowTicks + 1), newest + 1);
              const mean = (of: (truth: Truth) => number) =>
                Math.fround(window.reduce((sum, truth) => sum + of(truth), 0) / window.length);
              const close = (actual: number, expected: number) =>
                expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
              close(
                metrics.load[0],
                mean((truth) => truth.load),
              );
              close(
                metrics.p95Milliseconds[0],
                mean((truth) => truth.p95),
              );
              for (let s = 0; s < services; s++) {
                close(
                  metrics.requestsPerSecond[s],
                  mean((truth) => truth.requests[s]),
                );
                close(
                  metrics.cpuPercent[s],
                  mean((truth) => truth.cpu[s]),
                );
                close(
                  metrics.memory[s],
                  mean((truth) => truth.memory[s]),
                );
                expect(metrics.measuredReady[s]).toBe(past[newest].ready[s]);
              }
            }
            for (const [s, { ratio }] of app.services.entries()) {
              simulator.actions.replicas[s] = Math.ceil(ratio * size);
            }
            if (tick % 4 === 0) simulator.apply();
            past.push(finishTick(simulator, loadAt(tick)));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is the truth itself without averaging, bit for bit', () => {
    const simulator = start(1, { metricLagSeconds: 15, metricAveragingSeconds: 0 });
    const past: Truth[] = [];
    for (let tick = 0; tick < 20; tick++) {
      simulator.startTick();
      simulator.observe();
      if (tick >= 3) {
        expect(simulator.metrics.p95Milliseconds[0]).toBe(past[tick - 3].p95);
        expect([...simulator.metrics.cpuPercent]).toEqual(past[tick - 3].cpu);
      }
      past.push(finishTick(simulator, loadAt(tick)));
    }
  });

  it('with noise is right on average and off by the deviation asked for', () => {
    const lanes = 4000;
    const simulator = start(lanes, { metricNoise: 0.02, metricLagSeconds: 5, metricAveragingSeconds: 0 });
    simulator.startTick();
    const truth = finishTick(simulator, 500);
    simulator.startTick();
    simulator.observe();
    for (const [values, expected] of [
      [simulator.metrics.load, truth.load],
      [simulator.metrics.p95Milliseconds, truth.p95],
      [simulator.metrics.cpuPercent.subarray(0, lanes), truth.cpu[0]],
      [simulator.metrics.requestsPerSecond.subarray(0, lanes), truth.requests[0]],
    ] as const) {
      let [sum, squares] = [0, 0];
      for (const value of values) {
        sum += value / expected - 1;
        squares += (value / expected - 1) ** 2;
      }
      // Four standard errors of a mean and of a deviation over 4,000 draws.
      expect(Math.abs(sum / lanes)).toBeLessThan((4 * 0.02) / Math.sqrt(lanes));
      expect(Math.abs(Math.sqrt(squares / lanes) / 0.02 - 1)).toBeLessThan(4 / Math.sqrt(2 * lanes));
    }
  });

  it('is missing in gaps as often and as long as asked for, all metrics together, replica counts never', () => {
    const lanes = 400;
    const ticks = 1440;
    const gapTicks = 12;
    const simulator = start(lanes, {
      metricGapsPerHour: 3,
      metricGapSeconds: gapTicks * tickSeconds,
      metricLagSeconds: 5,
    });
    const { metrics } = simulator;
    const gapLength = new Int32Array(lanes);
    let [gaps, missing, seen] = [0, 0, 0];
    for (let tick = 0; tick < ticks; tick++) {
      simulator.startTick();
      simulator.observe();
      for (let lane = 0; lane < lanes && tick > 0; lane++) {
        const gone = Number.isNaN(metrics.load[lane]);
        seen++;
        for (const values of [metrics.p95Milliseconds, metrics.cpuPercent, metrics.memory, metrics.requestsPerSecond]) {
          if (Number.isNaN(values[lane]) !== gone) throw new Error(`half a gap in lane ${lane} at tick ${tick}`);
        }
        if (gone) {
          missing++;
          gapLength[lane]++;
        } else if (gapLength[lane] > 0) {
          gaps++;
          expect(gapLength[lane]).toBeGreaterThanOrEqual(gapTicks);
          gapLength[lane] = 0;
        }
      }
      expect(metrics.ready[0]).toBe(simulator.pods.ready[0]);
      simulator.load.fill(300);
      simulator.endTick();
    }
    // A gap begins with the hourly rate while none is on: the share missing is g / (g + 1 / p).
    const perTick = (3 * tickSeconds) / 3600;
    const share = gapTicks / (gapTicks + 1 / perTick - 1);
    expect(missing / seen).toBeGreaterThan(share * 0.9);
    expect(missing / seen).toBeLessThan(share * 1.1);
    expect(gaps).toBeGreaterThan(1000);
  });

  it('cannot be older than the simulator keeps', () => {
    expect(() => start(1, { metricLagSeconds: 290, metricAveragingSeconds: 60 })).toThrow(RangeError);
  });
});
