import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { createDemandModel } from '../../env/observation/demand-model.ts';
import type { FleetController } from '../../env/ports.ts';
import { playTraces } from '../../env/simulator/play.ts';
import { generateTrace } from '../../env/workload/families.ts';
import { readCheckpoint } from '../actor-critic/checkpoint.ts';
import { hpa } from '../hpa/policies.ts';
import { createReactiveLoop } from '../reactive/batched-loop.ts';
import { coveringGroupSize } from '../reactive/targets.ts';
import { createDeliberation } from './deliberation.ts';
import { createHpaShadow } from './hpa-shadow.ts';
import { createLoopBlocks } from './loop-block.ts';
import { closedLoopSpecFrom, measurementOf, viewOf } from './simulated-views.fixture.ts';

/** A fleet that a real HPA controller scales, and what is made of its measurements every 15 s before it decides. */
async function underHpa(
  name: string,
  observe: (world: Parameters<FleetController['decide']>[0], wanted: () => Int32Array) => void,
) {
  const app = await loadApp(name);
  const traces = (['diurnal', 'flash-crowd', 'bursts'] as const).map((family, i) =>
    generateTrace({ family, seed: 40 + i, nominalLoad: app.nominalLoad, durationSeconds: 10_800 }),
  );
  const delays = { coldStartSeconds: app.coldStartSeconds, metricLagSeconds: app.metricLagSeconds };
  const controller = await hpa.createController({ app, lanes: traces.length, tickSeconds: 5, ...delays, seed: 1 });
  const watched: FleetController = {
    ...controller,
    decide(metrics, actions) {
      observe(metrics, () => {
        controller.decide(metrics, actions);
        return actions.replicas;
      });
    },
  };
  playTraces({ app, traces, controller: watched });
}

describe.each(['frontend', 'teastore'])('beside an HPA on %s', (name) => {
  it('it would ask for what the HPA asks for, tick by tick', async () => {
    const app = await loadApp(name);
    const model = createDemandModel(app);
    const blocks = createLoopBlocks({ app, model, lanes: 3, metricNames: ['cpu'], intervalSeconds: 15 });
    const memories = ['a', 'b', 'c'].map((key) => blocks.add(key));
    const [block] = blocks.all;
    const shadow = createHpaShadow(app, block, 15);
    const members = app.services.map(({ ratio, minReplicas: min, maxReplicas: max }) => ({ ratio, min, max }));
    const sizes = new Set<number>();
    await underHpa(name, (metrics, wanted) => {
      for (const { lane, key } of memories) {
        const source = key.charCodeAt(0) - 97;
        block.fleet.write(lane, measurementOf(metrics, source, key), metrics.second[source]);
      }
      shadow.advance(metrics.second[0]);
      const replicas = wanted();
      for (const { lane, key } of memories) {
        const source = key.charCodeAt(0) - 97;
        const expected = coveringGroupSize(members, replicas, 1, app.maxGroupSize, source, metrics.lanes);
        expect([metrics.second[0], shadow.wouldBe(lane, 1, app.maxGroupSize)]).toEqual([metrics.second[0], expected]);
        sizes.add(expected);
      }
    });
    expect(sizes.size).toBeGreaterThan(3);
  });

  it('its twin fares as the HPA does: where an HPA scales, the difference is nothing', async () => {
    const app = await loadApp(name);
    const checkpoint = await readCheckpoint(join(import.meta.dirname, '../checkpoints', name));
    const loopSpec = checkpoint.document.loop;
    const spec = closedLoopSpecFrom(loopSpec);
    const loop = createReactiveLoop({ spec: loopSpec, app, lanes: 3 });
    const deliberation = createDeliberation(checkpoint, app, { origin: name });
    await underHpa(name, (metrics, wanted) => {
      const views = [0, 1, 2].map((lane) => viewOf(spec, metrics, loop, lane));
      deliberation.decide(views, { second: metrics.second[0], unixSecond: metrics.second[0] });
      wanted();
    });
    for (const lane of [0, 1, 2]) {
      const found = deliberation.comparison(`shop/loop-${lane}`);
      if (found === undefined) throw new Error('nothing was compared');
      const { live, hpa: twin } = found;
      expect(live.seconds).toBe(twin.seconds);
      expect(live.seconds).toBeGreaterThan(10_000);
      expect(Math.abs(twin.podSeconds / live.podSeconds - 1)).toBeLessThan(0.05);
      expect(Math.abs(twin.violationSeconds - live.violationSeconds) / live.seconds).toBeLessThan(0.02);
      expect(Math.abs(twin.podChanges / Math.max(1, live.podChanges) - 1)).toBeLessThan(0.25);
    }
  });
});
