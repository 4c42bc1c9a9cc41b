/** The baseline of the update benchmark: the same PPO update written with TensorFlow.js's automatic differentiation. */
import type { LayerLayout, NetworkLayout } from '../policies/actor-critic/network.ts';
import type { TensorLibrary } from '../policies/actor-critic/tensor-backend.ts';
import type { DecisionBatch, LossWeights } from '../training/policy-loss.ts';

type Tensor = ReturnType<TensorLibrary['tensor']>;
type Variable = ReturnType<TensorLibrary['variable']>;

export interface TapeUpdate {
  /** One step on the batch: gradients by the tape, clipped by global norm, applied by Adam. */
  update(): void;
  /** The gradient in the layout's order. */
  gradient(): Float32Array;
  dispose(): void;
}

export interface TapeOptions extends LossWeights {
  learningRate: number;
  maxGradientNorm: number;
}

export function createTapeUpdate(
  tf: TensorLibrary,
  layout: NetworkLayout,
  parameters: Float32Array,
  batch: DecisionBatch & { observations: Float32Array },
  options: TapeOptions,
): TapeUpdate {
  const { rows, heads } = batch;
  const optimizer = tf.train.adam(options.learningRate);
  const variables: { variable: Variable; offset: number }[] = [];
  const createVariable = (offset: number, shape: [number, number] | [number]) => {
    const size = shape.reduce((product: number, length) => product * length, 1);
    const variable = tf.variable(tf.tensor(parameters.slice(offset, offset + size), shape));
    variables.push({ variable, offset });
    return variable;
  };
  const createStack = (layers: readonly LayerLayout[]) =>
    layers.map(({ inputs, outputs, offset, biasOffset }) => ({
      weights: createVariable(offset, [inputs, outputs]),
      bias: createVariable(biasOffset, [outputs]),
    }));
  const actor = createStack(layout.actor);
  const critic = createStack(layout.critic);

  const forward = (stack: ReturnType<typeof createStack>, input: Tensor) =>
    stack.reduce((activation: Tensor, { weights, bias }, l) => {
      const linear = tf.add(tf.matMul(activation as never, weights as never), bias);
      return (l === stack.length - 1 ? linear : tf.tanh(linear)) as Tensor;
    }, input);

  /** Clipped surrogate, value error and entropy bonus; uploads the batch, as an update in training has to. */
  function loss() {
    const observations = tf.tensor2d(batch.observations, [rows, batch.observations.length / rows]) as Tensor;
    const actions = tf.tensor2d(batch.actions, [rows, heads.length]);
    const advantages = tf.tensor1d(batch.advantages);
    const logits = forward(actor, observations);
    let logProbability: Tensor = tf.zeros([rows]);
    let entropy: Tensor = tf.zeros([rows]);
    for (let h = 0, offset = 0; h < heads.length; offset += heads[h++]) {
      const logs = tf.logSoftmax(tf.slice(logits as never, [0, offset], [rows, heads[h]]) as Tensor);
      const chosen = tf.oneHot(tf.squeeze(tf.slice(actions, [0, h], [rows, 1]), [1]).toInt() as never, heads[h]);
      logProbability = tf.add(logProbability, tf.sum(tf.mul(logs, chosen), 1));
      entropy = tf.sub(entropy, tf.sum(tf.mul(tf.exp(logs), logs), 1));
    }
    const ratio = tf.exp(tf.sub(logProbability, tf.tensor1d(batch.oldLogProbabilities)));
    const clipped = tf.clipByValue(ratio, 1 - options.clipRange, 1 + options.clipRange);
    const surrogate = tf.minimum(tf.mul(ratio, advantages), tf.mul(clipped, advantages));
    const values = tf.squeeze(forward(critic, observations) as never, [1]);
    const valueLoss = tf.mul(0.5 * options.valueWeight, tf.mean(tf.square(tf.sub(values, tf.tensor1d(batch.returns)))));
    const policyLoss = tf.neg(tf.mean(tf.add(surrogate, tf.mul(options.entropyWeight, entropy))));
    return tf.add(policyLoss, valueLoss).asScalar();
  }

  const gradients = () =>
    tf.variableGrads(
      loss,
      variables.map(({ variable }) => variable),
    ).grads;

  return {
    update() {
      tf.tidy(() => {
        const grads = gradients();
        const squares = Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)));
        const norm = tf.sqrt(tf.addN(squares));
        const scale = tf.minimum(1, tf.div(options.maxGradientNorm, norm));
        for (const name of Object.keys(grads)) grads[name] = tf.mul(grads[name], scale);
        optimizer.applyGradients(grads as never);
        // Reading a value back is what ends an asynchronous backend's work.
        norm.dataSync();
      });
    },
    gradient() {
      const flat = new Float32Array(layout.parameterCount);
      tf.tidy(() => {
        const grads = gradients();
        for (const { variable, offset } of variables) flat.set(grads[variable.name].dataSync() as Float32Array, offset);
      });
      return flat;
    },
    dispose() {
      for (const { variable } of variables) variable.dispose();
      optimizer.dispose();
    },
  };
}
