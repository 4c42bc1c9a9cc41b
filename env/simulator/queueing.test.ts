import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AppModel, appModelSchema } from '../apps/app-model.ts';
import { loadApp, shippedApps } from '../apps/load-app.ts';
import { createQueueingCapacity, createQueueingKernel, neededGroupSize, visitsPerRequest } from './queueing.ts';
import { lognormalP95, waitFactors, waitProbability, waitProbabilityTable } from './queueing-delay.ts';

const tickSeconds = 5;

/** Runs a batch over per-tick, per-lane loads; `each` sees the outputs after every tick. */
function run(
  app: AppModel,
  { loads, ready, memorySize = 1, capacity = 1, second = 0, demandScale }: RunOptions,
  each: (state: ReturnType<typeof outputs> & { tick: number; kernel: ReturnType<typeof createQueueingKernel> }) => void,
) {
  const lanes = loads[0].length;
  const services = app.services.length;
  const kernel = createQueueingKernel(app, lanes, tickSeconds, demandScale);
  const out = outputs(services, lanes);
  const pods = new Int32Array(services * lanes);
  for (let i = 0; i < services; i++) for (let lane = 0; lane < lanes; lane++) pods[i * lanes + lane] = ready(i, lane);
  const [capacities, sizes] = [new Float32Array(lanes).fill(capacity), new Float32Array(lanes).fill(memorySize)];
  for (const [tick, load] of loads.entries()) {
    kernel.tick(
      new Float64Array(lanes).fill(second + tick * tickSeconds),
      Float32Array.from(load),
      capacities,
      pods,
      sizes,
      out,
    );
    each({ ...out, tick, kernel });
  }
}

interface RunOptions {
  loads: number[][];
  ready: (service: number, lane: number) => number;
  memorySize?: number;
  capacity?: number;
  second?: number;
  demandScale?: Float32Array;
}

function outputs(services: number, lanes: number) {
  return {
    p95Milliseconds: new Float32Array(lanes),
    requestsPerSecond: new Float32Array(services * lanes),
    cpuPercent: new Float32Array(services * lanes),
    memory: new Float32Array(services * lanes),
  };
}

function members(app: AppModel, groupSize: number) {
  return app.services.map(({ ratio, minReplicas, maxReplicas }) =>
    Math.min(maxReplicas, Math.max(minReplicas, Math.ceil(ratio * groupSize - 1e-9))),
  );
}

/** Random applications of up to five services, calls only forward; `memory` adds feedback from memory to CPU. */
const anyApp = (memory: boolean) =>
  fc
    .array(
      fc.record({
        cpuMilliseconds: fc.double({ min: 0.2, max: 10, noNaN: true }),
        squaredVariation: fc.constantFrom(0, 0.5, 1, 2),
        fixedMilliseconds: fc.constantFrom(0, 2),
        cores: fc.constantFrom(0.25, 0.5, 1, 2, 4),
        memoryPercentPerRequest: memory ? fc.double({ min: 0, max: 1, noNaN: true }) : fc.constant(0),
        memoryPercentPerRps: memory ? fc.double({ min: 0, max: 0.3, noNaN: true }) : fc.constant(0),
        calls: fc.array(fc.double({ min: 0.05, max: 3, noNaN: true }), { minLength: 5, maxLength: 5 }),
        called: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      }),
      { minLength: 1, maxLength: 5 },
    )
    .map((rows) =>
      appModelSchema.parse({
        version: 1,
        name: 'random',
        description: '',
        source: 'test',
        slaP95Milliseconds: 100,
        coldStartSeconds: 30,
        metricLagSeconds: 30,
        metricAveragingSeconds: 30,
        maxGroupSize: 10,
        services: rows.map((_, i) => ({ name: `s${i}`, maxReplicas: 10 })),
        serving: {
          kind: 'queueing',
          demands: rows.map(({ calls: _calls, called: _called, ...demand }) => demand),
          calls: rows.flatMap(({ calls, called }, from) =>
            rows.flatMap((_, to) => (to > from && called[to] ? [{ from, to, perVisit: calls[to] }] : [])),
          ),
        },
      }),
    );
const loadPath = fc.array(fc.double({ min: 0, max: 1500, noNaN: true }), { minLength: 1, maxLength: 12 });

