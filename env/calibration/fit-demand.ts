/** CPU time of a visit by the utilisation law: busy cores = visits per second × CPU time of a visit. */
import { linearRegression } from 'simple-statistics';
import type { Draw } from '../random.ts';
import type { Estimate } from './fit-curve.ts';
import type { ServiceHistory } from './history.ts';
import { drawMultiplicity, interval95, slopeThroughOrigin } from './robust-statistics.ts';
import { isMeasured } from './steady-steps.ts';

export interface DemandFit {
  readonly cpuMilliseconds: Estimate;
  /** CPU request of a pod. */
  readonly cores: number;
  /** Steps that it is fitted to. */
  readonly steps: readonly number[];
  readonly highestCpuPercent: number;
  /** Of the steady steps, those above `saturatedCpuPercent`. */
  readonly saturatedShare: number;
  readonly warnings: readonly string[];
}

/** Above, arrivals are not what is served. */
export const saturatedCpuPercent = 95;
/** Above, garbage collection takes CPU time of its own. */
const fullMemoryPercent = 80;
const fewestSteps = 12;
const resamples = 100;
const blockSteps = 5;

/** Undefined when there are too few steps that tell. */
export function fitDemand(service: ServiceHistory, steady: Uint8Array, draw: Draw): DemandFit | undefined {
  const cores = medianOf(service.cpuRequestCores);
  const steps: number[] = [];
  let highestCpuPercent = 0;
  let measured = 0;
  let saturated = 0;
  for (let step = 0; step < steady.length; step++) {
    const cpu = service.cpuPercent[step];
    if (steady[step] !== 1 || !isMeasured(cpu) || !(service.requestsPerSecond[step] > 0)) continue;
    measured++;
    highestCpuPercent = Math.max(highestCpuPercent, cpu);
    if (cpu > saturatedCpuPercent) saturated++;
    else if (!(service.memoryPercent[step] > fullMemoryPercent)) steps.push(step);
  }
  if (steps.length < fewestSteps || !(cores > 0)) return undefined;
  const requests = steps.map((step) => service.requestsPerSecond[step]);
  const busyCores = steps.map((step) => (service.cpuPercent[step] / 100) * cores * service.readyPods[step]);
  const slope = slopeThroughOrigin(requests, busyCores);
  const drawn = Array.from({ length: resamples }, () => slope(drawMultiplicity(steps, blockSteps, draw)));
  const { low, high } = interval95(drawn);
  const line = linearRegression(requests.map((x, i) => [x, busyCores[i]]));
  const meanCores = busyCores.reduce((sum, value) => sum + value, 0) / busyCores.length;
  const warnings: string[] = [];
  if (line.b > 0.15 * meanCores) {
    warnings.push(
      `${service.name}: uses about ${line.b.toPrecision(2)} cores without requests, which the model spreads over requests: it takes more load to read too little CPU, less load too much`,
    );
  }
  return {
    cpuMilliseconds: { value: 1000 * slope(), low: 1000 * low, high: 1000 * high },
    cores,
    steps,
    highestCpuPercent,
    saturatedShare: saturated / measured,
    warnings,
  };
}

function medianOf(values: Float64Array): number {
  const known = [...values].filter((value) => value > 0).sort((a, b) => a - b);
  return known.length > 0 ? known[known.length >> 1] : Number.NaN;
}
