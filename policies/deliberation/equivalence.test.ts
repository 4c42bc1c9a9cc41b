/** What is decided live is what is decided in the simulator: the same run, once as trained and once through views of it. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { playTraces } from '../../env/simulator/play.ts';
import { generateTrace } from '../../env/workload/families.ts';
import { readCheckpoint } from '../actor-critic/checkpoint.ts';
import { createReactiveLoop } from '../reactive/batched-loop.ts';
import { checkpointPolicy } from '../two-loop.ts';
import { createDeliberation } from './deliberation.ts';
import { deliberatingController } from './simulated-views.fixture.ts';

describe.each(['frontend', 'teastore'])('with the checkpoint of %s', (name) => {
  it('every decision of a run is the one of the simulated two loops', { timeout: 60_000 }, async () => {
    const app = await loadApp(name);
    const checkpoint = await readCheckpoint(join(import.meta.dirname, '../checkpoints', name));
    const { document } = checkpoint;
    const traces = (['flash-crowd', 'diurnal', 'bursts', 'sin-spikes'] as const).map((family, i) =>
      generateTrace({ family, seed: 700 + i, nominalLoad: app.nominalLoad, durationSeconds: 10_800 }),
    );
    const lanes = traces.length;
    // With gaps, so that the history of missing metrics is the same too.
    const play = { app, traces, seed: 3, parameters: { metricGapsPerHour: 2, metricGapSeconds: 90 } };
    const delays = { coldStartSeconds: app.coldStartSeconds, metricLagSeconds: app.metricLagSeconds };

    const expected: number[][] = [];
    const policy = checkpointPolicy({
      name,
      origin: name,
      checkpoint,
      onDecision: (lane, observation, { raise, move }) => expected.push([lane, raise, move, ...observation]),
    });
    const context = { app, lanes, tickSeconds: 5, ...delays, seed: 1 };
    const outcome = playTraces({ ...play, controller: await policy.createController(context) });

    const found: number[][] = [];
    const loop = createReactiveLoop({ spec: document.loop, app, lanes });
    const through = deliberatingController({
      loop,
      loopSpec: document.loop,
      deliberation: createDeliberation(checkpoint, app, { origin: name }),
      epochOffset: 1_790_000_000,
      onDecisions(decisions, metrics) {
        for (const [lane, { proposal, abstention, raise, move, observation }] of decisions.entries()) {
          const isMissing = Number.isNaN(metrics.load[lane]);
          expect(abstention?.reason).toBe(isMissing ? 'MetricsMissing' : undefined);
          if (proposal !== undefined) found.push([lane, raise, move, ...observation]);
        }
      },
    });
    const live = playTraces({ ...play, controller: through });

    expect(found.length).toBeGreaterThan(2500);
    expect(new Set(expected.map(([, , move]) => move)).size).toBeGreaterThan(3);
    const differing = found.findIndex((row, i) => row.some((value, j) => !Object.is(value, expected[i]?.[j])));
    expect(found[differing]).toEqual(expected[differing]);
    expect(found.length).toBe(expected.length);
    expect(live).toEqual(outcome);
  });
});