describe('waiting of one pod', () => {
  it.each([
    ['M/M/1', 1, 0.8, 4, 24],
    ['M/D/1', 0, 0.8, 2, 16 / 3],
    ['M/G/1 with C² = 2', 2, 0.5, 1.5, 7.25],
  ])('has the mean and variance known of %s', (_name, squaredVariation, utilization, mean, variance) => {
    // S = 1, one core. Takács: E[W²] = 2 E[W]² + λ E[S³] / (3 (1 − ρ)), with E[S³] = (1 + C²)(1 + 2 C²).
    const { mean: factor, squareBusy, squareIdle } = waitFactors(squaredVariation);
    const pace = 1 / (1 - utilization);
    const wait = utilization * pace * factor;
    const square = utilization * pace * pace * (squareBusy * utilization + squareIdle * (1 - utilization));
    expect(wait).toBeCloseTo(mean, 9);
    expect(square - wait * wait).toBeCloseTo(variance, 9);
  });

  it('waits with nearly the probability of Erlang’s C formula on several cores', () => {
    // Erlang C at c = 4, ρ = 0.8: 0.5964.
    expect(waitProbability(waitProbabilityTable(4), 0.8)).toBeCloseTo(0.5964, 1);
    expect(waitProbability(waitProbabilityTable(4), 1)).toBe(1);
  });

  it('gives a p95 that increases with mean and variance', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-4, max: 5, noNaN: true }),
        fc.double({ min: 0, max: 30, noNaN: true }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (mean, variance, more) => {
          const p95 = lognormalP95(mean, variance);
          expect(lognormalP95(mean, variance * more)).toBeGreaterThanOrEqual(p95 * (1 - 1e-12));
          // The table's chords leave a trace of curvature where variance dwarfs the mean.
          expect(lognormalP95(mean * more, variance)).toBeGreaterThanOrEqual(p95 * (1 - 1e-3));
        },
      ),
    );
    expect(lognormalP95(1, 1)).toBeCloseTo(Math.exp(1.6448536 * Math.sqrt(Math.log(2)) - Math.log(2) / 2), 3);
  });
});

