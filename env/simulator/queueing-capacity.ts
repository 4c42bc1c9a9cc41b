/** How much load a group of a given size can carry within the SLA in steady state, and hence how large it must be. */
import type { AppModel } from '../apps/app-model.ts';
import { memberReplicas } from '../apps/group.ts';
import { createQueueingKernel } from './queueing-kernel.ts';
import { mixRow, queueingServing } from './queueing-services.ts';

export interface QueueingCapacity {
  /** Highest load within the SLA at that second of the day, requests/s; 0 when even an idle request breaks it. */
  highestLoad(groupSize: number, second: number): number;
  /** Smallest group size within the SLA, the largest size when none is. */
  neededGroupSize(load: number, capacityFactor: number, second: number): number;
}

const settlingTicks = 40;
const tickSeconds = 5;

/**
 * Finds capacities by bisection on the kernel itself, run with standard memory until memory and CPU have settled,
 * and keeps them: one bisection per group size and row of the mix.
 */
export function createQueueingCapacity(app: AppModel): QueueingCapacity {
  const { mix } = queueingServing(app);
  const rows = Math.max(1, mix.length);
  // A day that alternates between few mixes needs each of them solved once.
  const firstAlike = mix.map((row) =>
    mix.findIndex((other) => other.cpuFactor === row.cpuFactor && other.memoryFactor === row.memoryFactor),
  );
  const known = new Float64Array(rows * (app.maxGroupSize + 1)).fill(-1);
  const kernel = createQueueingKernel(app, 1, tickSeconds);
  const services = app.services.length;
  const second = new Float64Array(1);
  const load = new Float32Array(1);
  const one = new Float32Array([1]);
  const ready = new Int32Array(services);
  const out = {
    p95Milliseconds: new Float32Array(1),
    requestsPerSecond: new Float32Array(services),
    cpuPercent: new Float32Array(services),
    memory: new Float32Array(services),
  };

  function meetsSla(groupSize: number, rps: number, atSecond: number): boolean {
    for (const [i, service] of app.services.entries()) ready[i] = memberReplicas(service, groupSize);
    second[0] = atSecond;
    load[0] = rps;
    kernel.resetLane(0);
    let previous = -1;
    for (let tick = 0; tick < settlingTicks; tick++) {
      kernel.tick(second, load, one, ready, one, out);
      const p95 = out.p95Milliseconds[0];
      // From an idle start latency only rises (memory slows CPU, which fills memory), so one breach decides.
      if (p95 > app.slaP95Milliseconds) return false;
      if (Math.abs(p95 - previous) <= 1e-6 * p95) return true;
      previous = p95;
    }
    return true;
  }

  function highestLoad(groupSize: number, atSecond: number): number {
    const row = mix.length > 0 ? firstAlike[mixRow(mix, atSecond)] : 0;
    const index = row * (app.maxGroupSize + 1) + groupSize;
    if (known[index] >= 0) return known[index];
    const start = mix[row]?.second ?? 0;
    let low = 0;
    let high = 1;
    while (high < 1e8 && meetsSla(groupSize, high, start)) {
      low = high;
      high *= 2;
    }
    for (let i = 0; i < 30; i++) {
      const middle = (low + high) / 2;
      if (meetsSla(groupSize, middle, start)) low = middle;
      else high = middle;
    }
    known[index] = low;
    return low;
  }

  return {
    highestLoad,
    neededGroupSize(rps, capacityFactor, atSecond) {
      const effective = rps / capacityFactor;
      let low = app.minGroupSize;
      let high = app.maxGroupSize;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (highestLoad(middle, atSecond) >= effective) high = middle;
        else low = middle + 1;
      }
      return low;
    },
  };
}

const capacities = new WeakMap<AppModel, QueueingCapacity>();

/**
 * Smallest group size g whose steady-state p95 is within the SLA at `load ÷ capacityFactor` requests/s, members having
 * clamp(ceil(ratio × g), min, max) standard pods; the largest size when none is enough.
 */
export function neededGroupSize(app: AppModel, load: number, capacityFactor: number, second: number): number {
  let capacity = capacities.get(app);
  if (capacity === undefined) {
    capacity = createQueueingCapacity(app);
    capacities.set(app, capacity);
  }
  return capacity.neededGroupSize(load, capacityFactor, second);
}
