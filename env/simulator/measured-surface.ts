/**
 * Serving by measured curves: latency, CPU and memory of one service against replicas × total load.
 *
 * Inside the measured hull every quantity is linear in total load between the samples of its replica count. Below the
 * first sample p95 and memory are held and CPU is proportional to load. Above the last sample a curve goes on in load
 * per pod with the increments of the 2-replica curve, then of the 1-replica curve (the only ones measured into
 * overload), then with the least-squares slope of the last 20 samples of the 1-replica curve.
 */
import { linearRegression } from 'simple-statistics';
import type { MeasuredCurve } from '../apps/app-model.ts';
import type { ServingKernel, ServingOutput } from './serving-kernel.ts';

// load, p95, p95 slope, cpu, cpu slope, memory, memory slope, load at which the next knot begins: one cache line
const fieldsPerKnot = 8;
const endField = 7;
const bucketCount = 2048; // about two per knot, so that the search rarely has to step
const tailSamples = 20;
/** p95 reported while no pod is ready: nothing is served, and callers time out. */
export const noPodP95Milliseconds = 10_000;

type Quantity = 'p95Milliseconds' | 'cpuPercent' | 'memory';
const quantities = ['p95Milliseconds', 'cpuPercent', 'memory'] as const satisfies readonly Quantity[];
type Knot = { load: number } & Record<Quantity, number>;

/** The curves as one flat table of knots per replica count, with an index from load to knot. */
export interface MeasuredSurface {
  readonly maxReplicas: number;
  /** p95 latency in milliseconds of `replicas` ready pods under `load` requests/s. */
  p95Milliseconds(replicas: number, load: number): number;
  cpuPercent(replicas: number, load: number): number;
  memory(replicas: number, load: number): number;
  /** Highest load up to which p95 stays within `limitMilliseconds`, requests/s. */
  capacity(replicas: number, limitMilliseconds: number): number;
  readonly table: SurfaceTable;
}

interface SurfaceTable {
  readonly knots: Float64Array;
  /** First and one-past-last knot of replica count r at [r − 1] and [r]. */
  readonly firstKnot: Int32Array;
  /** Knot to start searching at: [(r − 1) * bucketCount + bucket]. */
  readonly buckets: Int32Array;
  /** Buckets per request/s of replica count r, at [r − 1]. */
  readonly bucketScale: Float64Array;
}

