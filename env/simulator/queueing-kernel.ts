/**
 * Serving by queues: every service is a set of pods behind random balancing, joined by a call graph. Per tick
 *   down the graph  arrivals, throttled by saturated callers → served, fluid backlog, CPU; waiting of one visit;
 *   up the graph    mean and variance of a whole request, requests in flight, memory.
 * docs/simulator.md derives the model and gives its error against a discrete-event simulation.
 */
import type { AppModel } from '../apps/app-model.ts';
import { highestStationaryUtilization, lognormalP95, waitProbability } from './queueing-delay.ts';
import { compileServices, mixRow, queueingServing } from './queueing-services.ts';
import type { ServingKernel, ServingOutput } from './serving-kernel.ts';

/** Lanes are computed in blocks whose scratch stays in the first-level cache. */
const blockLanes = 64;
/** Seconds per visit of a service without ready pods: finite, so that its backlog has a delay (the timeout). */
const stalledSpacing = 1e9;

export interface QueueingKernel extends ServingKernel {
  /** Visits waiting for a saturated service at the end of the last tick. Per service. */
  readonly backlog: Float64Array;
  /** Visits completed in the last tick, per second. Per service. */
  readonly served: Float64Array;
  /** Visits that have timed out since the lane was reset. Per service. */
  readonly timedOut: Float64Array;
}

/**
 * A kernel for `lanes` lanes. `demandScale` multiplies each visit's CPU time and may change between ticks: one factor
 * per lane, or one per service and lane. Throws UserError when the app has no queueing model.
 */
