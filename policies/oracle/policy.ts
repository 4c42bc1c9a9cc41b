/** The policy that knows the future: a bound that no other can pass, not something to run. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { memberReplicas, podsPerGroupSize } from '../../env/apps/group.ts';
import { UserError } from '../../env/errors.ts';
import type { FleetController } from '../../env/ports.ts';
import type { Policy } from '../policy.ts';
import { demandPerTick, type OracleDemand } from './demand.ts';
import { coldStartTicks } from './plan.ts';
import { planTradeOff } from './trade-off.ts';

export interface OracleOptions {
  demandModelFor: (app: AppModel) => OracleDemand;
  /** Default `oracle`. */
  name?: string;
  /** Pod-ticks that a violating tick may save; default Infinity: no violation that can be avoided. */
  violationWeight?: number;
}

/** @throws UserError `FORESIGHT_MISSING` from createController when the context holds no future */
export function createOraclePolicy(options: OracleOptions): Policy {
  const { demandModelFor, name = 'oracle', violationWeight = Number.POSITIVE_INFINITY } = options;
  return {
    name,
    description: 'Perfect foresight: the fewest pods that keep the SLA, cold start included',
    needsForesight: true,
    createController({ app, lanes, tickSeconds, coldStartSeconds, foresight }) {
      if (foresight?.loads.length !== lanes || foresight.capacity.length !== lanes) {
        throw new UserError(
          'FORESIGHT_MISSING',
          `Policy ${name} plans on known load, and the future of ${lanes} lanes was not given. Use it on traces, not live.`,
        );
      }
      const demand = demandModelFor(app);
      const podsPerSize = podsPerGroupSize(app);
      const coldTicks = coldStartTicks(coldStartSeconds, tickSeconds);
      const plans = foresight.loads.map((loads, lane) =>
        planTradeOff({
          demand: demandPerTick(demand, { loads, capacity: foresight.capacity[lane], tickSeconds }),
          coldTicks,
          podsPerSize,
          minGroupSize: app.minGroupSize,
          violationWeight,
        }),
      );
      return replayPlans(app, plans, tickSeconds);
    },
  };
}

/** Sets in every tick what the lane's plan says for it; past a plan's end its last size stays. */
function replayPlans(app: AppModel, plans: readonly Int32Array[], tickSeconds: number): FleetController {
  const lanes = plans.length;
  const members = app.services.map((service) =>
    Int32Array.from({ length: app.maxGroupSize + 1 }, (_, size) => memberReplicas(service, size)),
  );
  /** Second of each lane's first decision: an episode need not begin at second 0 of its day. */
  const start = new Float64Array(lanes).fill(Number.NaN);
  return {
    intervalSeconds: tickSeconds,
    resetLane(lane) {
      start[lane] = Number.NaN;
    },
    decide(metrics, actions) {
      for (let lane = 0; lane < lanes; lane++) {
        const plan = plans[lane];
        if (plan.length === 0) continue;
        if (Number.isNaN(start[lane])) start[lane] = metrics.second[lane];
        const tick = Math.round((metrics.second[lane] - start[lane]) / tickSeconds);
        const size = plan[Math.min(tick, plan.length - 1)];
        for (let service = 0; service < members.length; service++) {
          actions.replicas[service * lanes + lane] = members[service][size];
        }
      }
    },
  };
}