/** Builds the surface of curves for 1, 2, 3 … replicas. */
export function createMeasuredSurface(curves: readonly MeasuredCurve[]): MeasuredSurface {
  const [one, two] = curves;
  const knotRows = curves.map((curve) => extendedKnots(curve, one, two));
  const table = buildTable(knotRows);
  const at = (field: number) => (replicas: number, load: number) => {
    const base = findKnot(table, replicas, load) * fieldsPerKnot;
    return table.knots[base + field] + table.knots[base + field + 1] * (load - table.knots[base]);
  };
  const p95 = at(1);
  return {
    maxReplicas: curves.length,
    table,
    p95Milliseconds: p95,
    cpuPercent: at(3),
    memory: at(5),
    capacity(replicas, limit) {
      const { knots, firstKnot } = table;
      for (let k = firstKnot[replicas - 1]; k < firstKnot[replicas]; k++) {
        const base = k * fieldsPerKnot;
        if (knots[base + 1] > limit) return knots[base];
        const slope = knots[base + 2];
        const crossing = slope > 0 ? knots[base] + (limit - knots[base + 1]) / slope : Number.POSITIVE_INFINITY;
        if (crossing < knots[base + endField]) return crossing;
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

/** The curve's own samples, an origin, and the knots of its continuation beyond the last sample. */
function extendedKnots(curve: MeasuredCurve, one: MeasuredCurve, two: MeasuredCurve): Knot[] {
  const knots: Knot[] = curve.load.map((load, i) => sample(curve, i, load));
  knots.unshift({ load: 0, p95Milliseconds: curve.p95Milliseconds[0], cpuPercent: 0, memory: curve.memory[0] });
  // The donors' curves in load per pod, those parts of them that lie beyond this curve's last sample.
  for (const donor of [two, one]) {
    const pods = donor.replicas;
    const reached = () => knots[knots.length - 1].load / curve.replicas;
    if (donor.load[donor.load.length - 1] / pods <= reached()) continue;
    const from = reached();
    const start = knots[knots.length - 1];
    const base = interpolate(donor, from * pods);
    for (const [i, load] of donor.load.entries()) {
      if (load / pods <= from) continue;
      const knot: Knot = { ...start, load: (load / pods) * curve.replicas };
      for (const quantity of quantities) knot[quantity] = start[quantity] + donor[quantity][i] - base[quantity];
      knots.push(knot);
    }
  }
  const last = knots[knots.length - 1];
  const beyond: Knot = { ...last, load: last.load + curve.replicas };
  for (const quantity of quantities) beyond[quantity] += tailSlope(one, quantity);
  knots.push(beyond);
  return knots;
}

function sample(curve: MeasuredCurve, i: number, load: number): Knot {
  return { load, p95Milliseconds: curve.p95Milliseconds[i], cpuPercent: curve.cpuPercent[i], memory: curve.memory[i] };
}

/** Value of a curve at a total load up to its last sample, by the rule inside and below the hull. */
function interpolate(curve: MeasuredCurve, load: number): Knot {
  const first = curve.load[0];
  if (load <= first) return { ...sample(curve, 0, load), cpuPercent: (curve.cpuPercent[0] * load) / first };
  const right = curve.load.findIndex((value) => value >= load);
  const [a, b] = [sample(curve, right - 1, curve.load[right - 1]), sample(curve, right, curve.load[right])];
  const weight = (load - a.load) / (b.load - a.load);
  const knot: Knot = { ...a, load };
  for (const quantity of quantities) knot[quantity] = a[quantity] + weight * (b[quantity] - a[quantity]);
  return knot;
}

/** Slope per request/s and pod of the curve's last 20 samples, by least squares. */
function tailSlope(curve: MeasuredCurve, quantity: Quantity): number {
  const points = curve.load.map((load, i) => [load / curve.replicas, curve[quantity][i]]);
  return linearRegression(points.slice(-tailSamples)).m;
}

function buildTable(rows: readonly Knot[][]): SurfaceTable {
  const firstKnot = new Int32Array(rows.length + 1);
  for (const [r, row] of rows.entries()) firstKnot[r + 1] = firstKnot[r] + row.length - 1;
  const knots = new Float64Array(firstKnot[rows.length] * fieldsPerKnot);
  const buckets = new Int32Array(rows.length * bucketCount);
  const bucketScale = new Float64Array(rows.length);
  for (const [r, row] of rows.entries()) {
    for (let k = 0; k + 1 < row.length; k++) {
      const [a, b] = [row[k], row[k + 1]];
      const base = (firstKnot[r] + k) * fieldsPerKnot;
      knots[base] = a.load;
      knots[base + endField] = k + 2 < row.length ? b.load : Number.POSITIVE_INFINITY;
      for (const [q, quantity] of quantities.entries()) {
        knots[base + 1 + 2 * q] = a[quantity];
        knots[base + 2 + 2 * q] = (b[quantity] - a[quantity]) / (b.load - a.load);
      }
    }
    bucketScale[r] = bucketCount / row[row.length - 2].load;
    let knot = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      while (knot + 2 < row.length && row[knot + 1].load <= bucket / bucketScale[r]) knot++;
      buckets[r * bucketCount + bucket] = firstKnot[r] + knot;
    }
  }
  return { knots, firstKnot, buckets, bucketScale };
}

/** Index of the knot whose segment holds `load`, for at least one replica. */
function findKnot(table: SurfaceTable, replicas: number, load: number): number {
  const row = replicas - 1;
  const scaled = load * table.bucketScale[row];
  // Compared before it is cut to an integer: a load of billions would overflow 32 bits.
  const bucket = scaled < bucketCount ? scaled | 0 : bucketCount - 1;
  let knot = table.buckets[row * bucketCount + bucket];
  while (table.knots[knot * fieldsPerKnot + endField] <= load) knot++;
  return knot;
}

/** The batched form, one service. A release that changes capacity divides the load that the curves are read at. */
export function createMeasuredKernel(curves: readonly MeasuredCurve[], lanes: number): ServingKernel {
  const { table, maxReplicas } = createMeasuredSurface(curves);
  return {
    resetLane() {}, // the curves have no memory
    tick(_second, load, capacity, ready, _memorySize, out: ServingOutput) {
      // Held in locals and searched in place: with more than one simulator in the process, fields of objects would be
      // read anew for every lane, which takes half as long again.
      const { p95Milliseconds, requestsPerSecond, cpuPercent, memory } = out;
      const { knots, buckets, bucketScale } = table;
      for (let lane = 0; lane < lanes; lane++) {
        const offered = load[lane];
        requestsPerSecond[lane] = offered;
        if (ready[lane] === 0) {
          p95Milliseconds[lane] = noPodP95Milliseconds;
          cpuPercent[lane] = 0;
          memory[lane] = 0;
          continue;
        }
        const effective = offered / capacity[lane];
        const replicas = ready[lane] < maxReplicas ? ready[lane] : maxReplicas;
        const row = replicas - 1;
        const scaled = effective * bucketScale[row];
        let base = buckets[row * bucketCount + (scaled < bucketCount ? scaled | 0 : bucketCount - 1)] * fieldsPerKnot;
        while (knots[base + endField] <= effective) base += fieldsPerKnot;
        const beyond = effective - knots[base];
        p95Milliseconds[lane] = knots[base + 1] + knots[base + 2] * beyond;
        cpuPercent[lane] = knots[base + 3] + knots[base + 4] * beyond;
        memory[lane] = knots[base + 5] + knots[base + 6] * beyond;
      }
    },
  };
}
