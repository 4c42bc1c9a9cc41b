import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MeasuredCurve } from '../apps/app-model.ts';
import { loadApp } from '../apps/load-app.ts';
import { createMeasuredKernel, createMeasuredSurface, noPodP95Milliseconds } from './measured-surface.ts';

const app = await loadApp('frontend');
if (app.serving.kind !== 'measured') throw new Error('the frontend is the measured app');
const { curves } = app.serving;
const surface = createMeasuredSurface(curves);
const quantities = ['p95Milliseconds', 'cpuPercent', 'memory'] as const;
type Quantity = (typeof quantities)[number];

/** Straight through the two samples around `load`, which lies between the first and the last. */
function between(curve: MeasuredCurve, quantity: Quantity, load: number): number {
  let i = 0;
  while (curve.load[i + 1] < load) i++;
  const [x0, x1] = [curve.load[i], curve.load[i + 1]];
  const [y0, y1] = [curve[quantity][i], curve[quantity][i + 1]];
  return (y0 * (x1 - load) + y1 * (load - x0)) / (x1 - x0);
}

function upToLastSample(curve: MeasuredCurve, quantity: Quantity, load: number): number {
  if (load >= curve.load[0]) return between(curve, quantity, load);
  return quantity === 'cpuPercent' ? (curve.cpuPercent[0] * load) / curve.load[0] : curve[quantity][0];
}

/** Normal equations over the last 20 samples. */
function slopeOfLast20(curve: MeasuredCurve, quantity: Quantity): number {
  const x = curve.load.slice(-20);
  const y = curve[quantity].slice(-20);
  const n = x.length;
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const xy = x.map((value, i) => value * y[i]);
  const xx = x.map((value) => value * value);
  return (n * sum(xy) - sum(x) * sum(y)) / (n * sum(xx) - sum(x) ** 2);
}

/** The rule of the specification, written down once more without tables or knots. */
function byTheRule(all: readonly MeasuredCurve[], quantity: Quantity, replicas: number, load: number): number {
  const [one, two] = all;
  const curve = all[replicas - 1];
  const last = curve.load.length - 1;
  if (load <= curve.load[last]) return upToLastSample(curve, quantity, load);
  const perPod = load / replicas;
  let reached = curve.load[last] / replicas;
  let value = curve[quantity][last];
  for (const donor of [two, one]) {
    const end = Math.min(perPod, (donor.load.at(-1) as number) / donor.replicas);
    if (end <= reached) continue;
    value +=
      upToLastSample(donor, quantity, end * donor.replicas) - upToLastSample(donor, quantity, reached * donor.replicas);
    reached = end;
  }
  return value + slopeOfLast20(one, quantity) * (perPod - reached);
}

const closeTo = (actual: number, expected: number, scale = Math.abs(expected) + 1) =>
  expect(Math.abs(actual - expected), `${actual} is not ${expected}`).toBeLessThan(1e-9 * scale);

