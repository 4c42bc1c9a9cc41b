/** How long a policy needs after the application's capacity has dropped: a bad release in the middle of a run. */
import { type CapacityChange, capacityPerTick } from '../../env/simulator/capacity.ts';
import type { ComparisonSeries } from '../comparison.ts';

export interface Recovery {
  /** Of the trace, at which capacity fell. */
  readonly second: number;
  readonly from: number;
  readonly to: number;
  /**
   * From the drop until p95 is within the SLA and stays there for five minutes (or to the next change or the end, when that is
   * sooner); null: never. Not to the last violation of all: that of a later peak is no matter of this drop.
   */
  readonly seconds: number | null;
  /** Share of the time from the drop to the next change, or the end, with p95 above the SLA. */
  readonly violationPercent: number;
}

/** Within the SLA for as long, it has recovered. */
export const steadySeconds = 300;

/** One per fall of capacity that lies within the series. A rise is no fall, and neither is what holds from second 0 on. */
export function recoveriesOf(
  series: Pick<ComparisonSeries, 'p95' | 'stepSeconds'>,
  capacity: readonly CapacityChange[],
  slaP95Milliseconds: number,
): Recovery[] {
  const { p95, stepSeconds } = series;
  const factors = capacityPerTick(capacity, p95.length, stepSeconds);
  const changes = [...factors.keys()].filter((tick) => tick > 0 && factors[tick] !== factors[tick - 1]);
  return changes.flatMap((tick, i) => {
    if (factors[tick] > factors[tick - 1]) return [];
    const end = changes[i + 1] ?? p95.length;
    const isAbove = (t: number) => p95[t] > slaP95Milliseconds;
    let violations = 0;
    let recovered = tick;
    let settled = false;
    for (let t = tick; t < end; t++) {
      if (isAbove(t)) violations++;
      if (settled) continue;
      if (isAbove(t)) recovered = t + 1;
      else settled = (t + 1 - recovered) * stepSeconds >= steadySeconds;
    }
    return [
      {
        second: tick * stepSeconds,
        from: factors[tick - 1],
        to: factors[tick],
        seconds: recovered === end ? null : (recovered - tick) * stepSeconds,
        violationPercent: (100 * violations) / (end - tick),
      },
    ];
  });
}
