/**
 * Thinning of series for drawing. A day of 5 s ticks has far more samples than a chart has pixels, and the
 * usual samplers (LTTB, averages) may drop the one tick at which the SLA broke; these keep every extreme.
 */

/**
 * Indices to draw: of each of `buckets` equal stretches the first minimum and the first maximum, and the first
 * and last sample of the whole. Increasing; NaN samples are never chosen as extremes, but a stretch of nothing
 * but NaN yields its first index, so that the gap is drawn as a gap. At most `2 * buckets + 2` indices; all of
 * them when the series is no longer than that.
 */
export function keepExtremes(values: ArrayLike<number>, buckets: number): number[] {
  const length = values.length;
  if (length <= 2 * buckets + 2) return Array.from({ length }, (_, index) => index);
  const indices = [0];
  const add = (index: number) => {
    if (index > indices[indices.length - 1]) indices.push(index);
  };
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = Math.floor((bucket * length) / buckets);
    const end = Math.floor(((bucket + 1) * length) / buckets);
    let lowest = -1;
    let highest = -1;
    for (let index = start; index < end; index++) {
      const value = values[index];
      if (Number.isNaN(value)) continue;
      if (lowest < 0 || value < values[lowest]) lowest = index;
      if (highest < 0 || value > values[highest]) highest = index;
    }
    if (lowest < 0) {
      add(start);
      continue;
    }
    add(Math.min(lowest, highest));
    add(Math.max(lowest, highest));
  }
  add(length - 1);
  return indices;
}

/** Of `indices` into a step-wise series, those where the value changes, and the last. */
export function keepChanges(values: ArrayLike<number>, indices: readonly number[]): number[] {
  return indices.filter((index, i) => i === 0 || i === indices.length - 1 || values[index] !== values[indices[i - 1]]);
}

/** Stretches in which a sample is above `limit`, in samples as [first, end), rounded outwards to whole buckets and joined. */
export function stretchesAbove(values: ArrayLike<number>, limit: number, buckets: number): [number, number][] {
  const length = values.length;
  const stretches: [number, number][] = [];
  const count = Math.min(buckets, length);
  for (let bucket = 0; bucket < count; bucket++) {
    const start = Math.floor((bucket * length) / count);
    const end = Math.floor(((bucket + 1) * length) / count);
    let above = false;
    for (let index = start; index < end && !above; index++) above = values[index] > limit;
    if (!above) continue;
    const last = stretches[stretches.length - 1];
    if (last?.[1] === start) last[1] = end;
    else stretches.push([start, end]);
  }
  return stretches;
}
