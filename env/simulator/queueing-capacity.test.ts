import { describe, expect, it } from 'vitest';
import type { AppModel } from '../apps/app-model.ts';
import { loadApp, shippedApps } from '../apps/load-app.ts';
import { createQueueingCapacity, createQueueingKernel, neededGroupSize } from './queueing.ts';

interface Stage {
  groupSize: number;
  memorySize?: number;
  ticks: number;
}

function members(app: AppModel, groupSize: number) {
  return app.services.map(({ ratio, minReplicas, maxReplicas }) =>
    Math.min(maxReplicas, Math.max(minReplicas, Math.ceil(ratio * groupSize - 1e-9))),
  );
}

/** What the kernel says at the end of the last stage, under constant load in one moment of the day. */
function run(app: AppModel, stages: readonly Stage[], rps: number, second: number) {
  const services = app.services.length;
  const kernel = createQueueingKernel(app, 1, 5);
  const out = {
    p95Milliseconds: new Float32Array(1),
    requestsPerSecond: new Float32Array(services),
    cpuPercent: new Float32Array(services),
    memory: new Float32Array(services),
  };
  for (const { groupSize, memorySize = 1, ticks } of stages) {
    const [load, one, size] = [Float32Array.of(rps), Float32Array.of(1), Float32Array.of(memorySize)];
    const ready = Int32Array.from(members(app, groupSize));
    for (let tick = 0; tick < ticks; tick++) kernel.tick(Float64Array.of(second), load, one, ready, size, out);
  }
  return out;
}

describe('shipped queueing apps', () => {
  const names = shippedApps.filter((name) => name !== 'frontend');

  it.each(names)(
    '%s needs the smallest group within the SLA, and a third of its largest serves a third of its load',
    async (name) => {
      const app = await loadApp(name);
      const capacity = createQueueingCapacity(app);
      const p95 = (groupSize: number, load: number) => run(app, [{ groupSize, ticks: 40 }], load, 0).p95Milliseconds[0];
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
    // A minute until the reaction takes effect, five more until it has.
    const stages = [
      { groupSize: 9, ticks: 12 },
      { groupSize, memorySize, ticks: 60 },
    ];
    const out = run(app, stages, 500, hour * 3600);
    expect({
      within: out.p95Milliseconds[0] <= app.slaP95Milliseconds,
      cpuHigh: Math.max(...out.cpuPercent) > 72,
      memoryHigh: Math.max(...out.memory) > 62,
    }).toEqual(expected);
  });
});
