import { describe, expect, it } from 'vitest';
import type { FleetController } from '../../env/ports.ts';
import { createFleet, twoServiceApp } from '../hpa/fleet-metrics.fixture.ts';
import type { PolicyContext } from '../policy.ts';
import type { OracleDemand } from './demand.ts';
import { oracleFrontier } from './frontier.ts';
import { createOraclePolicy } from './policy.ts';

const app = twoServiceApp();
/** 60 requests/s per group size; more than 10 groups are not to be had. */
const demand: OracleDemand = {
  needed: (load, capacity) => Math.min(10, Math.max(1, Math.ceil(load / (60 * capacity)))),
  violates: (size, load, capacity) => load > 60 * capacity * size,
};
const constant = (ticks: number, value: number) => new Float32Array(ticks).fill(value);
const context = (loads: Float32Array[], capacity: Float32Array[]): PolicyContext => ({
  app,
  lanes: loads.length,
  tickSeconds: 5,
  coldStartSeconds: 12, // 3 ticks: a pod serves from the first tick that begins after it is ready
  metricLagSeconds: 30,
  seed: 1,
  foresight: { loads, capacity },
});

describe('the oracle policy', () => {
  it('orders each lane’s pods a cold start before its load comes or its capacity falls', () => {
    const rising = constant(8, 50).fill(200, 5, 6);
    const weaker = constant(8, 1).fill(0.5, 4);
    const policy = createOraclePolicy({ demandModelFor: () => demand });
    const given = context([rising, constant(8, 50)], [constant(8, 1), weaker]);
    const controller = policy.createController(given) as FleetController;
    const fleet = createFleet(2, 2, 1);
    // Episodes may begin at any second of the day.
    const seen = Array.from({ length: 9 }, (_, tick) => fleet.decide(controller, 3600 + tick * 5));
    expect(seen.map((replicas) => replicas[0])).toEqual([1, 1, 4, 4, 4, 4, 1, 1, 1]);
    expect(seen.map((replicas) => replicas[1])).toEqual([1, 2, 2, 2, 2, 2, 2, 2, 2]);
    expect(seen[2].slice(2)).toEqual([10, 5]); // the back service by its ratio of 2.5
    controller.resetLane(0);
    controller.resetLane(1);
    expect(fleet.decide(controller, 0)[0]).toBe(1);
  });

  it('refuses to start without a future', () => {
    const policy = createOraclePolicy({ demandModelFor: () => demand });
    expect(() => policy.createController({ ...context([], []), lanes: 1, foresight: undefined })).toThrow(/future/);
  });
});

describe('oracleFrontier', () => {
  const loads = Float32Array.from(
    { length: 2000 },
    (_, tick) => 200 + 150 * Math.sin(tick / 60) + (tick % 97 < 2 ? 150 : 0),
  );
  const future = { loads, capacity: constant(2000, 1), tickSeconds: 5 };

  it('runs from no violations to the fewest pods, convex, and counts what the SLA counts', () => {
    const points = oracleFrontier({ app, demand, futures: [future, future], coldStartSeconds: 30 });
    expect(points.at(-1)).toMatchObject({ value: Number.POSITIVE_INFINITY, violationPercent: 0 });
    let slope = Number.NEGATIVE_INFINITY;
    for (let i = 1; i < points.length; i++) {
      const fewer = points[i - 1].violationPercent - points[i].violationPercent;
      const more = points[i].meanReplicas - points[i - 1].meanReplicas;
      expect(fewer).toBeGreaterThanOrEqual(0);
      expect(more).toBeGreaterThanOrEqual(0);
      if (fewer > 0) {
        expect(more / fewer).toBeGreaterThanOrEqual(slope - 1e-9);
        slope = more / fewer;
      }
    }
    expect(points[0].meanReplicas).toBeLessThan(points.at(-1)?.meanReplicas ?? 0);
  });

  it('counts ticks that no size serves as violations of every plan', () => {
    const overload = { loads: constant(10, 1000), capacity: constant(10, 1), tickSeconds: 5 };
    const [point] = oracleFrontier({ app, demand, futures: [overload], coldStartSeconds: 5, violationWeights: [4] });
    expect(point).toEqual({ value: 4, violationPercent: 100, meanReplicas: 35 });
  });
});
