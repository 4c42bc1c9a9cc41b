/** Known applications, played by the simulator and measured with noise of 5 %: what calibration makes of them. */
import { describe, expect, it } from 'vitest';
import type { AppModel } from '../apps/app-model.ts';
import { loadApp } from '../apps/load-app.ts';
import { createGroupDemand } from '../simulator/create-kernel.ts';
import { createMeasuredSurface } from '../simulator/measured-surface.ts';
import { generateTrace } from '../workload/families.ts';
import type { Trace } from '../workload/trace.ts';
import { calibrate } from './calibrate.ts';
import type { KnownCall } from './call-graph.ts';
import type { History } from './history.ts';
import { type SyntheticOptions, syntheticHistory } from './synthetic-history.fixture.ts';

const options = { traceName: 'day', origin: 'a test', longestGapSeconds: 300, seed: 1 };
const calibrateApp = (app: AppModel, history: History, calls: readonly KnownCall[] = []) =>
  calibrate(history, { ...options, name: app.name, slaP95Milliseconds: app.slaP95Milliseconds, calls });

function dayOf(app: AppModel): Trace {
  return generateTrace({ family: 'diurnal', seed: 5, nominalLoad: app.nominalLoad, durationSeconds: 86_400 });
}

/** From too few to too many: what a cautious and a reckless autoscaler would have seen between them. */
function swaying(app: AppModel, trace: Trace): SyntheticOptions['groupSizeAt'] {
  const { needed } = createGroupDemand(app);
  return (second, load) => {
    const size = Math.round(needed(load > 0 ? load : trace.rps[0], 1, 0) * (1.3 + 0.6 * Math.sin(second / 2500)));
    return Math.max(app.minGroupSize, Math.min(app.maxGroupSize, size));
  };
}

const historyOf = (app: AppModel, trace: Trace, more: Partial<SyntheticOptions> = {}) =>
  syntheticHistory({ app, trace, groupSizeAt: swaying(app, trace), ...more });

const callsOf = ({ services, serving }: AppModel): KnownCall[] =>
  serving.kind === 'queueing'
    ? serving.calls.map(({ from, to, perVisit }) => ({ from: services[from].name, to: services[to].name, perVisit }))
    : [];

