import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hpaBehaviors } from './behavior.ts';
import { createHpaController, type HpaMetric } from './controller.ts';
import { createFleet } from './fleet-metrics.fixture.ts';

const services = [
  { name: 'front', minReplicas: 1, maxReplicas: 15, ratio: 1 },
  { name: 'back', minReplicas: 2, maxReplicas: 20, ratio: 1 },
];
const controllerFor = (lanes: number, metrics: HpaMetric[]) =>
  createHpaController({
    services,
    lanes,
    metrics,
    behavior: hpaBehaviors['kubernetes-default'],
    syncPeriodSeconds: 15,
  });
const cpu: HpaMetric = { kind: 'cpu', targets: [70, 50] };

describe('the batched HPA', () => {
  it('scales every service by its own metric and target', () => {
    const fleet = createFleet(2, 1, 4);
    fleet.metrics.cpuPercent.set([87.5, 100]);
    expect(fleet.decide(controllerFor(1, [cpu]), 0)).toEqual([5, 8]);
  });

  it('counts pods that are still starting as idle, and does not order them twice', () => {
    const fleet = createFleet(2, 1, 4);
    fleet.metrics.desired[0] = 6;
    fleet.metrics.cpuPercent.set([105, 50]);
    // 105 % on 4 of 6 pods is 70 % on all once they are ready.
    expect(fleet.decide(controllerFor(1, [cpu]), 0)[0]).toBe(6);
  });

  it('assumes that pods without metrics are busy before it removes any', () => {
    const controller = controllerFor(1, [cpu]);
    const fleet = createFleet(2, 1, 4);
    fleet.metrics.cpuPercent.set([50, 50]);
    fleet.decide(controller, 0);
    fleet.metrics.measuredReady[0] = 2;
    // (2 × 50 + 2 × 100) ÷ 4 is 75 %: not a reason to go down, while 50 % alone would be.
    expect(fleet.decide(controller, 1000)[0]).toBe(4);
    fleet.metrics.measuredReady[0] = 4;
    expect(fleet.decide(controller, 2000)[0]).toBe(3);
  });

  it('leaves pods that were removed since the measurement out of the count', () => {
    const fleet = createFleet(2, 1, 2);
    fleet.metrics.measuredReady[0] = 6;
    fleet.metrics.cpuPercent.set([140, 50]);
    expect(fleet.decide(controllerFor(1, [cpu]), 0)[0]).toBe(4);
  });

  it('holds on missing metrics, and with a second metric only scales up', () => {
    const controller = controllerFor(1, [cpu, { kind: 'memory', targets: [60, 60] }]);
    const fleet = createFleet(2, 1, 4);
    fleet.metrics.cpuPercent.fill(Number.NaN);
    fleet.metrics.memory.set([90, 10]);
    expect(fleet.decide(controller, 0)).toEqual([6, 4]);
    fleet.metrics.memory.fill(Number.NaN);
    expect(fleet.decide(controller, 1000)).toEqual([6, 4]);
    fleet.metrics.cpuPercent.fill(10);
    fleet.metrics.memory.fill(10);
    fleet.decide(controller, 2000); // the hold above was no recommendation; this one and the next agree
    expect(fleet.decide(controller, 2015)).toEqual([1, 2]);
  });

  it('divides an external metric by its target, whatever the pods are doing', () => {
    const controller = controllerFor(1, [{ kind: 'requests', targets: [100, 40] }]);
    const fleet = createFleet(2, 1, 4);
    fleet.metrics.requestsPerSecond.set([430, 250]);
    fleet.metrics.ready[0] = 1;
    expect(fleet.decide(controller, 0)).toEqual([4, 7]); // 1.075 is inside the tolerance, 1.56 is not
  });

  it('takes requests per measured pod from the pods that the requests were measured on', () => {
    const controller = controllerFor(1, [{ kind: 'requests-per-pod', targets: [100, 100] }]);
    const fleet = createFleet(2, 1, 4);
    fleet.metrics.requestsPerSecond.set([600, 400]);
    expect(fleet.decide(controller, 0)).toEqual([6, 4]);
  });

  it('decides for a lane of a batch as it does for that lane alone, resets included', () => {
    const percent = fc.oneof(
      { arbitrary: fc.constant(Number.NaN), weight: 1 },
      { arbitrary: fc.integer({ min: 0, max: 200 }), weight: 9 },
    );
    const steps = fc.array(
      fc.record({ cpu: fc.array(percent, { minLength: 6, maxLength: 6 }), resetLane: fc.nat(11) }),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(steps, (steps) => {
        const batch = { controller: controllerFor(3, [cpu]), fleet: createFleet(2, 3, 4) };
        const alone = [0, 1, 2].map(() => ({ controller: controllerFor(1, [cpu]), fleet: createFleet(2, 1, 4) }));
        for (const [i, { cpu: values, resetLane }] of steps.entries()) {
          batch.fleet.metrics.cpuPercent.set(values);
          if (resetLane < 3) batch.controller.resetLane(resetLane);
          const together = batch.fleet.decide(batch.controller, i * 15);
          for (const [lane, { controller, fleet }] of alone.entries()) {
            fleet.metrics.cpuPercent.set([values[lane], values[3 + lane]]);
            if (resetLane === lane) controller.resetLane(0);
            expect(fleet.decide(controller, i * 15)).toEqual([together[lane], together[3 + lane]]);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
