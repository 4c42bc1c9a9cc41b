import { describe, expect, it } from 'vitest';
import { loadApp, shippedApps } from '../apps/load-app.ts';
import { createSimulator, defaultLaneParameters } from '../simulator/simulator.ts';
import { createCapacityEstimate } from './capacity-estimate.ts';
import { createDemandModel } from './demand-model.ts';

const apps = await Promise.all(shippedApps.map((name) => loadApp(name)));
const intervalSeconds = 15;

/** Plays a release after ten minutes: its pods serve `factor` times as much. The estimates at each decision. */
function playRelease(app: (typeof apps)[number], groupSize: number, load: number, factor: number) {
  const simulator = createSimulator({ app, lanes: 1 });
  simulator.resetLane(0, { ...defaultLaneParameters(app), initialGroupSize: groupSize });
  const estimate = createCapacityEstimate(createDemandModel(app), 1, intervalSeconds);
  estimate.resetLane(0);
  const history: { second: number; fast: number; slow: number }[] = [];
  for (let tick = 0; tick < 400; tick++) {
    simulator.startTick();
    if (tick % 3 === 0) {
      simulator.observe();
      estimate.update(0, simulator.metrics);
      history.push({ second: tick * 5, fast: estimate.fast[0], slow: estimate.slow[0] });
    }
    simulator.load[0] = load;
    simulator.capacity[0] = tick < 120 ? 1 : factor;
    simulator.endTick();
  }
  return history;
}

describe.each(apps.map((app) => [app.name, app] as const))('the capacity of %s', (name, app) => {
  const size = Math.round(app.maxGroupSize / 2);
  const load = createDemandModel(app).capacities[size - 1] * 0.5;
  // The mix of boutique-moving changes its CPU by the hour, which looks like a capacity, and is one.
  const start = name === 'boutique-moving' ? 0.02 : 0.01;

  it.each([0.7, 1.3])(
    'factor %d is found from CPU within two minutes of lag and release, slowly within an hour',
    (factor) => {
      const history = playRelease(app, size, load, factor);
      const at = (second: number) => history.findLast((moment) => moment.second <= second) as (typeof history)[number];
      expect(Math.abs(at(599).fast - 1)).toBeLessThan(start);
      expect(Math.abs(at(735).fast / factor - 1)).toBeLessThan(0.04);
      const slow = at(900).slow;
      expect(Math.abs(slow - 1)).toBeGreaterThan(0.02);
      expect(Math.abs(slow - 1)).toBeLessThan(Math.abs(at(900).fast - 1));
    },
  );

  it('stands without load or measurements, and starts anew as calibrated', () => {
    const estimate = createCapacityEstimate(createDemandModel(app), 1, intervalSeconds);
    const simulator = createSimulator({ app, lanes: 1 });
    simulator.resetLane(0, { ...defaultLaneParameters(app), initialGroupSize: size });
    simulator.startTick();
    simulator.observe(); // the first moment has no measurements
    estimate.update(0, simulator.metrics);
    expect([estimate.fast[0], estimate.slow[0]]).toEqual([1, 1]);
    for (let tick = 0; tick < 40; tick++) {
      simulator.load[0] = tick < 20 ? load * 0.5 : 0;
      simulator.capacity[0] = 0.5;
      simulator.endTick();
      simulator.startTick();
      simulator.observe();
      const before = estimate.fast[0];
      estimate.update(0, simulator.metrics);
      if (simulator.metrics.load[0] === 0) expect(estimate.fast[0]).toBe(before);
    }
    expect(estimate.fast[0]).toBeLessThan(0.8);
    estimate.resetLane(0);
    expect([estimate.fast[0], estimate.slow[0]]).toEqual([1, 1]);
  });
});
