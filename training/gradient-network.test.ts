import { describe, expect, it } from 'vitest';
import { createDraw } from '../env/random.ts';
import {
  createNetwork,
  initialParameters,
  type NetworkShape,
  networkLayout,
} from '../policies/actor-critic/network.ts';
import { activateTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import { createGradientNetwork } from './gradient-network.ts';

const shape: NetworkShape = { inputs: 5, hidden: [7, 6], heads: [3, 4] };
const layout = networkLayout(shape);
const rows = 9;
const draw = createDraw(11);
const observations = Float32Array.from({ length: rows * shape.inputs }, () => draw.normal());
// Far from the start, where the actor's last layer is nearly 0 and would hide the gradients of the layers below.
const parameters = initialParameters(shape, draw).map((value) => value + 0.4 * draw.normal());
const logitWeights = Float64Array.from({ length: rows * 7 }, () => draw.normal());
const valueTargets = Float64Array.from({ length: rows }, () => draw.normal());

/** Both networks in double precision from the definition of a multilayer perceptron, and a loss that bends everywhere. */
function loss(theta: ArrayLike<number>): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    for (const stack of [layout.actor, layout.critic]) {
      let activation = Array.from(observations.slice(row * shape.inputs, (row + 1) * shape.inputs));
      for (const [l, { inputs, outputs, offset, biasOffset }] of stack.entries()) {
        expect(activation.length).toBe(inputs);
        activation = Array.from({ length: outputs }, (_, o) => {
          const linear = activation.reduce(
            (total, x, i) => total + x * theta[offset + i * outputs + o],
            theta[biasOffset + o],
          );
          return l === stack.length - 1 ? linear : Math.tanh(linear);
        });
      }
      if (stack === layout.critic) sum += 0.5 * (activation[0] - valueTargets[row]) ** 2;
      else for (const [k, logit] of activation.entries()) sum += logitWeights[row * 7 + k] * logit + 0.05 * logit ** 2;
    }
  }
  return sum;
}

// Native is the same code as cpu here; wasm transposes first.
describe.each(['cpu', 'wasm'] as const)('the network on the %s backend', (name) => {
  it('predicts what plain inference does', async () => {
    const network = createGradientNetwork(await activateTensorBackend(name), layout);
    network.load(parameters);
    const [logits, values] = [new Float32Array(rows * 7), new Float32Array(rows)];
    network.predict(observations, rows, logits, values);
    const plain = createNetwork(shape, parameters);
    const own = new Float32Array(7);
    for (let row = 0; row < rows; row++) {
      const observation = observations.subarray(row * shape.inputs, (row + 1) * shape.inputs);
      plain.actor(observation, own);
      for (let k = 0; k < 7; k++) expect(logits[row * 7 + k]).toBeCloseTo(own[k], 5);
      expect(values[row]).toBeCloseTo(plain.value(observation), 5);
    }
    network.dispose();
  });

  it('goes backward to the slopes that differences give, for every parameter, and keeps no tensor', async () => {
    const tf = await activateTensorBackend(name);
    const network = createGradientNetwork(tf, layout);
    network.load(parameters);
    const tensors = tf.memory().numTensors;
    const gradient = new Float32Array(layout.parameterCount).fill(Number.NaN);
    network.backward(
      observations,
      rows,
      (logits, values, logitGradients, valueGradients) => {
        for (let i = 0; i < logits.length; i++) logitGradients[i] = logitWeights[i] + 0.1 * logits[i];
        for (let row = 0; row < rows; row++) valueGradients[row] = values[row] - valueTargets[row];
      },
      gradient,
    );
    const theta = Float64Array.from(parameters);
    for (let p = 0; p < theta.length; p++) {
      const at = theta[p];
      theta[p] = at + 1e-5;
      const up = loss(theta);
      theta[p] = at - 1e-5;
      const slope = (up - loss(theta)) / 2e-5;
      theta[p] = at;
      expect(Math.abs(gradient[p] - slope), `parameter ${p}`).toBeLessThan(1e-4 * (1 + Math.abs(slope)));
    }
    network.load(parameters);
    expect(tf.memory().numTensors).toBe(tensors);
    network.dispose();
  });
});

it('parameters have one place each in the layout, and begin as orthogonal layers of the gains that are stated', () => {
  const places = [...layout.actor, ...layout.critic].flatMap(({ inputs, outputs, offset, biasOffset }) => [
    ...Array.from({ length: inputs * outputs }, (_, i) => offset + i),
    ...Array.from({ length: outputs }, (_, i) => biasOffset + i),
  ]);
  expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length: layout.parameterCount }, (_, i) => i));
  const fresh = initialParameters(shape, createDraw(3));
  for (const [stack, outputGain] of [
    [layout.actor, 0.01],
    [layout.critic, 1],
  ] as const) {
    for (const [l, { inputs, outputs, offset, biasOffset }] of stack.entries()) {
      const gain = l === stack.length - 1 ? outputGain : Math.SQRT2;
      const weight = (i: number, o: number) => fresh[offset + i * outputs + o] / gain;
      // The shorter side's vectors are orthonormal.
      const wide = inputs <= outputs;
      const vector = (k: number) =>
        wide
          ? Array.from({ length: outputs }, (_, o) => weight(k, o))
          : Array.from({ length: inputs }, (_, i) => weight(i, k));
      for (let a = 0; a < Math.min(inputs, outputs); a++) {
        for (let b = 0; b <= a; b++) {
          const product = vector(a).reduce((sum, value, i) => sum + value * vector(b)[i], 0);
          expect(product).toBeCloseTo(a === b ? 1 : 0, 4);
        }
      }
      expect([...fresh.subarray(biasOffset, biasOffset + outputs)]).toEqual(new Array(outputs).fill(0));
    }
  }
});
