/** Pods of a batch: ordered, starting, ready, leaving. Counts only; the pods of a service are alike. */
import type { AppModel } from '../apps/app-model.ts';
import { memberReplicas } from '../apps/group.ts';
import type { LaneRandom } from './lane-random.ts';
import type { LaneParameters, LaneTotals } from './simulator.ts';

export interface PodFleet {
  /** Ready and pending pods. Per service. */
  readonly desired: Int32Array;
  readonly ready: Int32Array;
  /** Throws RangeError when the parameters ask for a longer start or grace than the rings hold. */
  resetLane(lane: number, parameters: LaneParameters, tickSeconds: number): void;
  /** Pods due become ready; faults take pods away. */
  startTick(tick: number): void;
  /** Orders or removes pods until desired is `wanted` within the services' bounds; pending pods leave first, those furthest from ready before the others. */
  scaleTo(wanted: Int32Array, tick: number, totals: LaneTotals): void;
  /** Adds this tick's pods to `podTicks`. */
  bill(podTicks: Float64Array, memorySize: Float32Array, memoryCostShare: number): void;
}

interface PodFleetOptions {
  app: AppModel;
  lanes: number;
  random: LaneRandom;
  /** Length of the rings: the longest start or grace in ticks, plus one. */
  maxTicks: number;
}

export function createPodFleet({ app, lanes, random, maxTicks }: PodFleetOptions): PodFleet {
  const services = app.services.length;
  const size = services * lanes;
  const ring = maxTicks + 1;
  const desired = new Int32Array(size);
  const ready = new Int32Array(size);
  const starting = new Int32Array(ring * size); // pods that become ready at tick t, at [(t % ring) * size + i]
  const leaving = new Int32Array(ring * size); // pods whose grace ends at tick t
  const terminating = new Int32Array(size);
  const coldTicks = new Int32Array(lanes);
  const graceTicks = new Int32Array(lanes);
  const slowProbability = new Float32Array(lanes);
  const slowFactor = new Float32Array(lanes);
  const lossPerTick = new Float32Array(lanes);
  let anyLoss = false;
  let anyGrace = false;

  function order(i: number, lane: number, count: number, tick: number): void {
    let ticks = coldTicks[lane];
    if (slowProbability[lane] > 0 && random.uniform(lane) < slowProbability[lane]) {
      ticks = Math.ceil(ticks * slowFactor[lane]);
    }
    if (ticks === 0) ready[i] += count;
    else starting[((tick + ticks) % ring) * size + i] += count;
  }

  function remove(i: number, lane: number, count: number, tick: number): void {
    let left = count;
    if (desired[i] > ready[i]) {
      for (let ticks = maxTicks; ticks >= 1 && left > 0; ticks--) {
        const slot = ((tick + ticks) % ring) * size + i;
        const taken = starting[slot] < left ? starting[slot] : left;
        starting[slot] -= taken;
        left -= taken;
      }
    }
    ready[i] -= left;
    if (left > 0 && graceTicks[lane] > 0) {
      leaving[((tick + graceTicks[lane]) % ring) * size + i] += left;
      terminating[i] += left;
    }
  }

  /** Pods lost this tick are started anew: desired stays, readiness goes. */
  function losePods(tick: number): void {
    for (let service = 0; service < services; service++) {
      for (let lane = 0; lane < lanes; lane++) {
        if (lossPerTick[lane] === 0) continue;
        const i = service * lanes + lane;
        const lost = random.uniform(lane) < 1 - (1 - lossPerTick[lane]) ** ready[i] ? 1 : 0;
        if (lost === 0) continue;
        ready[i]--;
        order(i, lane, 1, tick);
      }
    }
  }

  return {
    desired,
    ready,
    resetLane(lane, parameters, tickSeconds) {
      const ticksOf = (seconds: number) => Math.ceil(seconds / tickSeconds);
      coldTicks[lane] = ticksOf(parameters.coldStartSeconds);
      graceTicks[lane] = ticksOf(parameters.graceSeconds);
      slowProbability[lane] = parameters.slowStartProbability;
      slowFactor[lane] = parameters.slowStartFactor;
      const longest = slowProbability[lane] > 0 ? Math.ceil(coldTicks[lane] * slowFactor[lane]) : 0;
      if (Math.max(longest, coldTicks[lane], graceTicks[lane]) > maxTicks) {
        throw new RangeError(`cold start or grace of lane ${lane} exceeds the simulator's maxColdStartSeconds`);
      }
      lossPerTick[lane] = (parameters.podLossesPerHour * tickSeconds) / 3600;
      anyLoss ||= lossPerTick[lane] > 0;
      anyGrace ||= graceTicks[lane] > 0;
      for (const [s, service] of app.services.entries()) {
        const i = s * lanes + lane;
        desired[i] = memberReplicas(service, parameters.initialGroupSize);
        ready[i] = desired[i];
        terminating[i] = 0;
        for (let slot = 0; slot < ring; slot++) {
          starting[slot * size + i] = 0;
          leaving[slot * size + i] = 0;
        }
      }
    },
    startTick(tick) {
      const slot = (tick % ring) * size;
      for (let i = 0; i < size; i++) {
        const due = starting[slot + i];
        if (due > 0) {
          ready[i] += due;
          starting[slot + i] = 0;
        }
      }
      if (anyGrace) {
        for (let i = 0; i < size; i++) {
          terminating[i] -= leaving[slot + i];
          leaving[slot + i] = 0;
        }
      }
      if (anyLoss) losePods(tick);
    },
    scaleTo(wanted, tick, totals) {
      for (let service = 0; service < services; service++) {
        const { minReplicas, maxReplicas } = app.services[service];
        for (let lane = 0; lane < lanes; lane++) {
          const i = service * lanes + lane;
          const target = wanted[i] < minReplicas ? minReplicas : wanted[i] > maxReplicas ? maxReplicas : wanted[i];
          const change = target - desired[i];
          if (change === 0) continue;
          if (change > 0) order(i, lane, change, tick);
          else remove(i, lane, -change, tick);
          desired[i] = target;
          totals.podChanges[lane] += change > 0 ? change : -change;
          totals.scalingActions[lane]++;
        }
      }
    },
    bill(podTicks, memorySize, memoryCostShare) {
      for (let service = 0; service < services; service++) {
        const offset = service * lanes;
        for (let lane = 0; lane < lanes; lane++) {
          const pods = desired[offset + lane] + terminating[offset + lane];
          podTicks[lane] += pods * (1 + memoryCostShare * (memorySize[lane] - 1));
        }
      }
    },
  };
}
