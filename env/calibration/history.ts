/** What was measured of an application over time: the input of a calibration, from Prometheus or from a file. */

/** A pod that became ready. Restarts of a container are no start-ups. */
export interface PodStart {
  /** Step of the history in which it became ready. */
  readonly step: number;
  /** From its creation until it was ready. */
  readonly seconds: number;
}

/** One value per step; NaN is missing. */
export interface ServiceHistory {
  readonly name: string;
  /** Requests/s that arrive at the service. */
  readonly requestsPerSecond: Float64Array;
  /** Of a visit with all that it calls, milliseconds. */
  readonly p95Milliseconds: Float64Array;
  /** Of a pod, percent of its CPU request. */
  readonly cpuPercent: Float64Array;
  /** Of a pod, percent of its memory limit. */
  readonly memoryPercent: Float64Array;
  readonly readyPods: Float64Array;
  readonly desiredPods: Float64Array;
  /** Pods that CPU and memory are averages of. */
  readonly measuredPods: Float64Array;
  /** CPU request of a pod, cores. */
  readonly cpuRequestCores: Float64Array;
  /** In order of their steps. */
  readonly podStarts: readonly PodStart[];
}

export const measurementNames = [
  'requestsPerSecond',
  'p95Milliseconds',
  'cpuPercent',
  'memoryPercent',
  'readyPods',
  'desiredPods',
  'measuredPods',
  'cpuRequestCores',
] as const satisfies readonly (keyof ServiceHistory)[];
export type MeasurementName = (typeof measurementNames)[number];

export interface History {
  /** Of the first step: Unix seconds, or seconds since some midnight UTC. */
  readonly startSecond: number;
  readonly stepSeconds: number;
  readonly steps: number;
  /** At least one; requests enter at the first. */
  readonly services: readonly ServiceHistory[];
  /** Window that rates and quantiles were taken over; NaN when it is not known. */
  readonly rateWindowSeconds: number;
  /** Between two samples of a counter; NaN when it is not known. */
  readonly sampleIntervalSeconds: number;
  /** Of the newest sample when it was asked for, as observed; NaN when it is not known. */
  readonly sampleAgeSeconds: number;
}

/** A service of which nothing is known yet. */
export function emptyServiceHistory(name: string, steps: number): ServiceHistory & { podStarts: PodStart[] } {
  const missing = () => new Float64Array(steps).fill(Number.NaN);
  return {
    name,
    requestsPerSecond: missing(),
    p95Milliseconds: missing(),
    cpuPercent: missing(),
    memoryPercent: missing(),
    readyPods: missing(),
    desiredPods: missing(),
    measuredPods: missing(),
    cpuRequestCores: missing(),
    podStarts: [],
  };
}

export interface HistoryClock {
  /** What counts as second 0. */
  readonly epochSecond: number;
  /** Seconds of the application's time per second of the history: above 1 in a lab that runs faster than life. */
  readonly timeScale: number;
}

/** The history on another clock. Rates stay as they are: a lab plays them per real second. */
export function onClock(history: History, { epochSecond, timeScale }: HistoryClock): History {
  return {
    ...history,
    startSecond: (history.startSecond - epochSecond) * timeScale,
    stepSeconds: history.stepSeconds * timeScale,
    rateWindowSeconds: history.rateWindowSeconds * timeScale,
    sampleIntervalSeconds: history.sampleIntervalSeconds * timeScale,
    sampleAgeSeconds: history.sampleAgeSeconds * timeScale,
    services: history.services.map((service) => ({
      ...service,
      podStarts: service.podStarts.map(({ step, seconds }) => ({ step, seconds: seconds * timeScale })),
    })),
  };
}
