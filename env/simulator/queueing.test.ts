import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AppModel, appModelSchema } from '../apps/app-model.ts';
import { loadApp } from '../apps/load-app.ts';
import { createQueueingKernel, visitsPerRequest } from './queueing.ts';

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
        nominalLoad: 100,
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

/** The entry alone, whose callers wait as long as it takes. */
function patientEntry(app: AppModel): AppModel {
  const { serving } = app;
  if (serving.kind !== 'queueing') return app;
  const [demand] = serving.demands;
  return {
    ...app,
    services: app.services.slice(0, 1),
    serving: { ...serving, demands: [demand], calls: [], timeoutSeconds: 1e6 },
  };
}

const loadPath = fc.array(fc.double({ min: 0, max: 1500, noNaN: true }), { minLength: 1, maxLength: 12 });

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

  // With memory feedback only where nothing can shed load: slowed by its own full heap a caller lets less through, and
  // more of the waiting time out; what it calls, and those who come later, are then faster under more load.
  it.each([
    ['of any graph without memory feedback', anyApp(false)],
    ['of one service with memory feedback', anyApp(true).map(patientEntry)],
  ])('never lowers p95 for more load, nor raises it for more pods, %s', (_apps, apps) => {
    fc.assert(
      fc.property(
        apps,
        loadPath,
        fc.double({ min: 1, max: 2, noNaN: true }),
        fc.nat({ max: 4 }),
        (app, path, factor, where) => {
          // Lanes: as it is, more load, one more pod somewhere.
          const loads = path.map((load) => [load, load * factor, load]);
          const ready = (i: number, lane: number) => (lane === 2 && i === where % app.services.length ? 3 : 2);
          run(app, { loads, ready }, ({ p95Milliseconds: [base, loaded, larger] }) => {
            expect(loaded).toBeGreaterThanOrEqual(base * (1 - 1e-3));
            expect(larger).toBeLessThanOrEqual(base * (1 + 1e-3));
          });
        },
      ),
      { numRuns: 300 },
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
    const app = await loadApp('boutique-moving');
    const services = app.services.length;
    const [one, ready] = [Float32Array.of(1, 1), new Int32Array(services * 2).fill(1)];
    const kernel = createQueueingKernel(app, 2, tickSeconds);
    const play = (target: ReturnType<typeof createQueueingKernel>, rps: number, ticks: number) => {
      const out = outputs(services, 2);
      const latencies: number[][] = [];
      for (let tick = 0; tick < ticks; tick++) {
        target.tick(Float64Array.of(1800, 1800), Float32Array.of(rps, rps), one, ready, one, out);
        latencies.push([...out.p95Milliseconds]);
      }
      return latencies;
    };
    play(kernel, 900, 5);
    kernel.resetLane(1);
    const after = play(kernel, 400, 3);
    const fresh = play(createQueueingKernel(app, 2, tickSeconds), 400, 3);
    expect(after.map(([, reset]) => reset)).toEqual(fresh.map(([, lane]) => lane));
    expect(after[0][0]).toBeGreaterThan(2 * after[0][1]);
  });

  it('keeps requests in memory at their caller while they wait at what it calls', async () => {
    const app = await loadApp('teastore');
    const persistence = app.services.findIndex(({ name }) => name === 'persistence');
    const webuiMemory = (persistencePods: number) => {
      let last = 0;
      const ready = (i: number) => (i === persistence ? persistencePods : 6);
      run(app, { loads: [[800], [800], [800]], ready }, ({ memory }) => {
        last = memory[0];
      });
      return last;
    };
    // All 200 workers of webui are taken: 200 × 0.12 %, less the few that were busy before.
    expect(webuiMemory(1) - webuiMemory(6)).toBeGreaterThan(22);
  });
});