export function createQueueingKernel(
  app: AppModel,
  lanes: number,
  tickSeconds: number,
  demandScale: Float32Array = new Float32Array(lanes).fill(1),
): QueueingKernel {
  const { mix, timeoutSeconds, memoryPressure } = queueingServing(app);
  const services = compileServices(app);
  const scaleStride = demandScale.length === lanes ? 0 : lanes;
  const ticksPerSecond = 1 / tickSeconds;

  const perService = () => new Float64Array(services.length * lanes);
  const backlog = perService();
  const served = perService();
  const timedOut = perService();
  const waiting = perService(); // visits not yet served, here or still queueing at callers
  const slowdown = perService().fill(1);
  const congested = new Uint8Array(lanes); // has a backlog, or had one a tick ago

  const scratch = () => new Float64Array(services.length * blockLanes);
  const arriving = scratch();
  const podShare = scratch(); // 1 / pods
  const spacing = scratch(); // seconds of the whole service per visit
  const ownMean = scratch();
  const ownVariance = scratch();
  const inSubtree = scratch(); // backlog of the service and of what it calls; 0 unless congested
  const offered = new Float64Array(blockLanes);
  const cpuFactor = new Float64Array(blockLanes);
  const memoryFactor = new Float64Array(blockLanes);
  const sizeShare = new Float64Array(blockLanes); // 1 / memory size
  const fluidDelay = new Float64Array(blockLanes);

  function startBlock(
    first: number,
    count: number,
    second: Float64Array,
    load: Float32Array,
    capacity: Float32Array,
    memorySize: Float32Array,
  ) {
    for (let k = 0; k < count; k++) {
      const lane = first + k;
      // Also turns a NaN, which no trace should hold, into no load.
      offered[k] = load[lane] > 0 ? Math.min(load[lane], 1e9) / Math.max(capacity[lane], 1e-3) : 0;
      arriving[k] = offered[k];
      fluidDelay[k] = 0;
      cpuFactor[k] = 1;
      memoryFactor[k] = 1;
      sizeShare[k] = 1 / memorySize[lane];
      if (mix.length === 0) continue;
      const row = mix[mixRow(mix, second[lane])];
      cpuFactor[k] = row.cpuFactor;
      memoryFactor[k] = row.memoryFactor;
    }
  }

  /** Sums what the callers let through; the entry's arrivals are the offered load. */
  function gather(i: number, first: number, count: number) {
    const { incoming } = services[i];
    const at = i * blockLanes;
    if (i > 0) arriving.fill(0, at, at + count);
    for (let n = 0; n < incoming.length; n++) {
      const { from, perVisit } = incoming[n];
      const row = from * lanes + first;
      for (let k = 0; k < count; k++) arriving[at + k] += perVisit * served[row + k];
    }
  }

  /** Flow, CPU and the stationary waiting of one visit, for one service and a block of lanes. */
  function serveDown(
    i: number,
    first: number,
    count: number,
    ready: Int32Array,
    out: ServingOutput,
    capacity: Float32Array,
  ) {
    const { cores, servers, visits, probability, squaredVariation, fixedSeconds, cpuSeconds } = services[i];
    const { mean: waitMean, squareBusy, squareIdle } = services[i].wait;
    const { requestsPerSecond, cpuPercent } = out;
    const coreTime = cpuSeconds / cores;
    const row = i * lanes + first;
    const at = i * blockLanes;
    const scaleAt = i * scaleStride + first;
    for (let k = 0; k < count; k++) {
      const pods = ready[row + k];
      const share = pods > 0 ? 1 / pods : 1;
      const podTime = coreTime * demandScale[scaleAt + k] * cpuFactor[k] * slowdown[row + k];
      const perVisit = pods > 0 ? podTime * share : stalledSpacing;
      podShare[at + k] = share;
      spacing[at + k] = perVisit;

      const arrivals = arriving[at + k];
      let done = arrivals + backlog[row + k] * ticksPerSecond;
      let busyShare = done * perVisit;
      if (busyShare > 1) {
        congested[first + k] = 1;
        const wanted = done;
        done = 1 / perVisit;
        busyShare = 1;
        backlog[row + k] = (wanted - done) * tickSeconds;
      } else backlog[row + k] = 0;
      served[row + k] = done;
      requestsPerSecond[row + k] = arrivals * capacity[first + k];
      cpuPercent[row + k] = pods > 0 ? 100 * busyShare : 0;

      // By the load offered, not the one let through: protection by a saturated caller must not look like less latency.
      const offeredUtilization = offered[k] * visits * perVisit;
      if (offeredUtilization > 1) congested[first + k] = 1;
      const utilization = Math.min(offeredUtilization, highestStationaryUtilization);
      const busy = probability === undefined ? utilization : waitProbability(probability, utilization);
      const serviceTime = podTime * servers;
      const pace = podTime / (1 - utilization);
      const wait = busy * pace * waitMean;
      const waitSquare = busy * pace * pace * (squareBusy * utilization + squareIdle * (1 - utilization));
      ownMean[at + k] = serviceTime + wait + fixedSeconds;
      ownVariance[at + k] = squaredVariation * serviceTime * serviceTime + waitSquare - wait * wait;
    }
  }

  /** Delay, losses and whereabouts of the backlog of a congested lane. */
  function followBacklog(lane: number, k: number) {
    let left = 0;
    let delay = 0;
    for (let i = 0; i < services.length; i++) {
      const index = i * lanes + lane;
      const perVisit = spacing[i * blockLanes + k];
      const limit = timeoutSeconds / perVisit;
      const late = backlog[index] - limit;
      if (late > 0) {
        backlog[index] = limit;
        timedOut[index] += late;
      }
      // The slowest stage sets the delay of a pipeline, wherever its queue stands: max over stages of (work arrived −
      // work done) / rate, which is Lindley's recursion of a fluid tandem, needs the stage's own offered load only.
      const before = waiting[index];
      const unserved = before + (offered[k] * services[i].visits - 1 / perVisit) * tickSeconds;
      const after = Math.max(0, Math.min(unserved, limit));
      waiting[index] = after;
      left += after + backlog[index];
      // Within a tick the delay moves evenly from one to the other; this is the 95th percentile of that.
      const ofStage = (0.9 * Math.max(before, after) + 0.05 * (before + after)) * perVisit;
      if (ofStage > delay) delay = ofStage;
    }
    fluidDelay[k] = delay;
    for (let i = services.length - 1; i >= 0; i--) {
      const { outgoing } = services[i];
      let below = backlog[i * lanes + lane];
      for (let n = 0; n < outgoing.length; n++)
        below += outgoing[n].shareOfCallee * inSubtree[outgoing[n].to * blockLanes + k];
      inSubtree[i * blockLanes + k] = below;
    }
    if (left === 0) congested[lane] = 0;
  }

  /** Adds the called services' times (one after another, taken as independent) and derives memory from what is in flight. */
  function collectUp(i: number, first: number, count: number, memoryOut: Float32Array) {
    const { outgoing, memoryIdle, memoryPerRequest, memoryPerRps, workers, slowdownPerPercent } = services[i];
    const { abovePercent } = memoryPressure;
    const row = i * lanes + first;
    const at = i * blockLanes;
    for (let n = 0; n < outgoing.length; n++) {
      const { to, perVisit, countVariance } = outgoing[n];
      const toAt = to * blockLanes;
      for (let k = 0; k < count; k++) {
        const mean = ownMean[toAt + k];
        ownMean[at + k] += perVisit * mean;
        ownVariance[at + k] += perVisit * ownVariance[toAt + k] + countVariance * mean * mean;
      }
    }
    for (let k = 0; k < count; k++) {
      // Little's law for those served without backlog, and whoever waits in a backlog here or further down.
      const inFlight = (served[row + k] * ownMean[at + k] + inSubtree[at + k]) * podShare[at + k];
      const working = Math.min(inFlight, workers);
      const held = memoryIdle + memoryPerRps * arriving[at + k] * podShare[at + k];
      const wanted = (memoryFactor[k] * held + memoryPerRequest * working) * sizeShare[k];
      const memory = Math.min(wanted, 100);
      memoryOut[row + k] = memory;
      // Takes effect in the next tick: garbage collection follows what has been allocated.
      slowdown[row + k] = memory > abovePercent ? 1 + slowdownPerPercent * (memory - abovePercent) : 1;
    }
  }

  return {
    backlog,
    served,
    timedOut,
    resetLane(lane) {
      congested[lane] = 0;
      for (let index = lane; index < backlog.length; index += lanes) {
        backlog[index] = 0;
        served[index] = 0;
        timedOut[index] = 0;
        waiting[index] = 0;
        slowdown[index] = 1;
      }
    },
    tick(second, load, capacity, ready, memorySize, out) {
      for (let first = 0; first < lanes; first += blockLanes) {
        const count = Math.min(blockLanes, lanes - first);
        startBlock(first, count, second, load, capacity, memorySize);
        for (let i = 0; i < services.length; i++) {
          gather(i, first, count);
          serveDown(i, first, count, ready, out, capacity);
        }
        inSubtree.fill(0);
        for (let k = 0; k < count; k++) if (congested[first + k] === 1) followBacklog(first + k, k);
        for (let i = services.length - 1; i >= 0; i--) collectUp(i, first, count, out.memory);
        for (let k = 0; k < count; k++) {
          const seconds = fluidDelay[k] + lognormalP95(ownMean[k], ownVariance[k]);
          out.p95Milliseconds[first + k] = 1000 * Math.min(seconds, timeoutSeconds);
        }
      }
    },
  };
}
