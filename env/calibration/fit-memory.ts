/** Memory of a pod: what it holds when idle, what load keeps in sessions and caches, what requests in flight hold. */
import { levenbergMarquardt } from 'ml-levenberg-marquardt';
import { median, sampleCorrelation } from 'simple-statistics';

export interface MemoryFit {
  readonly memoryIdlePercent: number;
  readonly memoryPercentPerRps: number;
  readonly memoryPercentPerRequest: number;
  /** Median deviation of measured from modelled memory, percent of its value. */
  readonly scatterPercent: number;
  /** Whether load and requests in flight moved apart far enough to be told from each other. */
  readonly requestsTold: boolean;
}

/** Above, the two go together so closely that a fit would share the slope between them at will. */
const inseparable = 0.98;

/**
 * Least squares with no negative terms, relative to what was measured.
 *
 * @param memoryPercent @param loadPerPod requests/s @param inFlightPerPod requests; per sample
 */
export function fitMemory(
  memoryPercent: readonly number[],
  loadPerPod: readonly number[],
  inFlightPerPod: readonly number[],
): MemoryFit {
  const requestsTold = Math.abs(sampleCorrelation([...loadPerPod], [...inFlightPerPod])) < inseparable;
  const typical = median([...memoryPercent]);
  const scaleLoad = typical / Math.max(median([...loadPerPod]), Number.MIN_VALUE);
  const scaleInFlight = typical / Math.max(median([...inFlightPerPod]), Number.MIN_VALUE);
  const modelled = ([idle, perRps, perRequest]: readonly number[], i: number) =>
    idle * typical + perRps * scaleLoad * loadPerPod[i] + perRequest * scaleInFlight * inFlightPerPod[i];
  const { parameterValues } = levenbergMarquardt(
    { x: memoryPercent.map((_, i) => i), y: memoryPercent.map(() => 1) },
    (parameters) => (i) => modelled(parameters, i) / memoryPercent[i],
    {
      initialValues: [0.8, 0.1, requestsTold ? 0.1 : 0],
      minValues: [0, 0, 0],
      maxValues: [10, 10, requestsTold ? 10 : 0],
      // Linear, so any difference gives the derivative; none for a term that is left out.
      gradientDifference: [0.1, 0.1, requestsTold ? 0.1 : 0],
      maxIterations: 60,
      errorTolerance: 1e-12,
    },
  );
  const deviations = memoryPercent.map((value, i) => Math.abs(value / modelled(parameterValues, i) - 1));
  const [idle, perRps, perRequest] = parameterValues;
  return {
    memoryIdlePercent: idle * typical,
    memoryPercentPerRps: perRps * scaleLoad,
    memoryPercentPerRequest: perRequest * scaleInFlight,
    scatterPercent: 100 * median(deviations),
    requestsTold,
  };
}
