/**
 * When things happen in the lab, in seconds of the trace: what has to be said to the simulator for it to predict the lab.
 * The lab's clock is `speed` times as slow, its API knows whole seconds, its Prometheus scrapes and its HPA syncs at their
 * own moments; a controller therefore sees measurements whose age is not one number but a range.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import { horizontalPodAutoscalerTiming } from '../../env/lab/lab.ts';
import { usageWindowSecondsAt } from '../../env/lab/stand-in/played-application.ts';

export interface LabTimingOptions {
  readonly app: Pick<AppModel, 'coldStartSeconds'>;
  /** Seconds of the trace per real second. */
  readonly speed: number;
  /** Real seconds. */
  readonly scrapeIntervalSeconds: number;
  readonly rateWindowSeconds: number;
  readonly tickSeconds: number;
}

/** How a controller measures, in ticks of the simulator: what it sees ends 1 to `oldest` ticks ago and averages `window`. */
export interface MeasurementTiming {
  readonly newestLagTicks: number;
  readonly oldestLagTicks: number;
  readonly windowTicks: number;
}

export interface LabTiming {
  /** Seconds of the trace from the order of a pod until it serves. */
  readonly coldStartSeconds: number;
  readonly horizontalPodAutoscaler: MeasurementTiming & { readonly syncPeriodSeconds: number };
  /** Of loops and agent, which ask Prometheus. */
  readonly prometheus: MeasurementTiming;
  /** By how much the agent decides before the tick of its loops. */
  readonly agentLeadTicks: number;
}

/**
 * Real seconds that an order of pods takes beside their cold start: metrics, the write, three controllers, the scheduler, the
 * node. Measured on 2 cores from the write on, three applications: 0.04 to 0.24 s, 0.12 on average.
 */
const orderSeconds = 0.15;

/** Of real time, at loops that tick each second: 0.3 of the interval (agent/rounds/schedule.ts). */
const agentLeadSeconds = 0.3;

export function labTiming(options: LabTimingOptions): LabTiming {
  const { app, speed, scrapeIntervalSeconds, rateWindowSeconds, tickSeconds } = options;
  const ticks = (realSeconds: number) => (realSeconds * speed) / tickSeconds;
  const usageWindowSeconds = usageWindowSecondsAt(speed);
  return {
    coldStartSeconds: app.coldStartSeconds + orderSeconds * speed,
    horizontalPodAutoscaler: {
      syncPeriodSeconds: horizontalPodAutoscalerTiming(speed).syncPeriodSeconds * speed,
      // The usage of a window is shown from its end until that of the next.
      ...measured(ticks(usageWindowSeconds), ticks(usageWindowSeconds)),
    },
    // A rate over n scrapes is the growth between the first and the last of them.
    prometheus: measured(ticks(scrapeIntervalSeconds), ticks(rateWindowSeconds - scrapeIntervalSeconds)),
    agentLeadTicks: Math.round(ticks(agentLeadSeconds)),
  };
}

/** @param age in ticks: what is seen is new at 0 and replaced at this age */
function measured(age: number, window: number): MeasurementTiming {
  return {
    // The tick under way is not over: what is new ends a tick ago.
    newestLagTicks: 1,
    oldestLagTicks: Math.max(1, Math.round(age)),
    windowTicks: Math.max(1, Math.round(window)),
  };
}
