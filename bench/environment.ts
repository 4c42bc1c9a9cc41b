/** Decisions per second of the vector environment: simulator, reactive loop, observation and reward, with random moves. */
import { loadApp } from '../env/apps/load-app.ts';
import { createLaneRandom } from '../env/simulator/lane-random.ts';
import { createScalingEnv, type ScalingEnv } from '../env/simulator/scaling-env.ts';
import { createReactiveLoop } from '../policies/reactive/batched-loop.ts';
import { agentLoopSpec } from '../policies/reactive/default-specs.ts';
import { trainOptionsSchema } from '../training/options.ts';
import { against, type Benchmark, type BenchmarkOptions, type Measurement, measureRate } from './measurement.ts';

const batches = [1, 256, 4096] as const;
const apps = ['frontend', 'teastore'] as const;

export const environmentBenchmark: Benchmark = {
  name: 'environment',
  description: 'agent steps/s of the vector environment at the default decision interval',
  async run(options) {
    const measurements: Measurement[] = [];
    for (const app of apps) {
      const ofBatch: Measurement[] = [];
      for (const lanes of batches) ofBatch.push(await stepRate(app, lanes, options));
      const [single, ...larger] = ofBatch;
      measurements.push(single, ...larger.map((measurement) => against(measurement, 'single', single)));
    }
    return measurements;
  },
};

/** At the default decision interval, with the reactive loop that an agent stands over. */
export async function scalingEnv(appName: string, lanes: number): Promise<ScalingEnv> {
  const app = await loadApp(appName);
  const { intervalSeconds } = trainOptionsSchema.parse({});
  return createScalingEnv({
    app,
    lanes,
    intervalSeconds,
    createReactiveLoop: (count) => createReactiveLoop({ spec: agentLoopSpec(app), app, lanes: count }),
  });
}

export async function stepRate(appName: string, lanes: number, options: BenchmarkOptions): Promise<Measurement> {
  const env = await scalingEnv(appName, lanes);
  env.reset(1);
  const random = createLaneRandom(lanes);
  for (let lane = 0; lane < lanes; lane++) random.seed(lane, lane);
  const choices = env.actionHeads.map((head) => head.choices.length);
  const actions = new Int32Array(lanes * choices.length);
  return measureRate({
    ...options,
    name: `env ${appName}, batch ${lanes}`,
    unit: 'steps/s',
    itemsPerCall: lanes,
    work() {
      for (let i = 0; i < actions.length; i++) {
        const head = i % choices.length;
        actions[i] = Math.floor(random.uniform((i / choices.length) | 0) * choices[head]);
      }
      env.step(actions);
    },
  });
}
