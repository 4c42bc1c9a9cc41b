import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AppModel } from '../apps/app-model.ts';
import { loadApp } from '../apps/load-app.ts';
import { createDraw, mixSeed } from '../random.ts';
import { createMeasuredSurface } from './measured-surface.ts';
import { createSimulator, defaultLaneParameters, type LaneParameters, type Simulator } from './simulator.ts';

const [frontend, teastore] = await Promise.all([loadApp('frontend'), loadApp('teastore')]);
const limits = { maxColdStartSeconds: 400, maxMetricDelaySeconds: 300 };

/** Everything random switched on, differently in every episode. */
function anyParameters(app: AppModel, seed: number): LaneParameters {
  const draw = createDraw(seed);
  return {
    seed,
    initialGroupSize: Math.round(draw.uniform(1, app.maxGroupSize)),
    startSecond: Math.floor(draw.uniform(0, 80_000)),
    coldStartSeconds: Math.round(draw.uniform(0, 80)),
    metricLagSeconds: Math.round(draw.uniform(0, 90)),
    metricAveragingSeconds: Math.round(draw.uniform(0, 60)),
    metricNoise: draw.uniform(0.001, 0.1),
    metricGapsPerHour: draw.uniform(5, 60),
    metricGapSeconds: draw.uniform(10, 90),
    podLossesPerHour: draw.uniform(2, 40),
    slowStartProbability: draw.uniform(0.1, 0.6),
    slowStartFactor: draw.uniform(1, 4),
    graceSeconds: Math.round(draw.uniform(0, 40)),
    demandFactor: draw.uniform(0.8, 1.2),
  };
}

/** Load, capacity and actions of an episode's tick: a function of the episode alone. */
function drive(simulator: Simulator, lane: number, episodeSeed: number, tick: number): void {
  const draw = createDraw(mixSeed(episodeSeed, tick));
  simulator.load[lane] = draw.uniform(0, 4000) / simulator.services;
  simulator.capacity[lane] = draw.uniform(0.6, 1.5);
  if (draw.chance(0.3)) {
    for (let s = 0; s < simulator.services; s++) {
      simulator.actions.replicas[s * simulator.lanes + lane] = Math.round(draw.uniform(-2, 14));
    }
    simulator.actions.memorySize[lane] = draw.uniform(0.5, 2);
  }
}

/** All that can be seen of a lane after a tick. */
function state(simulator: Simulator, lane: number): number[] {
  const { lanes, services, metrics, truth, pods, totals } = simulator;
  const perLane = [metrics.second, metrics.load, metrics.p95Milliseconds, metrics.memorySize, truth.p95Milliseconds];
  const perService = [
    metrics.requestsPerSecond,
    metrics.cpuPercent,
    metrics.memory,
    metrics.measuredReady,
    truth.requestsPerSecond,
    truth.cpuPercent,
    truth.memory,
    pods.ready,
    pods.desired,
  ];
  const values = [...perLane, ...Object.values(totals)].map((array) => array[lane]);
  for (const array of perService) for (let s = 0; s < services; s++) values.push(array[s * lanes + lane]);
  return values;
}

const decisionTicks = 3;
const episodeTicks = 60;

/** Plays episodes one after another; `starts[lane]` says at which tick the lane's episode begins. */
function playBatch(app: AppModel, seeds: readonly number[], starts: readonly number[]): number[][][] {
  const lanes = seeds.length;
  const simulator = createSimulator({ app, lanes, ...limits });
  for (let lane = 0; lane < lanes; lane++) simulator.resetLane(lane, anyParameters(app, mixSeed(seeds[lane], 99)));
  const history: number[][][] = seeds.map(() => []);
  const until = Math.max(...starts) + episodeTicks;
  for (let tick = 0; tick < until; tick++) {
    // Lanes that begin later play another episode before, whose traces must be gone.
    for (let lane = 0; lane < lanes; lane++) {
      if (tick !== starts[lane]) continue;
      simulator.resetLane(lane, anyParameters(app, seeds[lane]));
      for (const values of Object.values(simulator.totals)) values[lane] = 0;
    }
    simulator.startTick();
    const decides = tick % decisionTicks === 0;
    if (decides) simulator.observe();
    for (let lane = 0; lane < lanes; lane++) drive(simulator, lane, seeds[lane], tick - starts[lane]);
    if (decides) simulator.apply();
    simulator.endTick();
    for (let lane = 0; lane < lanes; lane++) {
      if (tick >= starts[lane] && tick < starts[lane] + episodeTicks) history[lane].push(state(simulator, lane));
    }
  }
  return history;
}

