/** Trajectories of Duoloop's own environment, written for the Python tests to compare theirs with. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadApp } from '../../env/apps/load-app.ts';
import { createDraw } from '../../env/random.ts';
import { rewardTermNames } from '../../env/reward/reward.ts';
import { createScalingEnv, type ScalingEnvOptions } from '../../env/simulator/scaling-env.ts';
import { formatTrace, type Trace } from '../../env/workload/trace.ts';
import { createReactiveLoop } from '../../policies/reactive/batched-loop.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';

interface Trajectory {
  readonly name: string;
  readonly app: string;
  readonly lanes: number;
  readonly seed: number;
  readonly steps: number;
  /** As the Python package takes them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly environment: Omit<ScalingEnvOptions, 'app' | 'lanes' | 'createReactiveLoop'>;
}

/** Writes `<name>.json` into `folder`: one with everything left to its default, one with every option given. */
export async function writeTrajectories(folder: string): Promise<void> {
  const trace: Trace = { name: 'own', seconds: [0, 900, 2700, 5400, 7200], rps: [300, 900, 500, 400, 0] };
  const traceFile = join(folder, 'own.csv');
  await writeFile(traceFile, formatTrace(trace));
  await write(folder, {
    name: 'synthetic',
    app: 'frontend',
    lanes: 5,
    seed: 4_000_000_001,
    steps: 70,
    options: { episode_steps: 30 },
    environment: { intervalSeconds: 15, maxEpisodeSteps: 30, poolSeed: 1 },
  });
  await write(folder, {
    name: 'own-traces',
    app: 'teastore',
    lanes: 3,
    seed: 7,
    steps: 260,
    options: {
      traces: [traceFile],
      hold_out: 0.25,
      interval_seconds: 60,
      pool_seed: 9,
      violation_weight: 3,
      churn_weight: 0.5,
      learns: 'set-points',
    },
    environment: {
      intervalSeconds: 60,
      poolSeed: 9,
      reward: { violation: 3, churn: 0.5 },
      learns: 'set-points',
      // The first three quarters.
      episodes: { traces: [{ name: 'own-training', seconds: [0, 900, 2700, 5400], rps: [300, 900, 500, 400] }] },
    },
  });
}

async function write(folder: string, trajectory: Trajectory): Promise<void> {
  const { name, app: appName, lanes, seed, steps, environment } = trajectory;
  const app = await loadApp(appName);
  const env = createScalingEnv({
    ...environment,
    app,
    lanes,
    createReactiveLoop: (count) => createReactiveLoop({ spec: agentLoopSpec(app), app, lanes: count }),
  });
  const draw = createDraw(seed);
  const width = env.observationNames.length;
  const observations = [env.reset(seed).slice()];
  const actions: Int32Array[] = [];
  const rewards: Float32Array[] = [];
  const terms: Float32Array[] = [];
  const terminated: Uint8Array[] = [];
  const truncated: Uint8Array[] = [];
  const finalObservations: Float32Array[] = [];
  for (let t = 0; t < steps; t++) {
    const chosen = Int32Array.from({ length: lanes * env.actionHeads.length }, (_, i) =>
      Math.floor(draw.uniform(0, env.actionHeads[i % env.actionHeads.length].choices.length)),
    );
    const step = env.step(chosen);
    actions.push(chosen);
    observations.push(step.observations.slice());
    rewards.push(step.rewards.slice());
    for (const term of rewardTermNames) terms.push(step.terms[term].slice());
    terminated.push(step.terminated.slice());
    truncated.push(step.truncated.slice());
    for (let lane = 0; lane < lanes; lane++) {
      if (step.truncated[lane] === 0) continue;
      finalObservations.push(step.finalObservations.slice(lane * width, (lane + 1) * width));
    }
  }
  const series = { actions, observations, rewards, terms, terminated, truncated, finalObservations };
  const { options } = trajectory;
  const arrays = Object.fromEntries(Object.entries(series).map(([key, parts]) => [key, base64(parts)]));
  const content = { app: appName, lanes, seed, steps, options, observationNames: env.observationNames, arrays };
  await writeFile(join(folder, `${name}.json`), JSON.stringify(content));
}

function base64(parts: readonly (Float32Array | Int32Array | Uint8Array)[]): string {
  return Buffer.concat(parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength))).toString(
    'base64',
  );
}
