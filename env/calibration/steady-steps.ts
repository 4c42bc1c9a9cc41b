/** Which steps of a history tell what so many pods do: those in whose rate window no pod came or went. */
import type { History, ServiceHistory } from './history.ts';

/** Of a history that does not say what its rates were taken over: Prometheus' customary half minute. */
export const defaultRateWindowSeconds = 30;

/** Steps that a change of the replica count stays in what is measured. */
export function settlingSteps(history: History): number {
  const { rateWindowSeconds, sampleIntervalSeconds, stepSeconds } = history;
  const windowSeconds = Number.isNaN(rateWindowSeconds) ? defaultRateWindowSeconds : rateWindowSeconds;
  const intervalSeconds = Number.isNaN(sampleIntervalSeconds) ? 0 : sampleIntervalSeconds;
  return Math.max(1, Math.ceil((windowSeconds + intervalSeconds) / stepSeconds - 1e-9));
}

/** More change of load than that within a rate window leaves a p95 that belongs to the higher load, and a mean of both. */
const largestLoadChange = 0.3;

/**
 * 1 for each step at which the number of ready pods is known, is at least one, has been the same for `settling` steps and
 * still is at the next (a pod serves before kube-state-metrics is seen to say so), and is the number of pods measured; and
 * at which the load did not jump within those steps.
 */
export function steadySteps(service: ServiceHistory, settling: number): Uint8Array {
  const { readyPods, measuredPods, requestsPerSecond } = service;
  const steps = readyPods.length;
  const steady = new Uint8Array(steps);
  let since = 0;
  for (let step = 0; step < steps; step++) {
    // NaN is unlike anything, itself included, so that a gap ends what was steady.
    if (step === 0 || readyPods[step] !== readyPods[step - 1]) since = step;
    if (!(readyPods[step] >= 1) || !Number.isInteger(readyPods[step])) continue;
    if (step - since < settling || (step + 1 < steps && readyPods[step + 1] !== readyPods[step])) continue;
    // A pod that restarts is counted as ready before it is measured again, or the other way round.
    if (!Number.isNaN(measuredPods[step]) && measuredPods[step] !== readyPods[step]) continue;
    if (Math.abs(requestsPerSecond[step] / requestsPerSecond[step - settling] - 1) > largestLoadChange) continue;
    steady[step] = 1;
  }
  return steady;
}

/** Whether it is a measurement: finite and not negative. A counter that was reset between two samples is not. */
export const isMeasured = (value: number) => value >= 0 && Number.isFinite(value);
