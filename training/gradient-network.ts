/**
 * The actor and the critic on a tensor backend, with an explicit backward pass. Losses are differentiated with respect
 * to logits and values in plain code (policy-loss.ts); here only dense layers and tanh are left, which is a few large
 * matrix products. That is 2 to 4 times faster than the library's tape and the same on every backend.
 */
import type { LayerLayout, NetworkLayout } from '../policies/actor-critic/network.ts';
import type { TensorLibrary } from '../policies/actor-critic/tensor-backend.ts';

type Tensor = ReturnType<TensorLibrary['tensor']>;

interface Stack {
  readonly weights: Tensor[];
  readonly biases: Tensor[];
}

export interface GradientNetwork {
  /** Uploads parameters; call after every change of them. */
  load(parameters: Float32Array): void;
  /** Logits (rows × logits) and values (rows) of normalised observations (rows × inputs). */
  predict(observations: Float32Array, rows: number, logits: Float32Array, values: Float32Array): void;
  /**
   * Forward, then `differentiate(logits, values, logitGradients, valueGradients)` fills the loss gradients with respect
   * to the outputs, then backward: the gradient with respect to the parameters is written into `gradient`.
   */
  backward(
    observations: Float32Array,
    rows: number,
    differentiate: (
      logits: Float32Array,
      values: Float32Array,
      logitGradients: Float32Array,
      valueGradients: Float32Array,
    ) => void,
    gradient: Float32Array,
  ): void;
  dispose(): void;
}

export function createGradientNetwork(tf: TensorLibrary, layout: NetworkLayout): GradientNetwork {
  // WebAssembly's product of a transposed matrix is three times slower than transposing it first; native has it for free.
  const transposesFirst = tf.getBackend() === 'wasm';
  const product = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor =>
    (transposesFirst
      ? tf.matMul((transposeA ? tf.transpose(a) : a) as never, (transposeB ? tf.transpose(b) : b) as never)
      : tf.matMul(a as never, b as never, transposeA, transposeB)) as Tensor;
  let actor: Stack | undefined;
  let critic: Stack | undefined;

  function upload(layers: readonly LayerLayout[], parameters: Float32Array): Stack {
    return {
      weights: layers.map(({ offset, inputs, outputs }) =>
        tf.tensor2d(parameters.slice(offset, offset + inputs * outputs), [inputs, outputs]),
      ),
      biases: layers.map(({ biasOffset, outputs }) => tf.tensor1d(parameters.slice(biasOffset, biasOffset + outputs))),
    };
  }

  function disposeStack(stack: Stack | undefined): void {
    for (const tensor of [...(stack?.weights ?? []), ...(stack?.biases ?? [])]) tensor.dispose();
  }

  function loaded(stack: Stack | undefined): Stack {
    if (stack === undefined) throw new Error('parameters have not been loaded');
    return stack;
  }

  /** Activations of every layer, the input first and the linear output last. */
  function forward(stack: Stack, input: Tensor): Tensor[] {
    const activations = [input];
    for (const [l, weights] of stack.weights.entries()) {
      const linear = tf.fused.matMul({
        a: activations[l] as never,
        b: weights as never,
        transposeA: false,
        transposeB: false,
        bias: stack.biases[l],
      }) as Tensor;
      activations.push(l === stack.weights.length - 1 ? linear : (tf.tanh(linear) as Tensor));
    }
    return activations;
  }

  function backwardStack(
    stack: Stack,
    layers: readonly LayerLayout[],
    activations: Tensor[],
    outputGradient: Tensor,
    gradient: Float32Array,
  ): void {
    let delta = outputGradient;
    for (let l = layers.length - 1; l >= 0; l--) {
      const weightGradient = product(activations[l], delta, true, false);
      gradient.set(weightGradient.dataSync() as Float32Array, layers[l].offset);
      gradient.set(tf.sum(delta as never, 0).dataSync() as Float32Array, layers[l].biasOffset);
      if (l === 0) break;
      const through = product(delta, stack.weights[l], false, true);
      // tanh' = 1 − tanh²
      delta = tf.sub(through, tf.mul(through, tf.square(activations[l] as never))) as Tensor;
    }
  }

  return {
    load(parameters) {
      disposeStack(actor);
      disposeStack(critic);
      actor = upload(layout.actor, parameters);
      critic = upload(layout.critic, parameters);
    },
    predict(observations, rows, logits, values) {
      tf.tidy(() => {
        const input = tf.tensor2d(observations, [rows, observations.length / rows]) as Tensor;
        logits.set(forward(loaded(actor), input).at(-1)?.dataSync() as Float32Array);
        values.set(forward(loaded(critic), input).at(-1)?.dataSync() as Float32Array);
      });
    },
    backward(observations, rows, differentiate, gradient) {
      tf.tidy(() => {
        const input = tf.tensor2d(observations, [rows, observations.length / rows]) as Tensor;
        const actorActivations = forward(loaded(actor), input);
        const criticActivations = forward(loaded(critic), input);
        const logits = actorActivations[actorActivations.length - 1].dataSync() as Float32Array;
        const values = criticActivations[criticActivations.length - 1].dataSync() as Float32Array;
        const logitGradients = new Float32Array(rows * layout.logits);
        const valueGradients = new Float32Array(rows);
        differentiate(logits, values, logitGradients, valueGradients);
        const logitTensor = tf.tensor2d(logitGradients, [rows, layout.logits]) as Tensor;
        const valueTensor = tf.tensor2d(valueGradients, [rows, 1]) as Tensor;
        backwardStack(loaded(actor), layout.actor, actorActivations, logitTensor, gradient);
        backwardStack(loaded(critic), layout.critic, criticActivations, valueTensor, gradient);
      });
    },
    dispose() {
      disposeStack(actor);
      disposeStack(critic);
    },
  };
}