describe('the measured surface', () => {
  it('is the rule of the specification for the shipped frontend', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 15 }),
        fc.double({ min: 0, max: 20_000, noNaN: true }),
        (replicas, load) => {
          for (const quantity of quantities) {
            closeTo(surface[quantity](replicas, load), byTheRule(curves, quantity, replicas, load));
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('is the rule at every sample, between all neighbours and at every joint beyond the last one', () => {
    for (const { replicas, load } of curves) {
      const donorLoads = curves.slice(0, 2).flatMap((donor) => donor.load.map((l) => (l / donor.replicas) * replicas));
      for (const joint of [...load, ...donorLoads]) {
        for (const at of [joint * (1 - 1e-12), joint, joint + 0.01]) {
          for (const quantity of quantities) {
            closeTo(surface[quantity](replicas, at), byTheRule(curves, quantity, replicas, at));
          }
        }
      }
    }
  });

  it('is the rule for curves of any extent, whichever was measured furthest into overload', () => {
    const curve = (replicas: number) =>
      fc
        .array(
          fc.record({
            gap: fc.double({ min: 1, max: 300, noNaN: true }),
            p95Milliseconds: fc.double({ min: 1, max: 100, noNaN: true }),
            cpuPercent: fc.double({ min: 0, max: 150, noNaN: true }),
            memory: fc.double({ min: 0, max: 10, noNaN: true }),
          }),
          { minLength: 2, maxLength: 30 },
        )
        .map((rows) => {
          let load = 0;
          return {
            replicas,
            load: rows.map((row) => {
              load += row.gap;
              return load;
            }),
            p95Milliseconds: rows.map((row) => row.p95Milliseconds),
            cpuPercent: rows.map((row) => row.cpuPercent),
            memory: rows.map((row) => row.memory),
          };
        });
    fc.assert(
      fc.property(
        fc.tuple(curve(1), curve(2), curve(3)),
        fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), { minLength: 8, maxLength: 8 }),
        (three, loads) => {
          const drawn = createMeasuredSurface(three);
          for (const load of loads) {
            for (let replicas = 1; replicas <= 3; replicas++) {
              for (const quantity of quantities) {
                const expected = byTheRule(three, quantity, replicas, load);
                // Slopes of samples a request/s apart, followed for 20,000 requests/s, magnify rounding.
                closeTo(drawn[quantity](replicas, load), expected, 1e4 + Math.abs(expected));
              }
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('finds the highest load within a limit: p95 keeps to it below and breaks it just above', () => {
    for (let replicas = 1; replicas <= 15; replicas++) {
      for (const limit of [4.4, 5, 12, 60]) {
        const capacity = surface.capacity(replicas, limit);
        let highest = 0;
        for (let load = 0; load < capacity; load += 7) {
          highest = Math.max(highest, surface.p95Milliseconds(replicas, load));
        }
        expect(highest).toBeLessThanOrEqual(limit + 1e-9);
        expect(surface.p95Milliseconds(replicas, capacity + 0.01)).toBeGreaterThan(limit);
      }
    }
  });
});

describe('the measured kernel', () => {
  const serve = (ready: number, load: number, capacity: number) => {
    const out = {
      p95Milliseconds: new Float32Array(1),
      requestsPerSecond: new Float32Array(1),
      cpuPercent: new Float32Array(1),
      memory: new Float32Array(1),
    };
    createMeasuredKernel(curves, 1).tick(
      new Float64Array(1),
      Float32Array.of(load),
      Float32Array.of(capacity),
      Int32Array.of(ready),
      Float32Array.of(1),
      out,
    );
    return out;
  };

  it('reads all three quantities at load ÷ capacity, and reports the load that was offered', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 15 }),
        fc.integer({ min: 0, max: 20_000 }),
        fc.constantFrom(0.25, 0.5, 1, 2), // exact in float32
        (ready, load, capacity) => {
          const out = serve(ready, load, capacity);
          for (const quantity of quantities) {
            expect(out[quantity][0]).toBe(Math.fround(surface[quantity](ready, load / capacity)));
          }
          expect(out.requestsPerSecond[0]).toBe(load);
        },
      ),
    );
  });

  it('serves nothing with no pod, and more pods than were measured like the most that were', () => {
    const none = serve(0, 500, 1);
    expect([none.p95Milliseconds[0], none.cpuPercent[0], none.memory[0]]).toEqual([noPodP95Milliseconds, 0, 0]);
    expect(serve(40, 900, 1)).toEqual(serve(15, 900, 1));
  });

  it('goes on in a straight line at loads that no index into the curves can hold', () => {
    const slope = slopeOfLast20(curves[0], 'p95Milliseconds');
    expect(surface.p95Milliseconds(3, 3e12) / ((slope * 3e12) / 3)).toBeCloseTo(1, 6);
  });
});
