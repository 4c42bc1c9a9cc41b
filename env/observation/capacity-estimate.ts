/**
 * How much a pod serves now relative to the app model, learned online from CPU: a release that makes pods 30 % weaker
 * shows as 1/0.7 of the CPU that the model expects at this load. Saturated pods tell little, so p95 is left to the agent.
 */
import type { FleetMetrics } from '../ports.ts';
import type { DemandModel } from './demand-model.ts';

export interface CapacityEstimate {
  resetLane(lane: number): void;
  update(lane: number, metrics: FleetMetrics): void;
  /** Capacity factor, 1 as calibrated: followed within half a minute, and within ten minutes. Per lane. */
  readonly fast: Float64Array;
  readonly slow: Float64Array;
}

const fastSeconds = 20;
const slowSeconds = 600;
const [lowest, highest] = [0.2, 5];

export function createCapacityEstimate(model: DemandModel, lanes: number, intervalSeconds: number): CapacityEstimate {
  const fast = new Float64Array(lanes).fill(1);
  const slow = new Float64Array(lanes).fill(1);
  const fastDecay = Math.exp(-intervalSeconds / fastSeconds);
  const slowDecay = Math.exp(-intervalSeconds / slowSeconds);
  return {
    fast,
    slow,
    resetLane(lane) {
      fast[lane] = 1;
      slow[lane] = 1;
    },
    update(lane, metrics) {
      const load = metrics.load[lane];
      if (!(load > 0)) return; // missing, or idle: nothing to learn
      let expected = 0;
      let observed = 0;
      for (let service = 0; service < metrics.services; service++) {
        const i = service * metrics.lanes + lane;
        const cpu = metrics.cpuPercent[i];
        if (!(cpu > 0)) continue;
        observed += cpu;
        expected += model.expectedCpuPercent(service, metrics.measuredReady[i], load / fast[lane]);
      }
      if (!(observed > 0)) return;
      // One step of the fixed point k = k · expected(load / k) / observed; exact at once where CPU is linear in load.
      const estimate = Math.min(highest, Math.max(lowest, (fast[lane] * expected) / observed));
      fast[lane] = estimate + fastDecay * (fast[lane] - estimate);
      slow[lane] = estimate + slowDecay * (slow[lane] - estimate);
    },
  };
}