describe.each([
  ['measured', frontend],
  ['queueing', teastore],
] as const)('a lane of a %s application', (_kind, app) => {
  it('goes the same way alone, in any batch and after any other episode, with all randomness on', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ seed: fc.integer(), startDecision: fc.integer({ min: 0, max: 12 }) }), {
          minLength: 1,
          maxLength: 5,
        }),
        (lanes) => {
          const seeds = lanes.map((lane) => lane.seed);
          const starts = lanes.map((lane) => lane.startDecision * decisionTicks);
          const together = playBatch(app, seeds, starts);
          for (const [lane, seed] of seeds.entries()) expect(playBatch(app, [seed], [0])[0]).toEqual(together[lane]);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('goes another way for another seed', () => {
    const [a, b] = playBatch(app, [1, 2], [0, 0]);
    expect(a).not.toEqual(b);
  });
});

/** Plays loads with a fixed number of pods; the totals at the end. */
function playFixed(app: AppModel, replicas: number, loads: readonly number[], capacity = 1) {
  const simulator = createSimulator({ app, lanes: 1 });
  simulator.resetLane(0, { ...defaultLaneParameters(app), initialGroupSize: replicas });
  simulator.capacity[0] = capacity;
  const p95: number[] = [];
  for (const load of loads) {
    simulator.startTick();
    simulator.load[0] = load;
    simulator.endTick();
    p95.push(simulator.truth.p95Milliseconds[0]);
  }
  return { totals: simulator.totals, p95 };
}

describe('accounting', () => {
  it('counts ticks above the SLA, their depth up to twice the SLA, and pods', () => {
    const loads = Array.from({ length: 200 }, (_, i) => i * 12);
    const { totals, p95 } = playFixed(frontend, 1, loads);
    const above = p95.filter((value) => value > 5);
    expect(above.length).toBeGreaterThan(50);
    expect(totals.violationTicks[0]).toBe(above.length);
    expect(totals.violationDepth[0]).toBeCloseTo(
      above.reduce((sum, value) => sum + Math.min(1, value / 5 - 1), 0),
      4,
    );
    expect([totals.ticks[0], totals.podTicks[0], totals.podChanges[0], totals.scalingActions[0]]).toEqual([
      200, 200, 0, 0,
    ]);
  });
});

/**
 * What is monotone in the measured data, and what is not. p95 wobbles within its scatter (by up to 0.7 ms down with
 * more load, by up to 0.25 ms up with one more pod), but the border of the SLA is crossed once by every curve, and
 * later by every larger fleet. So violations are monotone exactly, and those are what is judged.
 */
describe('the measured frontend', () => {
  const surface = frontend.serving.kind === 'measured' ? createMeasuredSurface(frontend.serving.curves) : undefined;
  if (surface === undefined) throw new Error('the frontend is the measured app');

  it('violates its SLA above a load that grows with every pod, and p95 falls within its scatter only', () => {
    let previous = 0;
    for (let replicas = 1; replicas <= 15; replicas++) {
      const capacity = surface.capacity(replicas, 5);
      expect(capacity).toBeGreaterThan(previous);
      previous = capacity;
      let highest = 0;
      let [relapses, deepest, worse] = [0, 0, 0];
      for (let load = 0; load < 20_000; load += 5) {
        const p95 = surface.p95Milliseconds(replicas, load);
        if (p95 > 5 !== load > capacity) relapses++;
        deepest = Math.max(deepest, highest - p95);
        highest = Math.max(highest, p95);
        if (replicas > 1) worse = Math.max(worse, p95 - surface.p95Milliseconds(replicas - 1, load));
      }
      expect(relapses).toBe(0);
      expect(deepest).toBeLessThan(0.71);
      expect(worse).toBeLessThan(0.26);
    }
  });

  it('violates no less under more load, with fewer pods or with weaker ones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 12_000, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 2, max: 15 }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (loads, replicas, factor) => {
          const usual = playFixed(frontend, replicas, loads).totals.violationTicks[0];
          const more = loads.map((load) => load * factor);
          expect(playFixed(frontend, replicas, more).totals.violationTicks[0]).toBeGreaterThanOrEqual(usual);
          expect(playFixed(frontend, replicas - 1, loads).totals.violationTicks[0]).toBeGreaterThanOrEqual(usual);
          expect(playFixed(frontend, replicas, loads, 1 / factor).totals.violationTicks[0]).toBeGreaterThanOrEqual(
            usual,
          );
        },
      ),
    );
  });
});
