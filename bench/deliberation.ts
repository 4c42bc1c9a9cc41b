/** What one pass of the deliberative decision costs an agent: compute for many closed loops, and the memory of their histories. */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { AppModel } from '../env/apps/app-model.ts';
import { loadApp } from '../env/apps/load-app.ts';
import { createSimulator, defaultLaneParameters } from '../env/simulator/simulator.ts';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import type { LoopView } from '../policies/deliberation/contract.ts';
import { createDeliberation } from '../policies/deliberation/deliberation.ts';
import { closedLoopSpecFrom, viewOf } from '../policies/deliberation/simulated-views.fixture.ts';
import { createReactiveLoop } from '../policies/reactive/batched-loop.ts';
import type { LoopSpec } from '../policies/reactive/loop-spec.ts';
import { type Benchmark, type BenchmarkOptions, type Measurement, summarise } from './measurement.ts';

const apps = ['frontend', 'boutique'] as const;
/** Milliseconds that a pass may take, by closed loops. */
const required = new Map([
  [100, 50],
  [1000, 1000],
]);

export const deliberationBenchmark: Benchmark = {
  name: 'deliberation',
  description: 'compute and memory of a pass over 100 and 1,000 closed loops: features, network, checks, HPA twins',
  async run(options) {
    const measurements: Measurement[] = [];
    // What is measured stays alive, or its end would count as memory of the next.
    const alive: unknown[] = [];
    for (const app of apps) {
      for (const loops of required.keys()) measurements.push(...(await measurePasses(app, loops, options, alive)));
    }
    return measurements;
  },
};

async function measurePasses(
  appName: string,
  loops: number,
  { quick }: BenchmarkOptions,
  alive: unknown[],
): Promise<Measurement[]> {
  const app = await loadApp(appName);
  const checkpoint = await readCheckpoint(join(import.meta.dirname, '../policies/checkpoints', appName));
  const { document } = checkpoint;
  const world = createWorld(app, document.loop, loops);
  const before = process.memoryUsage().arrayBuffers;
  const deliberation = createDeliberation(checkpoint, app, { origin: appName });
  alive.push(world, deliberation);
  const samples: number[] = [];
  let proposals = 0;
  const [warmUp, passes] = quick ? [2, 3] : [40, 60];
  for (let pass = 0; pass < warmUp + passes; pass++) {
    const second = pass * deliberation.intervalSeconds;
    const views = world.next(deliberation.intervalSeconds);
    const started = performance.now();
    const decisions = deliberation.decide(views, { second, unixSecond: second });
    if (pass >= warmUp) samples.push(performance.now() - started);
    proposals = decisions.filter(({ proposal }) => proposal !== undefined).length;
  }
  const label = `pass of ${loops} loops, ${appName}`;
  const compute: Measurement = { ...summarise(label, 'ms', samples), note: `${proposals} proposals in the last pass` };
  compute.required = { value: required.get(loops) ?? 0, is: 'at most' };
  const bytes = process.memoryUsage().arrayBuffers - before;
  return [compute, summarise(`${label}: arrays of their histories`, 'MB', [bytes / 1e6])];
}

/** Simulated applications under their reactive loops, each with a load of its own, as an agent would see them. */
function createWorld(app: AppModel, loopSpec: LoopSpec, lanes: number) {
  const simulator = createSimulator({ app, lanes });
  const loop = createReactiveLoop({ spec: loopSpec, app, lanes });
  const spec = closedLoopSpecFrom(loopSpec);
  for (let lane = 0; lane < lanes; lane++) {
    simulator.resetLane(lane, { ...defaultLaneParameters(app), seed: lane, initialGroupSize: 4 });
    loop.resetLane(lane);
  }
  return {
    next(seconds: number): LoopView[] {
      for (let at = 0; at < seconds; at += simulator.tickSeconds) {
        simulator.startTick();
        if (at === 0) {
          simulator.observe();
          loop.decide(simulator.metrics, simulator.actions);
          simulator.apply();
        }
        for (let lane = 0; lane < lanes; lane++) {
          simulator.load[lane] = app.nominalLoad * (1 + 0.3 * Math.sin(lane + simulator.metrics.second[lane] / 600));
        }
        simulator.endTick();
      }
      simulator.observe();
      return Array.from({ length: lanes }, (_, lane) => viewOf(spec, simulator.metrics, loop, lane));
    },
  };
}