describe('queueing kernel', () => {
  it('loses no visit: arrivals are served, wait or have timed out', () => {
    fc.assert(
      fc.property(anyApp(true), loadPath, fc.integer({ min: 0, max: 4 }), (app, path, pods) => {
        const services = app.services.length;
        const [arrived, served] = [new Float64Array(services), new Float64Array(services)];
        run(app, { loads: path.map((load) => [load]), ready: (i) => (i === 1 ? pods : 2) }, (state) => {
          const { requestsPerSecond, cpuPercent, memory, p95Milliseconds, kernel } = state;
          for (let i = 0; i < services; i++) {
            arrived[i] += requestsPerSecond[i] * tickSeconds;
            served[i] += kernel.served[i] * tickSeconds;
            const accounted = served[i] + kernel.backlog[i] + kernel.timedOut[i];
            expect(Math.abs(arrived[i] - accounted)).toBeLessThanOrEqual(1e-5 * Math.max(1, arrived[i]));
            expect(cpuPercent[i]).toBeGreaterThanOrEqual(0);
            expect(cpuPercent[i]).toBeLessThanOrEqual(100.0001);
            expect(memory[i]).toBeGreaterThanOrEqual(30);
            expect(memory[i]).toBeLessThanOrEqual(100);
          }
          expect(p95Milliseconds[0]).toBeGreaterThan(0);
          expect(p95Milliseconds[0]).toBeLessThanOrEqual(10_000);
        });
      }),
    );
  });

  it('never lowers p95 for more load', () => {
    fc.assert(
      fc.property(anyApp(true), loadPath, fc.double({ min: 1, max: 2, noNaN: true }), (app, path, factor) => {
        run(
          app,
          { loads: path.map((load) => [load, load * factor]), ready: () => 2 },
          ({ p95Milliseconds: [less, more] }) => expect(more).toBeGreaterThanOrEqual(less * (1 - 1e-3)),
        );
      }),
    );
  });

  it('never raises p95 for more pods anywhere', () => {
    // Without memory feedback: a saturated caller really does protect a callee whose heap is nearly full.
    fc.assert(
      fc.property(anyApp(false), loadPath, fc.nat({ max: 4 }), (app, path, where) => {
        run(
          app,
          { loads: path.map((load) => [load, load]), ready: (i, lane) => 2 + (lane === 1 && i === where ? 1 : 0) },
          ({ p95Milliseconds: [fewer, more] }) => expect(more).toBeLessThanOrEqual(fewer * (1 + 1e-3)),
        );
      }),
    );
  });

  it('computes a lane of a batch as it computes that lane alone, whatever its neighbours do', () => {
    fc.assert(
      fc.property(anyApp(true), loadPath, fc.integer({ min: 0, max: 130 }), (app, path, lane) => {
        const lanes = 131; // more than two blocks
        const batch: number[] = [];
        const alone: number[] = [];
        const all = (s: ReturnType<typeof outputs>, k: number, stride: number) =>
          app.services.flatMap((_, i) => [s.requestsPerSecond, s.cpuPercent, s.memory].map((a) => a[i * stride + k]));
        const neighbours = path.map((load) => Array.from({ length: lanes }, (_, k) => (k === lane ? load : 37 * k)));
        run(app, { loads: neighbours, ready: () => 2 }, (s) =>
          batch.push(s.p95Milliseconds[lane], ...all(s, lane, lanes)),
        );
        run(app, { loads: path.map((load) => [load]), ready: () => 2 }, (s) =>
          alone.push(s.p95Milliseconds[0], ...all(s, 0, 1)),
        );
        expect(batch).toEqual(alone);
      }),
      { numRuns: 30 },
    );
  });

  it('reads latency, CPU and memory at load ÷ capacity, and reports the requests that really arrive', async () => {
    const app = await loadApp('boutique');
    const visits = visitsPerRequest(app);
    const seen: Record<string, ReturnType<typeof outputs>> = {};
    run(app, { loads: [[350]], ready: () => 2, capacity: 0.7 }, (state) => (seen.weaker = state));
    run(app, { loads: [[500]], ready: () => 2 }, (state) => (seen.loaded = state));
    expect(seen.weaker.p95Milliseconds[0]).toBeCloseTo(seen.loaded.p95Milliseconds[0], 2);
    for (let i = 0; i < visits.length; i++) {
      expect(seen.weaker.cpuPercent[i]).toBeCloseTo(seen.loaded.cpuPercent[i], 3);
      expect(seen.weaker.memory[i]).toBeCloseTo(seen.loaded.memory[i], 3);
      expect(seen.weaker.requestsPerSecond[i]).toBeCloseTo(350 * visits[i], 2);
    }
  });

  it('takes demand factors per lane, or per service and lane', async () => {
    const app = await loadApp('teastore');
    const services = app.services.length;
    const cpu = (demandScale: Float32Array, lane: number) => {
      let result: number[] = [];
      run(app, { loads: [[200, 200]], ready: () => 2, demandScale }, ({ cpuPercent }) => {
        result = app.services.map((_, i) => cpuPercent[i * 2 + lane]);
      });
      return result;
    };
    const standard = cpu(Float32Array.of(1, 1), 0);
    expect(cpu(Float32Array.of(1, 1.5), 1)[0]).toBeCloseTo(1.5 * standard[0], 3);
    const single = new Float32Array(services * 2).fill(1);
    single[3 * 2 + 1] = 2;
    expect(cpu(single, 1).map((value, i) => value / standard[i])).toEqual(
      app.services.map((_, i) => expect.closeTo(i === 3 ? 2 : 1, 4)),
    );
  });

  it('answers with the timeout while no pod is ready, and recovers once pods are', async () => {
    const app = await loadApp('teastore');
    const services = app.services.length;
    const kernel = createQueueingKernel(app, 1, tickSeconds);
    const out = outputs(services, 1);
    const [second, load, one] = [new Float64Array(1), Float32Array.of(200), Float32Array.of(1)];
    kernel.tick(second, load, one, new Int32Array(services), one, out);
    expect(out.p95Milliseconds[0]).toBe(10_000);
    expect(kernel.timedOut[0]).toBeCloseTo(1000, 3);
    for (let tick = 0; tick < 3; tick++) kernel.tick(second, load, one, new Int32Array(services).fill(3), one, out);
    expect(out.p95Milliseconds[0]).toBeLessThan(50);
  });

  it('forgets a lane that is reset, and only that one', async () => {
    const app = await loadApp('teastore');
    const services = app.services.length;
    const kernel = createQueueingKernel(app, 2, tickSeconds);
    const out = outputs(services, 2);
    const [second, one, ready] = [new Float64Array(2), Float32Array.of(1, 1), new Int32Array(services * 2).fill(1)];
    for (let tick = 0; tick < 5; tick++) kernel.tick(second, Float32Array.of(900, 900), one, ready, one, out);
    kernel.resetLane(1);
    kernel.tick(second, Float32Array.of(100, 100), one, ready, one, out);
    expect(out.p95Milliseconds[0]).toBeGreaterThan(1000);
    expect(out.p95Milliseconds[1]).toBeLessThan(50);
  });
});

