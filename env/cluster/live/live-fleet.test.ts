import { expect, it } from 'vitest';
import { loadApp } from '../../apps/load-app.ts';
import type { SystemMeasurement } from '../../ports.ts';
import { createLiveFleet } from './live-fleet.ts';

const app = await loadApp('teastore');
const services = app.services.length;

function measurement(base: number, changes: Partial<SystemMeasurement> = {}): SystemMeasurement {
  const values = (offset: number) => Float64Array.from({ length: services }, (_, service) => base + offset + service);
  const counts = (offset: number) => Int32Array.from(values(offset));
  return {
    key: 'shop/teastore',
    load: base,
    p95Milliseconds: base + 1,
    requestsPerSecond: values(100),
    cpuPercent: values(200),
    memoryPercent: values(300),
    measuredReady: counts(400),
    ready: counts(500),
    desired: counts(600),
    ageSeconds: 1,
    missing: [],
    ...changes,
  };
}

const nothing = (value: number) => new Int32Array(services).fill(value);

it('writes each lane where the simulator has it, and no other', () => {
  const { metrics, write } = createLiveFleet(app, 3);
  write(1, measurement(1000), 77, 1.5);
  write(2, measurement(2000), 78);
  expect([...metrics.second]).toEqual([0, 77, 78]);
  expect([...metrics.load]).toEqual([Number.NaN, 1000, 2000]);
  expect([...metrics.p95Milliseconds]).toEqual([Number.NaN, 1001, 2001]);
  expect([...metrics.memorySize]).toEqual([1, 1.5, 1]);
  for (let service = 0; service < services; service++) {
    const lane = (values: ArrayLike<number>) => [values[service * 3 + 1], values[service * 3 + 2]];
    expect(lane(metrics.requestsPerSecond)).toEqual([1100 + service, 2100 + service]);
    expect(lane(metrics.cpuPercent)).toEqual([1200 + service, 2200 + service]);
    expect(lane(metrics.memory)).toEqual([1300 + service, 2300 + service]);
    expect(lane(metrics.measuredReady)).toEqual([1400 + service, 2400 + service]);
    expect(lane(metrics.ready)).toEqual([1500 + service, 2500 + service]);
    expect(lane(metrics.desired)).toEqual([1600 + service, 2600 + service]);
  }
});

it('keeps pod counts through a gap, and nothing else', () => {
  const { metrics, write, clear } = createLiveFleet(app, 1);
  write(0, measurement(1), 10);
  write(0, undefined, 20);
  expect(metrics.load[0]).toBeNaN();
  expect(metrics.cpuPercent.every(Number.isNaN)).toBe(true);
  expect([metrics.ready[0], metrics.desired[0], metrics.measuredReady[0]]).toEqual([501, 601, 401]);
  write(0, measurement(2, { measuredReady: nothing(-1), desired: nothing(-1) }), 30);
  // Without cAdvisor the ready pods are the best guess at the measured ones.
  expect([metrics.ready[0], metrics.desired[0], metrics.measuredReady[0]]).toEqual([502, 601, 502]);
  clear(0);
  expect([metrics.ready[0], metrics.desired[0], metrics.measuredReady[0], metrics.second[0]]).toEqual([0, 0, 0, 0]);
  expect(metrics.p95Milliseconds[0]).toBeNaN();
});

it('refuses a measurement of another application', () => {
  const { write } = createLiveFleet(app, 1);
  expect(() => write(0, measurement(1, { ready: Int32Array.of(1) }), 0)).toThrow(/shop\/teastore .* 1 services, not 7/);
});
