/** An application of several services in the lab: what is measured of it, now and from history, against what the model does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeCluster } from '../../../test/cluster.ts';
import type { AppModel } from '../../apps/app-model.ts';
import { loadApp } from '../../apps/load-app.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { until } from '../../lab/lab-api.ts';
import type { ObservedSystem, SystemMeasurement } from '../../ports.ts';
import type { Trace } from '../../workload/trace.ts';
import { resourceTypes } from '../kubernetes-api.ts';
import { createPrometheusClient, type PrometheusClient } from '../prometheus.ts';
import { type FleetHistory, type FleetHistoryOptions, readFleetHistory } from './fleet-history.ts';
import { createMetricsSource } from './metrics-source.ts';
import { presetQueries } from './presets.ts';

const rps = 600;
const trace: Trace = { name: 'steady', seconds: [0, 86_400], rps: [rps, rps] };
const rateWindowSeconds = 3;
const now = () => Date.now() / 1000;
const queries = presetQueries('istio');

describeCluster('the measurements of an application of several services', () => {
  let app: AppModel;
  let lab: Lab;
  let prometheus: PrometheusClient;
  let system: ObservedSystem;
  let beforeSecond: number;
  let afterSecond: number;

  beforeAll(async () => {
    app = await loadApp('teastore');
    lab = await createLab({ app, trace, speed: 20, scrapeIntervalSeconds: 0.5, groupSize: 10 });
    lab.startTrace();
    prometheus = createPrometheusClient({ url: lab.prometheusUrl });
    system = { key: 'teastore', namespace: lab.namespace, workloads: app.services.map(({ name }) => name) };
  }, 60_000);
  afterAll(() => lab?.stop());

  const measure = async (): Promise<SystemMeasurement> => {
    const source = createMetricsSource({ prometheus, queries, presetName: 'istio', rateWindowSeconds, now });
    const [measured] = await source.measure([system]);
    return measured;
  };
  const history = (options: Partial<FleetHistoryOptions> = {}): Promise<FleetHistory> =>
    readFleetHistory({
      prometheus,
      queries,
      system,
      fromSecond: beforeSecond,
      toSecond: afterSecond,
      stepSeconds: 0.5,
      rateWindowSeconds,
      ...options,
    });

  function expectTruth(measured: SystemMeasurement): void {
    const truth = lab.applications[0].state();
    const near = (value: number, expected: number, what: string) =>
      expect(Math.abs(value / expected - 1), `${what}: ${value} for ${expected}`).toBeLessThan(0.05);
    expect(measured.missing).toEqual([]);
    near(measured.load, rps, 'load');
    near(measured.p95Milliseconds, truth.p95Milliseconds, 'p95');
    for (const [i, service] of truth.services.entries()) {
      near(measured.requestsPerSecond[i], service.requestsPerSecond, `requests of ${service.name}`);
      near(measured.cpuPercent[i], service.cpuPercent, `CPU of ${service.name}`);
      near(measured.memoryPercent[i], service.memoryPercent, `memory of ${service.name}`);
    }
    const ready = truth.services.map((service) => service.ready);
    expect([...measured.ready]).toEqual(ready);
    expect([...measured.measuredReady]).toEqual(ready);
    expect([...measured.desired]).toEqual(ready);
  }

  it('are what the model does, service by service, before and after scaling', async () => {
    await until('all measurements', 20, async () => (await measure()).missing.length === 0);
    await sleep(2 * rateWindowSeconds * 1000);
    beforeSecond = now();
    expectTruth(await measure());
    const patch = { spec: { replicas: 6 } };
    await lab.api.mergePatch(resourceTypes.deployment, lab.namespace, 'webui', patch, { subresource: 'scale' });
    await until('six ready pods', 20, async () => (await measure()).ready[0] === 6);
    // Pods that are starting do not dilute the average in between, and a new pod counts once it has been up for a window.
    await sleep(2 * rateWindowSeconds * 1000);
    expectTruth(await measure());
    afterSecond = now();
  });

  it('are in history as they were, however it is asked for', async () => {
    const [whole, pieces] = [await history(), await history({ pointsPerQuery: 7 })];
    // Prometheus adds in an order of its own from query to query.
    const rounded = (of: object) =>
      JSON.stringify(of, (_, value) =>
        value instanceof Float64Array ? Array.from(value, (number) => number.toFixed(9)) : value,
      );
    expect(rounded(pieces)).toBe(rounded(whole));
    expect(whole.missing).toEqual([]);
    expect(whole.seconds.length).toBe(Math.floor((afterSecond - beforeSecond) / 0.5) + 1);
    const [webui] = whole.workloads;
    const errors = Array.from(webui.requestsPerSecond, (value) => Math.abs(value / rps - 1)).sort((a, b) => a - b);
    // A scrape that comes late on a busy machine shows in the windows that it bounds, and in those alone.
    expect(errors[Math.floor(errors.length / 2)]).toBeLessThan(0.02);
    expect(errors.at(-1)).toBeLessThan(0.1);
    expect([webui.readyPods[0], webui.readyPods.at(-1)]).toEqual([4, 6]);
    // Less and less, and never below the last: an average over pods that are up does not dip when some come.
    const last = webui.cpuPercent.at(-1) as number;
    expect(last / webui.cpuPercent[0]).toBeCloseTo(4 / 6, 1);
    for (const value of webui.cpuPercent) expect(value).toBeGreaterThan(0.95 * last);
  });

  it('have gaps where there was nothing, and say what was never there', async () => {
    const early = await history({ fromSecond: beforeSecond - 600, toSecond: beforeSecond, stepSeconds: 10 });
    expect(early.workloads[0].requestsPerSecond[0]).toBeNaN();
    expect(early.workloads[0].requestsPerSecond.at(-1)).toBeGreaterThan(0.95 * rps);
    const stranger = await history({ system: { ...system, workloads: ['webui', 'nobody'] } });
    expect(stranger.missing).toHaveLength(7);
    expect(stranger.missing[0]).toBe(`requestsPerSecond: the query returned nothing for nobody in ${system.namespace}`);
  });
});
