/** Environment steps per second of PPO and A2C end to end: rollout and update of a real training run, without validation. */
import { performance } from 'node:perf_hooks';
import { loadApp } from '../env/apps/load-app.ts';
import { loadTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import { trainOptionsSchema } from '../training/options.ts';
import { train } from '../training/train.ts';
import { type Benchmark, type BenchmarkOptions, type Measurement, summarise } from './measurement.ts';

const required = { ppo: 60_000, a2c: 120_000 } as const;
/** Rollouts at the start that are not counted: the just-in-time compiler is still at work. */
const warmUpRollouts = 5;
const rolloutsPerRepeat = 5;

const learnerBenchmark = (algorithm: keyof typeof required): Benchmark => ({
  name: algorithm,
  description: `environment steps/s of ${algorithm.toUpperCase()}, rollout and update`,
  run: async (options) => [await environmentStepRate(algorithm, options)],
});

export const ppoBenchmark = learnerBenchmark('ppo');
export const a2cBenchmark = learnerBenchmark('a2c');

async function environmentStepRate(
  algorithm: keyof typeof required,
  { quick }: BenchmarkOptions,
): Promise<Measurement> {
  const app = await loadApp('frontend');
  const { tf, name: backend } = await loadTensorBackend();
  const { lanes, rolloutSteps } = trainOptionsSchema.parse({});
  const repeats = quick ? 1 : 7;
  const rollouts = warmUpRollouts + repeats * rolloutsPerRepeat;
  const options = trainOptionsSchema.parse({
    algorithm,
    environmentSteps: (rollouts + 1) * lanes * rolloutSteps,
    // The algorithm alone, in one segment: validation comes between segments and is not what is measured.
    warmStartShare: 0,
    segmentRollouts: rollouts + 1,
  });
  const samples: number[] = [];
  let rollout = 0;
  let started = 0;
  const finished = new AbortController();
  await train({
    app,
    options,
    tf,
    gitCommit: null,
    signal: finished.signal,
    onRollout() {
      const now = performance.now();
      rollout++;
      if (rollout > warmUpRollouts && (rollout - warmUpRollouts) % rolloutsPerRepeat === 0) {
        samples.push((1000 * rolloutsPerRepeat * lanes * rolloutSteps) / (now - started));
      }
      if ((rollout - warmUpRollouts) % rolloutsPerRepeat === 0) started = now;
      // The run is one rollout longer than is measured, so that it ends before the segment's validation.
      if (rollout === rollouts) finished.abort();
    },
  });
  const name = `${algorithm.toUpperCase()} end to end (${backend})`;
  return {
    ...summarise(name, 'env-steps/s', samples),
    required: { value: required[algorithm], is: 'at least' },
    note: `${options.lanes} lanes × ${options.rolloutSteps} steps a rollout, a decision every ${options.intervalSeconds} s`,
  };
}
