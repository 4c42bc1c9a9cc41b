import { expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { generateTrace } from '../../env/workload/families.ts';
import { resolvePolicy } from '../../policies/registry.ts';
import { comparePolicy } from '../compare.ts';
import { outcomeOfSeries } from './series-outcome.ts';

it.each(['frontend', 'boutique'])('gives the row that the simulator gives of the same series: %s', async (name) => {
  const app = await loadApp(name);
  const { nominalLoad } = app;
  const traces = [generateTrace({ family: 'bursts', seed: 3, nominalLoad, durationSeconds: 3600 })];
  // An HPA resizes nothing, which a series does not tell of.
  const { rows, series } = await comparePolicy(await resolvePolicy('hpa'), { app, traces });
  const { p95Milliseconds, meanReplicas, podHours, ...exact } = rows[0];
  const outcome = outcomeOfSeries({ app, series: series[0] });
  expect(outcome).toMatchObject(exact);
  expect(outcome.meanReplicas).toBeCloseTo(meanReplicas, 9);
  expect(outcome.podHours).toBeCloseTo(podHours, 9);
  expect(outcome.p95Milliseconds.mean).toBeCloseTo(p95Milliseconds.mean, 4);
  expect(outcome.p95Milliseconds.max).toBe(p95Milliseconds.max);
  expect(outcome.scalingActions).toBeGreaterThan(3);
});

it('leaves out what is not known, and counts no change across it', () => {
  const services = [{ desired: [2, -1, 2, 3], p95: 0 }].map(({ desired }) => ({
    service: 'web',
    desired: Int32Array.from(desired),
    ready: Int32Array.from(desired),
    rps: new Float32Array(4),
    cpu: new Float32Array(4),
  }));
  const series = {
    trace: 'live',
    policy: 'hpa',
    stepSeconds: 15,
    rps: new Float32Array(4),
    p95: Float32Array.of(4, 4, Number.NaN, 6),
    desired: services[0].desired,
    ready: services[0].ready,
    cpu: new Float32Array(4),
    services,
  };
  expect(outcomeOfSeries({ app: { name: 'shop', slaP95Milliseconds: 5 }, series })).toMatchObject({
    steps: 2,
    violationPercent: 50,
    meanReplicas: 2.5,
    podHours: (5 * 15) / 3600,
    scalingActions: 1,
    p95Milliseconds: { mean: 5, max: 6 },
  });
});
