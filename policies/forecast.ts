/**
 * The forecasting baseline: Holt's linear method with a damped trend (Hyndman and Athanasopoulos, Forecasting:
 * Principles and Practice, section 8.2) on the measured load, looking as far ahead as a pod ordered now is late.
 *
 *   level(t) = α load(t) + (1 − α) (level(t − 1) + φ trend(t − 1))
 *   trend(t) = β (level(t) − level(t − 1)) + (1 − β) φ trend(t − 1)
 *   forecast(t + h) = level(t) + (φ + φ² + … + φ^h) trend(t)
 */
import { z } from 'zod';
import { memberReplicas } from '../env/apps/group.ts';
import { UserError } from '../env/errors.ts';
import type { FleetController } from '../env/ports.ts';
import { nominalGroupCapacity } from './hpa/nominal-capacity.ts';
import { TimedRings } from './hpa/timed-rings.ts';
import { loadTuned } from './hpa/tuned.ts';
import type { Policy, PolicyContext } from './policy.ts';

const share = z.number().gt(0).max(1);

const forecastOptionsSchema = z.strictObject({
  name: z.string().default('forecast'),
  /** α: weight of the newest load in the level. */
  levelSmoothing: share.default(0.5),
  /** β: weight of the newest change in the trend. */
  trendSmoothing: share.default(0.1),
  /** φ: how much of the trend lasts from one interval to the next. */
  damping: share.default(0.95),
  /** Load that is provided for beyond the forecast, percent of it. */
  marginPercent: z.number().min(0).default(0),
  /** Share of a group's nominal capacity that is planned with; default: tuned for the app, else 0.8. */
  loadFactor: z.number().positive().optional(),
  /** A size stays until none so large was wanted for that long. */
  stabilizationSeconds: z.number().min(0).default(120),
  intervalSeconds: z.number().positive().default(15),
});

export type ForecastOptions = z.input<typeof forecastOptionsSchema>;
type ForecastSettings = z.output<typeof forecastOptionsSchema>;

/** For an app that was never tuned: a fifth of the capacity is left for what no trend foretells. */
const untunedLoadFactor = 0.8;

/** @throws UserError `FORECAST_OPTIONS` */
export function forecastPolicy(options: ForecastOptions = {}): Policy {
  const parsed = forecastOptionsSchema.safeParse(options);
  if (!parsed.success) {
    throw new UserError('FORECAST_OPTIONS', `The forecast's options are wrong: ${z.prettifyError(parsed.error)}`);
  }
  return {
    name: parsed.data.name,
    description: 'Replicas for the load that Holt’s damped trend foresees when a pod ordered now is ready',
    createController: (context) => createForecastController(parsed.data, context),
  };
}

export const forecast: Policy = forecastPolicy();

function createForecastController(settings: ForecastSettings, context: PolicyContext): FleetController {
  const { app, lanes, tickSeconds, coldStartSeconds, metricLagSeconds } = context;
  const { levelSmoothing: alpha, trendSmoothing: beta, damping } = settings;
  const intervalSeconds = Math.ceil(settings.intervalSeconds / tickSeconds) * tickSeconds;
  const loadFactor = settings.loadFactor ?? loadTuned(app)?.policies.forecast?.targets[0] ?? untunedLoadFactor;
  const groupsPerLoad = (1 + settings.marginPercent / 100) / (loadFactor * nominalGroupCapacity(app));

  const stepsSinceMeasured = Math.ceil(metricLagSeconds / intervalSeconds);
  // A pod ordered now must last until one ordered at the next decision is ready.
  const stepsAhead = Math.ceil((metricLagSeconds + coldStartSeconds + intervalSeconds) / intervalSeconds);
  const trendsToNow = dampedSum(damping, stepsSinceMeasured);
  const trendsAhead = dampedSum(damping, stepsAhead);

  const level = new Float64Array(lanes).fill(Number.NaN);
  const trend = new Float64Array(lanes);
  const wantedSizes = new TimedRings(lanes, Math.ceil(settings.stabilizationSeconds / intervalSeconds) + 1);

  return {
    intervalSeconds,

    resetLane(lane) {
      level[lane] = Number.NaN;
      trend[lane] = 0;
      wantedSizes.reset(lane);
    },

    decide(metrics, actions) {
      for (let lane = 0; lane < lanes; lane++) {
        const load = metrics.load[lane];
        if (Number.isNaN(load)) continue; // missing data: what is in force stays
        if (Number.isNaN(level[lane])) level[lane] = load;
        const before = level[lane];
        level[lane] = alpha * load + (1 - alpha) * (before + damping * trend[lane]);
        trend[lane] = beta * (level[lane] - before) + (1 - beta) * damping * trend[lane];

        // Pods leave at once, so a falling load must still be served now.
        const steps = trend[lane] > 0 ? trendsAhead : trendsToNow;
        const expected = Math.max(0, level[lane] + steps * trend[lane]);
        const size = Math.min(app.maxGroupSize, Math.max(app.minGroupSize, Math.ceil(expected * groupsPerLoad)));
        const second = metrics.second[lane];
        const held = wantedSizes.maxAfter(lane, second - settings.stabilizationSeconds, size);
        wantedSizes.push(lane, second, size);
        for (let service = 0; service < app.services.length; service++) {
          actions.replicas[service * lanes + lane] = memberReplicas(app.services[service], held);
        }
      }
    },
  };
}

/** φ + φ² + … + φ^steps. */
function dampedSum(damping: number, steps: number): number {
  let sum = 0;
  for (let step = 1; step <= steps; step++) sum += damping ** step;
  return sum;
}
