import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AppModel } from '../../env/apps/app-model.ts';
import { appHash } from '../../env/apps/load-app.ts';
import type { FleetController } from '../../env/ports.ts';
import type { Policy } from '../policy.ts';
import { createFleet, measuredApp, twoServiceApp } from './fleet-metrics.fixture.ts';
import { nominalCapacityPerPod, nominalGroupCapacity } from './nominal-capacity.ts';
import { hpa, hpaMeasured, hpaPolicy, hpaTuned, requestRatePolicy } from './policies.ts';
import { loadTuned, saveTuned, type Tuned } from './tuned.ts';

const start = (policy: Policy, app: AppModel) =>
  policy.createController({
    app,
    lanes: 1,
    tickSeconds: 5,
    coldStartSeconds: 30,
    metricLagSeconds: 15,
    seed: 1,
  }) as FleetController;

describe('the HPA policies', () => {
  it('hpa keeps to Kubernetes’ defaults: 5 minutes before pods go', () => {
    const fleet = createFleet(2, 1, 8);
    const controller = start(hpa, twoServiceApp());
    const seen = [0, 150, 285, 300].map((second) => fleet.decide(controller, second)[0]);
    expect(seen).toEqual([8, 8, 8, 1]);
    expect(controller.intervalSeconds).toBe(15);
  });

  it('hpa-measured removes one pod per 30 s, after 30 s', () => {
    const fleet = createFleet(2, 1, 8);
    const controller = start(hpaMeasured, twoServiceApp());
    const seen = [0, 15, 30, 45, 60].map((second) => fleet.decide(controller, second)[0]);
    expect(seen).toEqual([8, 8, 7, 7, 6]);
  });

  it('a load factor means the same share of capacity for every service', () => {
    const fleet = createFleet(2, 1, 4);
    fleet.metrics.requestsPerSecond.set([400, 400]); // 100 and 50 requests/s per pod at full CPU
    expect(fleet.decide(start(requestRatePolicy({ loadFactor: 0.5 }), twoServiceApp()), 0)).toEqual([8, 8]);
    expect(fleet.decide(start(requestRatePolicy({ loadFactor: [1, 0.5] }), twoServiceApp()), 0)[1]).toBe(16);
  });

  it('decides every whole tick that is not below 15 s', () => {
    const context = {
      app: measuredApp(),
      lanes: 1,
      tickSeconds: 10,
      coldStartSeconds: 0,
      metricLagSeconds: 0,
      seed: 1,
    };
    expect((hpa.createController(context) as FleetController).intervalSeconds).toBe(20);
  });

  it('refuses targets that fit no app, and says what to do', () => {
    expect(() => hpaPolicy({ cpuTargetPercent: 0 })).toThrow(/positive/);
    expect(() => start(hpaPolicy({ cpuTargetPercent: [50, 60, 70] }), twoServiceApp())).toThrow(/3 values.*2 services/);
    expect(() => start(hpaTuned, twoServiceApp())).toThrow(/Tune it/);
  });
});

describe('nominal capacity', () => {
  it('of a measured pod is where its curve crosses the SLA', () => {
    expect(nominalCapacityPerPod(measuredApp())).toEqual([100]);
    expect(nominalGroupCapacity(measuredApp())).toBe(100);
  });

  it('of a queueing group is that of its weakest service', () => {
    expect(nominalCapacityPerPod(twoServiceApp())).toEqual([100, 50]);
    // front: 100; back: 2.5 pods × 50 ÷ 2 visits
    expect(nominalGroupCapacity(twoServiceApp())).toBe(62.5);
  });
});

describe('tuned targets', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'tuned-'));
  const tunedFor = (app: AppModel): Tuned => ({
    app: app.name,
    appHash: appHash(app),
    budgetPercent: 1,
    trainingTraces: ['diurnal-1'],
    policies: {
      'hpa-tuned': {
        targets: [62],
        behavior: 'kubernetes-default',
        violationPercent: 0.9,
        meanReplicas: 3.1,
        frontier: [{ value: 62, violationPercent: 0.9, meanReplicas: 3.1 }],
      },
    },
  });

  it('are found again, and only for the app model that they were tuned on', () => {
    const app = twoServiceApp();
    const at = folder();
    saveTuned(tunedFor(app), at);
    expect(loadTuned(app, at)).toEqual(tunedFor(app));
    expect(loadTuned({ ...app, coldStartSeconds: 60 }, at)).toBeUndefined();
    expect(loadTuned(measuredApp(), at)).toBeUndefined();
  });

  it('a damaged file is an error, not a missing one', () => {
    const app = twoServiceApp();
    const at = folder();
    writeFileSync(join(at, `${app.name}.json`), '{"app":');
    expect(() => loadTuned(app, at)).toThrow(/not JSON/);
    writeFileSync(join(at, `${app.name}.json`), JSON.stringify({ ...tunedFor(app), budgetPercent: 'one' }));
    expect(() => loadTuned(app, at)).toThrow(/budgetPercent/);
  });
});
