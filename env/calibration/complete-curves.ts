/**
 * From the curves that were seen to those that an app model must have: one for every replica count from 1 on, and a way on
 * beyond the highest load. What was not seen is never credited:
 * - a count between two seen ones lies between their curves in load per pod, where both were seen;
 * - a count below the lowest seen one takes that one's curve in load per pod; the service's minimum keeps clear of it;
 * - the first curve, whose end all others are continued by (env/simulator/measured-surface.ts), goes on by the increments
 *   of larger counts that were seen under more load per pod;
 * - beyond the highest load per pod that was seen at all the SLA breaks, unless it was seen how it does.
 */
import type { MeasuredCurve } from '../apps/app-model.ts';
import { UserError } from '../errors.ts';
import { type Quantity, quantities, valueAt } from './fit-curve.ts';

export type CurveOrigin = 'seen' | 'between' | 'below';

export interface CompletedCurve {
  readonly curve: MeasuredCurve;
  readonly origin: CurveOrigin;
}

export interface CompletedCurves {
  /** For 1, 2, 3 … replicas. */
  readonly curves: readonly CompletedCurve[];
  /** Highest load per pod that was seen, requests/s. */
  readonly highestLoadPerPod: number;
  /** Whether the end of the first curve is the assumption that the SLA breaks there. */
  readonly assumedEnd: boolean;
}

/** As many as the simulator takes the slope of the last part from. */
const endSamples = 20;
/** The assumed end: p95 rises to this many times the SLA within this share of more load. */
const endLatencyFactor = 2;
const endLoadShare = 0.1;

/**
 * @param seen by increasing replicas, at least two
 * @throws UserError CALIBRATION_REFUSED when a count between two seen ones cannot be told from them
 */
export function completeCurves(seen: readonly MeasuredCurve[], slaP95Milliseconds: number): CompletedCurves {
  const most = seen[seen.length - 1].replicas;
  const curves = Array.from({ length: most }, (_, i): CompletedCurve => {
    const replicas = i + 1;
    const above = seen.findIndex((curve) => curve.replicas >= replicas);
    if (seen[above].replicas === replicas) return { curve: seen[above], origin: 'seen' };
    if (above === 0) return { curve: scaled(seen[0], replicas), origin: 'below' };
    return { curve: between(seen[above - 1], seen[above], replicas), origin: 'between' };
  });
  const highestLoadPerPod = Math.max(...seen.map(reachPerPod));
  const continued = continueBy(curves[0].curve, seen);
  const brokenSla = continued.p95Milliseconds[continued.p95Milliseconds.length - 1] > slaP95Milliseconds;
  const first = brokenSla ? continued : withAssumedEnd(continued, slaP95Milliseconds);
  return {
    curves: [{ curve: first, origin: curves[0].origin }, ...curves.slice(1)],
    highestLoadPerPod,
    assumedEnd: !brokenSla,
  };
}

export const reachPerPod = (curve: MeasuredCurve) => curve.load[curve.load.length - 1] / curve.replicas;

/** The same load per pod on another number of pods. */
function scaled(curve: MeasuredCurve, replicas: number): MeasuredCurve {
  return { ...curve, replicas, load: curve.load.map((load) => (load / curve.replicas) * replicas) };
}

function between(fewer: MeasuredCurve, more: MeasuredCurve, replicas: number): MeasuredCurve {
  const low = Math.max(fewer.load[0] / fewer.replicas, more.load[0] / more.replicas);
  const high = Math.min(reachPerPod(fewer), reachPerPod(more));
  if (!(high > low)) {
    const range = (curve: MeasuredCurve) =>
      `${curve.replicas} at ${round(curve.load[0] / curve.replicas)} to ${round(reachPerPod(curve))}`;
    throw new UserError(
      'CALIBRATION_REFUSED',
      `${replicas} replicas were never seen long enough, and those around them never under the same load per pod (${range(fewer)}, ${range(more)} requests/s): record with ${replicas} replicas under about ${round((replicas * (low + high)) / 2)} requests/s, or scale by hand to ${replicas} for a quarter of an hour`,
    );
  }
  const perPod = [...fewer.load.map((load) => load / fewer.replicas), ...more.load.map((load) => load / more.replicas)]
    .filter((load) => load > low && load < high)
    .concat(low, high)
    .sort((a, b) => a - b)
    .filter((load, i, all) => i === 0 || load > all[i - 1] * (1 + 1e-9));
  const share = (replicas - fewer.replicas) / (more.replicas - fewer.replicas);
  const values = (quantity: Quantity) =>
    perPod.map((load) => {
      const of = (curve: MeasuredCurve) => valueAt(curve, quantity, load * curve.replicas);
      return (1 - share) * of(fewer) + share * of(more);
    });
  return {
    replicas,
    load: perPod.map((load) => load * replicas),
    p95Milliseconds: values('p95Milliseconds'),
    cpuPercent: values('cpuPercent'),
    memory: values('memory'),
  };
}

/** Goes on beyond its last load by what larger counts gained under more load per pod. */
function continueBy(curve: MeasuredCurve, donors: readonly MeasuredCurve[]): MeasuredCurve {
  const result = copy(curve);
  for (const donor of donors) {
    const from = reachPerPod(result);
    if (reachPerPod(donor) <= from) continue;
    const base = quantities.map((quantity) => valueAt(donor, quantity, from * donor.replicas));
    const last = quantities.map((quantity) => result[quantity][result.load.length - 1]);
    for (const [i, load] of donor.load.entries()) {
      if (load / donor.replicas <= from * (1 + 1e-9)) continue;
      result.load.push((load / donor.replicas) * result.replicas);
      for (const [q, quantity] of quantities.entries()) {
        result[quantity].push(Math.max(0, last[q] + donor[quantity][i] - base[q]));
      }
    }
  }
  return result;
}

function withAssumedEnd(curve: MeasuredCurve, slaP95Milliseconds: number): MeasuredCurve {
  const result = copy(curve);
  const end = curve.load.length - 1;
  const [load, p95, cpu, memory] = [
    curve.load[end],
    curve.p95Milliseconds[end],
    curve.cpuPercent[end],
    curve.memory[end],
  ];
  for (let i = 1; i <= endSamples; i++) {
    const share = i / endSamples;
    const more = 1 + share * endLoadShare;
    result.load.push(load * more);
    result.p95Milliseconds.push(p95 + share * (endLatencyFactor * slaP95Milliseconds - p95));
    result.cpuPercent.push(cpu * more);
    result.memory.push(memory);
  }
  return result;
}

const copy = (curve: MeasuredCurve): MeasuredCurve => ({
  replicas: curve.replicas,
  load: [...curve.load],
  p95Milliseconds: [...curve.p95Milliseconds],
  cpuPercent: [...curve.cpuPercent],
  memory: [...curve.memory],
});

const round = (value: number) => Number(value.toPrecision(3));
