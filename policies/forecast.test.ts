import { describe, expect, it } from 'vitest';
import type { FleetController } from '../env/ports.ts';
import { type ForecastOptions, forecastPolicy } from './forecast.ts';
import { createFleet, twoServiceApp } from './hpa/fleet-metrics.fixture.ts';

/** A group of size 1 serves 62.5 requests/s. */
const app = twoServiceApp();
const start = (options: ForecastOptions = {}, lanes = 1) =>
  forecastPolicy({ loadFactor: 1, ...options }).createController({
    app,
    lanes,
    tickSeconds: 5,
    coldStartSeconds: 30,
    metricLagSeconds: 15,
    seed: 1,
  }) as FleetController;

function groupSizes(controller: FleetController, loads: number[]): number[] {
  const fleet = createFleet(2, 1, 1);
  return loads.map((load, i) => {
    fleet.metrics.load[0] = load;
    return fleet.decide(controller, i * 15)[0];
  });
}

describe('the forecast policy', () => {
  it('at constant load orders what serves it, by the ratio of the group', () => {
    const fleet = createFleet(2, 1, 1);
    fleet.metrics.load[0] = 180;
    expect(fleet.decide(start(), 0)).toEqual([3, 8]); // ceil(180 ÷ 62.5), ceil(2.5 × 3)
    fleet.metrics.load[0] = 180;
    expect(fleet.decide(start({ marginPercent: 10 }), 0)).toEqual([4, 10]);
  });

  it('on a ramp orders pods a lag, a cold start and an interval before they are needed', () => {
    const perInterval = 5;
    const loads = Array.from({ length: 80 }, (_, i) => 61 + i * perInterval);
    // Undamped and settled, Holt's method continues a straight line exactly: 15 + 30 + 15 s are 4 intervals.
    const sizes = groupSizes(start({ damping: 1, trendSmoothing: 0.5 }), loads);
    for (let i = 40; i < loads.length; i++) {
      expect(sizes[i]).toBe(Math.ceil((loads[i] + 4 * perInterval) / 62.5));
    }
  });

  it('on falling load never goes below what serves the load of now, and waits before it goes down', () => {
    const loads = Array.from({ length: 60 }, (_, i) => Math.max(70, 600 - i * 20));
    const sizes = groupSizes(start({ stabilizationSeconds: 120, damping: 1, trendSmoothing: 0.5 }), loads);
    for (let i = 20; i < loads.length; i++) {
      expect(sizes[i]).toBeGreaterThanOrEqual(Math.ceil(loads[Math.min(59, i + 1)] / 62.5));
    }
    expect(sizes.at(-1)).toBe(2);
    const first = sizes.findIndex((size) => size < sizes[0]);
    const unheld = groupSizes(start({ stabilizationSeconds: 0, damping: 1, trendSmoothing: 0.5 }), loads);
    expect(first - unheld.findIndex((size) => size < unheld[0])).toBe(120 / 15 - 1);
  });

  it('keeps what is in force while load is missing, and forgets a lane that starts anew', () => {
    const controller = start();
    expect(groupSizes(controller, [300, Number.NaN, Number.NaN])).toEqual([5, 5, 5]);
    controller.resetLane(0);
    expect(groupSizes(controller, [60])).toEqual([1]);
  });

  it('refuses options out of range, and names them', () => {
    expect(() => forecastPolicy({ damping: 1.2 })).toThrow(/damping/);
  });
});
