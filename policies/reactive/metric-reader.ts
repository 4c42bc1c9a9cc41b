/** How the batched loop finds a metric of its spec among the fleet's measurements. */
import { UserError } from '../../env/errors.ts';
import type { FleetMetrics } from '../../env/ports.ts';

/** Names that a loop over a simulated fleet can react to. */
export const fleetMetricNames = ['cpu', 'memory', 'p95', 'load'] as const;

/**
 * Writes one value per lane (NaN when missing) and 1 into `incomplete` where a part of it is missing.
 * cpu and memory: the largest of the services; p95: end to end, milliseconds; load: requests/s at the entry, in total.
 */
export type MetricReader = (metrics: FleetMetrics, values: Float32Array, incomplete: Uint8Array) => void;

/** @throws UserError `loop-metric` for a name that a fleet does not measure */
export function createMetricReader(name: string): MetricReader {
  switch (name) {
    case 'cpu':
      return (metrics, values, incomplete) =>
        readLargest(metrics.cpuPercent, metrics.services, metrics.lanes, values, incomplete);
    case 'memory':
      return (metrics, values, incomplete) =>
        readLargest(metrics.memory, metrics.services, metrics.lanes, values, incomplete);
    case 'p95':
      return (metrics, values, incomplete) =>
        readLargest(metrics.p95Milliseconds, 1, metrics.lanes, values, incomplete);
    case 'load':
      return (metrics, values, incomplete) => readLargest(metrics.load, 1, metrics.lanes, values, incomplete);
    default:
      throw new UserError(
        'loop-metric',
        `The reactive loop has metric "${name}", which is not measured here. Use ${fleetMetricNames.join(', ')}.`,
      );
  }
}

function readLargest(
  source: Float32Array,
  services: number,
  lanes: number,
  values: Float32Array,
  incomplete: Uint8Array,
): void {
  for (let lane = 0; lane < lanes; lane++) {
    const value = source[lane];
    // −Infinity is no measurement either (see isMissing).
    const missing = !(value > Number.NEGATIVE_INFINITY);
    values[lane] = missing ? Number.NaN : value;
    incomplete[lane] = missing ? 1 : 0;
  }
  for (let service = 1; service < services; service++) {
    const row = service * lanes;
    for (let lane = 0; lane < lanes; lane++) {
      const value = source[row + lane];
      if (!(value > Number.NEGATIVE_INFINITY)) incomplete[lane] = 1;
      else if (!(values[lane] >= value)) values[lane] = value;
    }
  }
}
