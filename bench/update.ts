/**
 * Samples per second of one PPO update (forward, loss, backward, clip, Adam) at batch 4096 on one tensor backend,
 * against the same update by the library's own tape (tf.variableGrads, tf.train.adam) in the same process.
 */

import { loadApp } from '../env/apps/load-app.ts';
import { createDraw } from '../env/random.ts';
import { createScalingEnv } from '../env/simulator/scaling-env.ts';
import { initialParameters, type NetworkShape, networkLayout } from '../policies/actor-critic/network.ts';
import { activateTensorBackend, type TensorBackendName } from '../policies/actor-critic/tensor-backend.ts';
import { createReactiveLoop } from '../policies/reactive/batched-loop.ts';
import { agentLoopSpec } from '../policies/reactive/default-specs.ts';
import { createAdam } from '../training/adam.ts';
import { createGradientNetwork } from '../training/gradient-network.ts';
import { descend, type Learner } from '../training/learner.ts';
import { trainOptionsSchema } from '../training/options.ts';
import { type DecisionBatch, emptyStatistics, policyLossGradient, valueLossGradient } from '../training/policy-loss.ts';
import { against, type Benchmark, type BenchmarkOptions, type Measurement, measureRate } from './measurement.ts';
import { createTapeUpdate } from './tape-update.ts';

const rows = 4096;
const learningRate = 3e-4;
const options = trainOptionsSchema.parse({});
/** Largest difference of gradient components, relative to the largest component: float32 sums in another order. */
const gradientTolerance = 1e-3;

export const updateBenchmarks: readonly Benchmark[] = (['native', 'wasm', 'cpu'] as const).map((backend) => ({
  name: `update-${backend}`,
  description: `samples/s of a PPO update at batch ${rows} on the ${backend} backend, against tf.variableGrads`,
  async run(benchmarkOptions) {
    try {
      await activateTensorBackend(backend);
    } catch (error) {
      const note = `not available: ${(error as Error).message.split('\n')[0]}`;
      return [
        { name: `update, ${backend}`, unit: 'samples/s', median: null, lowest: null, highest: null, repeats: 0, note },
      ];
    }
    return [
      ...(await updateRates('10-64-64', { inputs: 10, hidden: [64, 64], heads: [7] }, backend, benchmarkOptions)),
      ...(await updateRates('frontend', await frontendShape(), backend, benchmarkOptions)),
    ];
  },
}));

/** The network that `train` makes for the measured application. */
async function frontendShape(): Promise<NetworkShape> {
  const app = await loadApp('frontend');
  const { observationNames, actionHeads } = createScalingEnv({
    app,
    lanes: 1,
    intervalSeconds: options.intervalSeconds,
    createReactiveLoop: (lanes) => createReactiveLoop({ spec: agentLoopSpec(app), app, lanes }),
  });
  return {
    inputs: observationNames.length,
    hidden: options.hidden,
    heads: actionHeads.map(({ choices }) => choices.length),
  };
}

/** A rollout's worth of made-up decisions: what an update costs does not depend on what they are. */
function madeUpBatch(shape: NetworkShape): DecisionBatch & { observations: Float32Array } {
  const draw = createDraw(1);
  const normals = (count: number) => Float32Array.from({ length: count }, () => draw.normal());
  return {
    rows,
    heads: shape.heads,
    observations: normals(rows * shape.inputs),
    actions: Int32Array.from({ length: rows * shape.heads.length }, (_, i) =>
      Math.floor(draw.uniform(0, shape.heads[i % shape.heads.length])),
    ),
    oldLogProbabilities: Float32Array.from({ length: rows }, () =>
      shape.heads.reduce((sum, choices) => sum - Math.log(choices), 0.1 * draw.normal()),
    ),
    advantages: normals(rows),
    returns: normals(rows),
  };
}

async function updateRates(
  label: string,
  shape: NetworkShape,
  backend: TensorBackendName,
  benchmarkOptions: BenchmarkOptions,
): Promise<Measurement[]> {
  const tf = await activateTensorBackend(backend);
  const layout = networkLayout(shape);
  const batch = madeUpBatch(shape);
  const parameters = initialParameters(shape, createDraw(1));
  const network = createGradientNetwork(tf, layout);
  network.load(parameters);
  const learner: Learner = {
    layout,
    heads: shape.heads,
    parameters,
    gradient: new Float32Array(parameters.length),
    adam: createAdam(parameters.length),
    network,
    uniform: () => 0,
  };
  const tape = createTapeUpdate(tf, layout, parameters, batch, { ...options, learningRate });
  const differentiate = () =>
    network.backward(
      batch.observations,
      rows,
      (logits, values, logitGradients, valueGradients) => {
        const statistics = emptyStatistics();
        policyLossGradient(batch, logits, options, logitGradients, statistics);
        valueLossGradient(batch.returns, values, rows, options.valueWeight, valueGradients, statistics);
      },
      learner.gradient,
    );
  differentiate();
  checkAgreement(learner.gradient, tape.gradient());
  const common = { ...benchmarkOptions, unit: 'samples/s', itemsPerCall: rows };
  const baseline = measureRate({ ...common, name: `tape, ${label}, ${backend}`, work: tape.update });
  const ours = measureRate({
    ...common,
    name: `update, ${label}, ${backend}`,
    work() {
      differentiate();
      descend(learner, learningRate, options.maxGradientNorm);
    },
  });
  tape.dispose();
  network.dispose();
  return [baseline, against(ours, 'tape', baseline)];
}

function checkAgreement(ours: Float32Array, theirs: Float32Array): void {
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0);
  if (!(difference <= gradientTolerance * largest)) {
    throw new Error(
      `the tape's gradient differs by ${difference} (largest component ${largest}): it computes another update`,
    );
  }
}
