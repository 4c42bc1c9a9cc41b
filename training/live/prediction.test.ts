import { expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { defaultTickSeconds } from '../../env/simulator/simulator.ts';
import { generateTrace } from '../../env/workload/families.ts';
import { resolvePolicy } from '../../policies/registry.ts';
import { comparePolicy } from '../compare.ts';
import { resolveContestants } from './contestants.ts';
import { labTiming } from './lab-timing.ts';
import { predict } from './prediction.ts';

it('is the simulator itself where the lab keeps life’s own times', async () => {
  const app = await loadApp('frontend');
  const trace = generateTrace({ family: 'flash-crowd', seed: 5, nominalLoad: app.nominalLoad, durationSeconds: 3600 });
  const contestants = await resolveContestants(['hpa', 'reactive'], app, () => {});
  const lag = app.metricLagSeconds / defaultTickSeconds;
  const same = { newestLagTicks: lag, oldestLagTicks: lag, windowTicks: 1 };
  const timing = {
    coldStartSeconds: app.coldStartSeconds,
    horizontalPodAutoscaler: { ...same, syncPeriodSeconds: 15 },
    prometheus: same,
    agentLeadTicks: 0,
  };
  for (const contestant of contestants) {
    const { row, series } = await predict(contestant, {
      app,
      trace,
      capacity: [],
      speed: 1,
      timing,
      noise: 0,
      seed: 0,
    });
    const { rows } = await comparePolicy(await resolvePolicy(contestant.policy), { app, traces: [trace] });
    expect(row).toEqual({ ...rows[0], policy: `${contestant.policy}@simulator` });
    expect(series.policy).toBe(row.policy);
  }
});

it('lets measurements be as old as scrapes and windows of the lab make them', () => {
  const timing = labTiming({
    app: { coldStartSeconds: 30 },
    speed: 10,
    scrapeIntervalSeconds: 1.5,
    rateWindowSeconds: 6,
    tickSeconds: 5,
  });
  expect(timing.horizontalPodAutoscaler).toEqual({
    syncPeriodSeconds: 15,
    newestLagTicks: 1,
    oldestLagTicks: 3,
    windowTicks: 3,
  });
  // 6 s of four scrapes are 4.5 s of growth: 45 s of the trace.
  expect(timing.prometheus).toEqual({ newestLagTicks: 1, oldestLagTicks: 3, windowTicks: 9 });
  expect(timing.coldStartSeconds).toBeGreaterThan(30);
  expect(timing.coldStartSeconds).toBeLessThan(33);
});