describe('shipped queueing apps', () => {
  const names = shippedApps.filter((name) => name !== 'frontend');

  it.each(names)(
    '%s needs the smallest group within the SLA, and a third of its largest serves a third of its load',
    async (name) => {
      const app = await loadApp(name);
      const capacity = createQueueingCapacity(app);
      const p95 = (groupSize: number, load: number) => {
        const pods = members(app, groupSize);
        let last = 0;
        run(app, { loads: Array.from({ length: 40 }, () => [load]), ready: (i) => pods[i] }, (state) => {
          last = state.p95Milliseconds[0];
        });
        return last;
      };
      const highest = capacity.highestLoad(app.maxGroupSize, 0);
      let previous = app.minGroupSize;
      for (let load = 50; load < highest; load += highest / 13) {
        const size = neededGroupSize(app, load, 1, 0);
        expect(p95(size, load)).toBeLessThanOrEqual(app.slaP95Milliseconds);
        if (size > app.minGroupSize) expect(p95(size - 1, load)).toBeGreaterThan(app.slaP95Milliseconds);
        expect(size).toBeGreaterThanOrEqual(previous);
        expect(neededGroupSize(app, load / 2, 0.5, 0)).toBe(size);
        previous = size;
      }
      expect(neededGroupSize(app, highest * 2, 1, 0)).toBe(app.maxGroupSize);
      expect(Math.abs(neededGroupSize(app, highest / 3, 1, 0) - app.maxGroupSize / 3)).toBeLessThanOrEqual(2);
    },
  );

  it.each([
    // hour, pods of group size 9 or 13, memory size → is p95 within the SLA, do CPU and memory read high?
    ['calm', 0, 9, 1, { within: true, cpuHigh: false, memoryHigh: false }],
    ['memory-heavy', 0.5, 9, 1, { within: false, cpuHigh: true, memoryHigh: true }],
    ['memory-heavy, one step of memory', 0.5, 9, 1.25, { within: true, cpuHigh: false, memoryHigh: true }],
    ['memory-heavy, two steps of memory', 0.5, 9, 1.5, { within: true, cpuHigh: false, memoryHigh: false }],
    ['memory-heavy, four pod steps', 0.5, 13, 1, { within: false, cpuHigh: true, memoryHigh: true }],
    ['CPU-heavy', 1.5, 9, 1, { within: false, cpuHigh: true, memoryHigh: true }],
    ['CPU-heavy, four steps of memory', 1.5, 9, 2, { within: false, cpuHigh: true, memoryHigh: false }],
    ['CPU-heavy, four pod steps', 1.5, 13, 1, { within: true, cpuHigh: false, memoryHigh: false }],
  ])('boutique-moving, %s', async (_phase, hour, groupSize, memorySize, expected) => {
    const app = await loadApp('boutique-moving');
    const [before, after] = [members(app, 9), members(app, groupSize)];
    const services = app.services.length;
    const kernel = createQueueingKernel(app, 1, tickSeconds);
    const out = outputs(services, 1);
    const [one, load, second] = [Float32Array.of(1), Float32Array.of(500), Float64Array.of(hour * 3600)];
    // A minute until the reaction takes effect, five more until it has.
    for (let tick = 0; tick < 12; tick++) kernel.tick(second, load, one, Int32Array.from(before), one, out);
    for (let tick = 0; tick < 60; tick++) {
      kernel.tick(second, load, one, Int32Array.from(after), Float32Array.of(memorySize), out);
    }
    expect({
      within: out.p95Milliseconds[0] <= app.slaP95Milliseconds,
      cpuHigh: Math.max(...out.cpuPercent) > 72,
      memoryHigh: Math.max(...out.memory) > 62,
    }).toEqual(expected);
  });
});
