/** What perfect foresight could buy: the oracle's points between no violations and the fewest pods. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { podsPerGroupSize } from '../../env/apps/group.ts';
import { demandPerTick, type Foresight, type OracleDemand } from './demand.ts';
import { coldStartTicks, readyUnderPlan } from './plan.ts';
import { planTradeOff } from './trade-off.ts';

export interface OracleFrontierOptions {
  app: AppModel;
  demand: OracleDemand;
  /** One per trace. */
  futures: readonly Foresight[];
  coldStartSeconds: number;
  /**
   * Pods × ticks that one violating tick is worth; Infinity is the plan without violations.
   * Default: 1 to 16 times the pods of the smallest group in quarter octaves, and Infinity.
   */
  violationWeights?: readonly number[];
}

export interface OracleFrontierPoint {
  /** The violation weight. */
  value: number;
  violationPercent: number;
  /** Mean of ready and pending pods, all services together. */
  meanReplicas: number;
}

/**
 * A point per weight, each the mean over the futures. No plan over group sizes has both fewer pods and fewer violations
 * than the line between two neighbouring points.
 */
export function oracleFrontier(options: OracleFrontierOptions): OracleFrontierPoint[] {
  const { app, demand, futures, coldStartSeconds } = options;
  const podsPerSize = podsPerGroupSize(app);
  const violationWeights = options.violationWeights ?? defaultWeights(podsPerSize[app.minGroupSize]);
  const demands = futures.map((future) => demandPerTick(demand, future));
  return violationWeights.map((violationWeight) => {
    let violationPercent = 0;
    let meanReplicas = 0;
    for (const [i, future] of futures.entries()) {
      const ticks = future.loads.length;
      const coldTicks = coldStartTicks(coldStartSeconds, future.tickSeconds);
      const { minGroupSize } = app;
      const plan = planTradeOff({ demand: demands[i], coldTicks, podsPerSize, minGroupSize, violationWeight });
      const ready = readyUnderPlan(plan, coldTicks);
      let violations = 0;
      let pods = 0;
      for (let tick = 0; tick < ticks; tick++) {
        pods += podsPerSize[plan[tick]];
        const second = tick * future.tickSeconds;
        if (demand.violates(ready[tick], future.loads[tick], future.capacity[tick], second)) violations += 1;
      }
      violationPercent += (100 * violations) / ticks / futures.length;
      meanReplicas += pods / ticks / futures.length;
    }
    return { value: violationWeight, violationPercent, meanReplicas };
  });
}

function defaultWeights(fewestPods: number): number[] {
  const quarterOctaves = Array.from({ length: 17 }, (_, i) => fewestPods * 2 ** (i / 4));
  return [...quarterOctaves, Number.POSITIVE_INFINITY];
}
