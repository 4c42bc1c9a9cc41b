import { describe, expect, it } from 'vitest';
import type { AppModel } from '../apps/app-model.ts';
import { loadApp } from '../apps/load-app.ts';
import { simulateDiscreteEvents } from './discrete-event.oracle.ts';
import { createQueueingKernel, visitsPerRequest } from './queueing.ts';
import { queueingServing } from './queueing-services.ts';

const tickSeconds = 5;

function setUp(app: AppModel, groupSize: number) {
  const ready = app.services.map(({ ratio, minReplicas, maxReplicas }) =>
    Math.min(maxReplicas, Math.max(minReplicas, Math.ceil(ratio * groupSize - 1e-9))),
  );
  const visits = visitsPerRequest(app);
  const limits = queueingServing(app).demands.map(
    (d, i) => (1000 * ready[i] * d.cores) / (visits[i] * d.cpuMilliseconds),
  );
  return { ready, saturation: Math.min(...limits) };
}

/** p95 and CPU of the kernel, tick by tick. */
function runKernel(app: AppModel, ready: number[], load: (second: number) => number, ticks: number) {
  const services = app.services.length;
  const kernel = createQueueingKernel(app, 1, tickSeconds);
  const out = {
    p95Milliseconds: new Float32Array(1),
    requestsPerSecond: new Float32Array(services),
    cpuPercent: new Float32Array(services),
    memory: new Float32Array(services),
  };
  const one = Float32Array.of(1);
  return Array.from({ length: ticks }, (_, tick) => {
    const second = tick * tickSeconds;
    kernel.tick(Float64Array.of(second), Float32Array.of(load(second)), one, Int32Array.from(ready), one, out);
    return { p95: out.p95Milliseconds[0], cpu: Float32Array.from(out.cpuPercent) };
  });
}

function percentile95(values: Float64Array): number {
  return values.slice().sort()[Math.floor(0.95 * values.length)];
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe('discrete-event simulation', () => {
  it('agrees with M/M/1, whose response time is exponential with mean S / (1 − ρ)', async () => {
    const teastore = await loadApp('teastore');
    const serving = queueingServing(teastore);
    const app: AppModel = {
      ...teastore,
      services: teastore.services.slice(0, 1),
      serving: {
        ...serving,
        calls: [],
        demands: [{ ...serving.demands[0], cpuMilliseconds: 5, cores: 1, fixedMilliseconds: 0 }],
      },
    };
    const result = simulateDiscreteEvents({
      app,
      ready: [1],
      load: () => 140,
      highestLoad: 140,
      seconds: 2500,
      seed: 7,
    });
    expect(mean(result.responseMilliseconds) / (5 / (1 - 0.7))).toBeCloseTo(1, 1);
    expect(percentile95(result.responseMilliseconds) / ((5 / (1 - 0.7)) * Math.log(20))).toBeCloseTo(1, 1);
    expect(result.cpuPercent[0]).toBeCloseTo(70, -0.5);
  });

  it('repeats itself for the same seed', async () => {
    const app = await loadApp('boutique');
    const options = { app, ready: setUp(app, 6).ready, load: () => 200, highestLoad: 200, seconds: 20 };
    const [a, b, c] = [1, 1, 2].map((seed) => simulateDiscreteEvents({ ...options, seed }).responseMilliseconds);
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });
});

describe.each([
  ['teastore', 8],
  ['boutique', 12],
] as const)('queueing kernel against discrete events: %s', (name, groupSize) => {
  it.each([
    // bottleneck utilisation, bound on p95's relative error
    [0.2, 0.05],
    [0.4, 0.05],
    [0.6, 0.06],
    [0.8, 0.08],
    [0.9, 0.12],
    [0.95, 0.15],
  ])('p95 and CPU in steady state at utilisation %d', async (utilization, bound) => {
    const app = await loadApp(name);
    const { ready, saturation } = setUp(app, groupSize);
    const load = saturation * utilization;
    const requests = utilization >= 0.9 ? 150_000 : 60_000;
    const result = simulateDiscreteEvents({
      app,
      ready,
      load: () => load,
      highestLoad: load,
      seconds: requests / load,
      seed: 1,
    });
    const settled = result.responseMilliseconds.subarray(Math.floor(0.1 * result.responseMilliseconds.length));
    const { p95, cpu } = runKernel(app, ready, () => load, 20)[19];
    expect(Math.abs(p95 / percentile95(settled) - 1)).toBeLessThan(bound);
    for (const [i, percent] of cpu.entries()) expect(Math.abs(percent - result.cpuPercent[i])).toBeLessThan(2);
  });

  it('breaks the SLA in the same ticks of a step overload, with p95 within 40 % once the backlog is built', async () => {
    const app = await loadApp(name);
    const { ready, saturation } = setUp(app, groupSize);
    const load = (second: number) => saturation * (second >= 30 && second < 50 ? 1.15 : 0.6);
    const ticks = 20;
    const { arrivalSecond, responseMilliseconds } = simulateDiscreteEvents({
      app,
      ready,
      load,
      highestLoad: 1.15 * saturation,
      seconds: ticks * tickSeconds,
      seed: 1,
    });
    const model = runKernel(app, ready, load, ticks).map((tick) => tick.p95);
    const truth = model.map((_, tick) =>
      percentile95(responseMilliseconds.filter((_value, i) => Math.floor(arrivalSecond[i] / tickSeconds) === tick)),
    );
    const breaks = (p95: number) => p95 > app.slaP95Milliseconds;
    expect(model.map(breaks)).toEqual(truth.map(breaks));
    expect(model.filter(breaks).length).toBeGreaterThan(4);
    for (const [tick, p95] of model.entries()) {
      if (tick !== 6) expect(Math.abs(p95 / truth[tick] - 1)).toBeLessThan(0.4);
    }
  });
});