describe('calibrate', () => {
  it('recovers the curves of frontend where data exist', async () => {
    const app = await loadApp('frontend');
    const trace = dayOf(app);
    const { fit, app: found, trace: extracted } = calibrateApp(app, historyOf(app, trace));
    if (fit.kind !== 'measured' || app.serving.kind !== 'measured') throw new Error('frontend is measured');
    const known = createMeasuredSurface(app.serving.curves);
    const trusted = fit.curves.flatMap(({ replicas, points }) =>
      points.filter((point) => point.trusted).map((point) => ({ replicas, ...point })),
    );
    const errorsOf = (quantity: 'p95Milliseconds' | 'cpuPercent') =>
      trusted.map((point) => Math.abs(point[quantity].value / known[quantity](point.replicas, point.load) - 1));
    const within = (errors: number[], limit: number) => errors.filter((error) => error <= limit).length / errors.length;
    expect(trusted.length).toBeGreaterThan(60);
    expect(new Set(trusted.map(({ replicas }) => replicas)).size).toBe(6);
    expect(within(errorsOf('cpuPercent'), 0.1)).toBe(1);
    expect(within(errorsOf('p95Milliseconds'), 0.1)).toBeGreaterThan(0.97);
    // Where p95 triples within a tenth of load, noise of 5 % in that load is not to be had back.
    expect(within(errorsOf('p95Milliseconds'), 0.2)).toBe(1);
    expect(found).toMatchObject({ coldStartSeconds: 30, metricLagSeconds: 7.5, metricAveragingSeconds: 15 });
    const ratios = extracted.trace.rps.map((rps, i) => rps / loadAt(trace, extracted.trace.seconds[i]));
    expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length).toBeCloseTo(1, 2);
  });

  it.each(['teastore', 'boutique'])('recovers demands, visits, memory and latency of %s', async (name) => {
    const app = await loadApp(name);
    const history = historyOf(app, dayOf(app), { visits: true });
    const { fit, app: found } = calibrateApp(app, history, callsOf(app));
    if (fit.kind !== 'queueing' || app.serving.kind !== 'queueing') throw new Error('is queueing');
    for (const [i, service] of found.services.entries()) {
      const known = app.serving.demands[app.services.findIndex((one) => one.name === service.name)];
      const demand = fit.serving.demands[i];
      expect(Math.abs(demand.cpuMilliseconds / known.cpuMilliseconds - 1)).toBeLessThan(0.02);
      expect(Math.abs(demand.memoryIdlePercent / known.memoryIdlePercent - 1)).toBeLessThan(0.02);
      expect(demand.cores).toBe(known.cores);
    }
    const { measured, modelled } = fit.entry;
    const errors = measured.map((value, i) => Math.abs(value / modelled[i] - 1)).sort((a, b) => a - b);
    expect(errors[Math.floor(0.95 * errors.length)]).toBeLessThan(0.1);
    // What it is for: the size that a load needs.
    const [was, is] = [
      createGroupDemand(app),
      createGroupDemand({ ...app, serving: fit.serving, services: reordered(app, found) }),
    ];
    for (let size = 2; size <= 7; size++) {
      expect(Math.abs(is.capacities[size - 1] / was.capacities[size - 1] - 1)).toBeLessThan(0.1);
    }
  });

  it('without a call graph puts what is not CPU time down to the entry, and says so', async () => {
    const app = await loadApp('teastore');
    const { fit, warnings, app: found } = calibrateApp(app, historyOf(app, dayOf(app)));
    if (fit.kind !== 'queueing') throw new Error('is queueing');
    const errors = fit.entry.measured
      .map((value, i) => Math.abs(value / fit.entry.modelled[i] - 1))
      .sort((a, b) => a - b);
    expect(errors[errors.length >> 1]).toBeLessThan(0.05);
    expect(fit.serving.demands.slice(1).every(({ fixedMilliseconds }) => fixedMilliseconds === 0)).toBe(true);
    expect(warnings.join()).toContain('who calls whom is not known');
    expect(found.source).toContain('who calls whom is not known');
    expect(found.services.find(({ name }) => name === 'db')).toMatchObject({ minReplicas: 1, maxReplicas: 1 });
  });

  it('never credits what was not seen: beyond the highest load per pod the SLA breaks', async () => {
    const app = await loadApp('frontend');
    const trace = { ...dayOf(app), rps: dayOf(app).rps.map((rps) => rps * 0.6) };
    // Always pods enough: the SLA was never broken.
    const groupSizeAt = (second: number, load: number) =>
      Math.max(3, Math.min(15, Math.ceil(load / 250) + Math.round(1.5 + 1.5 * Math.sin(second / 2500))));
    const { app: found, fit, warnings } = calibrateApp(app, historyOf(app, trace, { groupSizeAt }));
    if (found.serving.kind !== 'measured' || fit.kind !== 'measured') throw new Error('frontend is measured');
    const surface = createMeasuredSurface(found.serving.curves);
    const highest = fit.completed.highestLoadPerPod;
    for (let replicas = 1; replicas <= found.maxGroupSize; replicas++) {
      expect(surface.capacity(replicas, found.slaP95Milliseconds)).toBeLessThan(1.1 * highest * replicas);
      expect(surface.p95Milliseconds(replicas, 3 * highest * replicas)).toBeGreaterThan(2 * found.slaP95Milliseconds);
    }
    expect(found.minGroupSize).toBe(3);
    expect(warnings.join()).toMatch(/no pod was seen above .* the model assumes that the SLA breaks/);
    expect(warnings.join()).toContain('fewer than 3 replicas were never seen');
  });

  it('refuses without an SLA, and says what was seen', async () => {
    const app = await loadApp('frontend');
    const history = historyOf(app, { name: 'x', seconds: [0, 3600], rps: [900, 900] });
    expect(() => calibrate(history, { ...options, name: 'x', slaP95Milliseconds: undefined })).toThrow(
      expect.objectContaining({ code: 'SLA_MISSING', message: expect.stringMatching(/--sla.*ms half of the time/) }),
    );
  });

  it('refuses too little data, and says what is missing', async () => {
    const app = await loadApp('frontend');
    const steady = historyOf(app, { name: 'x', seconds: [0, 7200], rps: [900, 900] }, { groupSizeAt: () => 4 });
    expect(() => calibrateApp(app, steady)).toThrow(
      expect.objectContaining({
        code: 'CALIBRATION_REFUSED',
        message: expect.stringMatching(/4 \(\d+ steps at .* requests\/s\).*scale by hand/s),
      }),
    );
    const day = dayOf(app);
    // 2 pods while it is quiet, 6 while it is busy, and no size between at a load that tells of it.
    const apart = historyOf(app, day, { noise: 0.01, groupSizeAt: (second) => (second < 43_200 ? 12 : 1) });
    expect(() => calibrateApp(app, apart)).toThrow(
      expect.objectContaining({
        code: 'CALIBRATION_REFUSED',
        message: expect.stringContaining('were never seen long enough'),
      }),
    );
  });
});

function loadAt({ seconds, rps }: Trace, second: number): number {
  let row = 0;
  while (row + 1 < seconds.length && seconds[row + 1] <= second) row++;
  return rps[row];
}

/** Bounds and ratios of the known application in the order of the found one. */
const reordered = (app: AppModel, found: AppModel) =>
  found.services.map(({ name }) => app.services.find((one) => one.name === name) as AppModel['services'][number]);
