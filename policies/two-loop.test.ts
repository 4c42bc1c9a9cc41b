import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appHash, loadApp, shippedApps } from '../env/apps/load-app.ts';
import { holdChoice } from '../env/deliberative-action.ts';
import { createObservationBuilder } from '../env/observation/observation.ts';
import { playTraces } from '../env/simulator/play.ts';
import { generateTrace } from '../env/workload/families.ts';
import { readCheckpoint } from './actor-critic/checkpoint.ts';
import { createDecider } from './actor-critic/decider.ts';
import { loadTuned } from './hpa/tuned.ts';
import { createReactiveLoop } from './reactive/batched-loop.ts';
import { checkpointPolicy, createTwoLoopController } from './two-loop.ts';

const folderOf = (app: string) => join(import.meta.dirname, 'checkpoints', app);

describe.each(shippedApps)('what is shipped for %s', (name) => {
  it('was trained and tuned on the app model as it is now', async () => {
    const app = await loadApp(name);
    const { document } = await readCheckpoint(folderOf(name));
    expect(document.app).toMatchObject({ name, hash: appHash(app) });
    expect(Object.keys(loadTuned(app)?.policies ?? {}).sort()).toEqual(['forecast', 'hpa-tuned', 'rps-tuned']);
  });

  it('carries a step to twice the nominal load without going to the largest size', async () => {
    const app = await loadApp(name);
    const checkpoint = await readCheckpoint(folderOf(name));
    const load = app.nominalLoad;
    const traces = [{ name: 'step', seconds: [0, 1200, 3600], rps: [load, 2 * load, 2 * load] }];
    const policy = checkpointPolicy({ name, origin: name, checkpoint });
    const context = { app, lanes: 1, tickSeconds: 5, coldStartSeconds: 30, metricLagSeconds: 30, seed: 1 };
    const [outcome] = playTraces({ app, traces, controller: await policy.createController(context) });
    expect(outcome.violationPercent).toBeLessThan(15);
    expect(outcome.meanReplicas).toBeLessThan(app.services.reduce((sum, service) => sum + service.maxReplicas, 0));
  });
});

describe('the two loops', () => {
  it('leave the field to the reactive loop alone when the set-point head is masked or nothing is measured', async () => {
    const app = await loadApp('frontend');
    const checkpoint = await readCheckpoint(folderOf('frontend'));
    const { document } = checkpoint;
    const traces = [
      generateTrace({ family: 'flash-crowd', seed: 7, nominalLoad: app.nominalLoad, durationSeconds: 7200 }),
    ];
    const loopOf = () => createReactiveLoop({ spec: document.loop, app, lanes: 1 });
    const twoLoops = (blind: boolean) => {
      const controller = createTwoLoopController({
        app,
        loop: loopOf(),
        decider: createDecider(checkpoint),
        intervalSeconds: document.intervalSeconds,
        coldStartSeconds: 30,
        metricLagSeconds: 30,
        mask: blind ? undefined : { ranks: false, setPoints: false },
      });
      return controller;
    };
    const lit = { metricGapsPerHour: 0 };
    const alone = playTraces({ app, traces, controller: loopOf(), parameters: lit });
    const masked = playTraces({ app, traces, controller: twoLoops(false), parameters: lit });
    expect(masked).toEqual(alone);

    // One endless gap: no measurement ever reaches either.
    const dark = { metricGapsPerHour: 1e9, metricGapSeconds: 1e6 };
    const darkAlone = playTraces({ app, traces, controller: loopOf(), parameters: dark });
    expect(playTraces({ app, traces, controller: twoLoops(true), parameters: dark })).toEqual(darkAlone);
    expect(darkAlone[0].scalingActions).toBe(0);
  });

  it('decide the same for the same observation, and never outside the heads', async () => {
    const app = await loadApp('frontend');
    const checkpoint = await readCheckpoint(folderOf('frontend'));
    const { document } = checkpoint;
    const decider = createDecider(checkpoint);
    const { names } = createObservationBuilder({
      app,
      lanes: 1,
      metricNames: document.loop.metrics.map((m) => m.name),
      intervalSeconds: 15,
    });
    for (const value of [-1e9, -1, 0, 1, 1e9]) {
      const observation = new Float32Array(names.length).fill(value);
      decider.decide(observation);
      const first = [decider.raise, decider.move];
      decider.decide(observation);
      expect([decider.raise, decider.move]).toEqual(first);
      expect(decider.move).toBeLessThanOrEqual(holdChoice);
      expect(decider.raise).toBeLessThan(document.actionHeads[0].choices.length);
    }
  });
});
