/** Releases that change what a pod can serve. */
import { UserError } from '../errors.ts';

/** What a pod can serve from a second on, relative to the app model. */
export interface CapacityChange {
  second: number;
  factor: number;
}

/** Capacity factor at the start of each tick. */
export function capacityPerTick(changes: readonly CapacityChange[], ticks: number, tickSeconds: number): Float32Array {
  const factors = new Float32Array(ticks).fill(1);
  for (const { second, factor } of changes) factors.fill(factor, Math.min(ticks, Math.ceil(second / tickSeconds)));
  return factors;
}

/** Parses `second:factor,second:factor…` as `--capacity` takes it. Throws UserError. */
export function parseCapacity(text: string): CapacityChange[] {
  return text.split(',').map((part, i, parts) => {
    const [second, factor, ...rest] = part
      .split(':')
      .map((field) => (field.trim() === '' ? Number.NaN : Number(field)));
    const previous = i > 0 ? Number(parts[i - 1].split(':')[0]) : -1;
    if (rest.length > 0 || !(second >= 0) || !(factor > 0) || !Number.isFinite(second * factor) || second <= previous) {
      throw new UserError(
        'CAPACITY_INVALID',
        `--capacity: "${part}" is not second:factor with increasing seconds and a positive factor; write it like 0:1,28800:0.7`,
      );
    }
    return { second, factor };
  });
}
