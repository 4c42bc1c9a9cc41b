/**
 * The actor and the critic: two multilayer perceptrons, with tanh between layers unless told otherwise, over one flat
 * parameter vector.
 * Inference is plain TypeScript, so that an agent needs no tensor library; training batches the same arithmetic
 * on a tensor backend (training/gradient-network.ts).
 */
import type { Draw } from '../../env/random.ts';

/** What may stand between two layers; training here knows tanh alone, imported actors all of them. */
export const activationNames = ['tanh', 'relu', 'elu', 'sigmoid'] as const;
export type Activation = (typeof activationNames)[number];

export interface NetworkShape {
  readonly inputs: number;
  readonly hidden: readonly number[];
  /** Number of choices of each action head; the actor's outputs are the heads' logits side by side. */
  readonly heads: readonly number[];
  /** After each hidden layer. Default: tanh. */
  readonly activations?: readonly Activation[];
  /** False for an actor alone. Default: true. */
  readonly hasCritic?: boolean;
}

/** One dense layer's place in the parameter vector: `weights` are inputs × outputs row-major at `offset`, then the bias. */
export interface LayerLayout {
  readonly inputs: number;
  readonly outputs: number;
  readonly offset: number;
  readonly biasOffset: number;
}

export interface NetworkLayout {
  readonly actor: readonly LayerLayout[];
  /** Empty for an actor alone. */
  readonly critic: readonly LayerLayout[];
  readonly logits: number;
  readonly parameterCount: number;
}

export function networkLayout(shape: NetworkShape): NetworkLayout {
  let offset = 0;
  const stack = (outputs: number): LayerLayout[] => {
    const sizes = [shape.inputs, ...shape.hidden, outputs];
    return sizes.slice(1).map((size, i) => {
      const layer = { inputs: sizes[i], outputs: size, offset, biasOffset: offset + sizes[i] * size };
      offset += (sizes[i] + 1) * size;
      return layer;
    });
  };
  const logits = shape.heads.reduce((sum, count) => sum + count, 0);
  const actor = stack(logits);
  const critic = shape.hasCritic === false ? [] : stack(1);
  return { actor, critic, logits, parameterCount: offset };
}

/** Orthogonal initialisation, gain √2 in hidden layers, 0.01 for the actor's and 1 for the critic's output (CleanRL's choice). */
export function initialParameters(shape: NetworkShape, draw: Draw): Float32Array {
  const layout = networkLayout(shape);
  const parameters = new Float32Array(layout.parameterCount);
  for (const [stack, outputGain] of [
    [layout.actor, 0.01],
    [layout.critic, 1],
  ] as const) {
    for (const [i, layer] of stack.entries()) {
      const gain = i === stack.length - 1 ? outputGain : Math.SQRT2;
      const rows = orthogonalRows(Math.min(layer.inputs, layer.outputs), Math.max(layer.inputs, layer.outputs), draw);
      for (let input = 0; input < layer.inputs; input++) {
        for (let output = 0; output < layer.outputs; output++) {
          const value = layer.inputs <= layer.outputs ? rows[input][output] : rows[output][input];
          parameters[layer.offset + input * layer.outputs + output] = gain * value;
        }
      }
    }
  }
  return parameters;
}

/** `count` ≤ `length` orthonormal rows by Gram–Schmidt on normal draws. */
function orthogonalRows(count: number, length: number, draw: Draw): Float64Array[] {
  const rows: Float64Array[] = [];
  while (rows.length < count) {
    const row = Float64Array.from({ length }, () => draw.normal());
    for (const earlier of rows) {
      const overlap = row.reduce((sum, value, i) => sum + value * earlier[i], 0);
      for (let i = 0; i < length; i++) row[i] -= overlap * earlier[i];
    }
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (norm > 1e-6) rows.push(row.map((value) => value / norm));
  }
  return rows;
}

export interface Network {
  readonly layout: NetworkLayout;
  /** Logits of one observation (normalised), into `logits` (length `layout.logits`). */
  actor(observation: Float32Array, logits: Float32Array): void;
  /** Value estimate of one observation (normalised); NaN without a critic. */
  value(observation: Float32Array): number;
}

/** In place; ELU with α = 1. */
const activate: Readonly<Record<Activation, (units: Float32Array, count: number) => void>> = {
  tanh(units, count) {
    for (let i = 0; i < count; i++) units[i] = Math.tanh(units[i]);
  },
  relu(units, count) {
    for (let i = 0; i < count; i++) if (units[i] < 0) units[i] = 0;
  },
  elu(units, count) {
    for (let i = 0; i < count; i++) if (units[i] < 0) units[i] = Math.expm1(units[i]);
  },
  sigmoid(units, count) {
    for (let i = 0; i < count; i++) units[i] = 1 / (1 + Math.exp(-units[i]));
  },
};

/** Plain inference over `parameters`; allocates nothing per call. */
export function createNetwork(shape: NetworkShape, parameters: Float32Array): Network {
  const layout = networkLayout(shape);
  const widest = Math.max(shape.inputs, ...shape.hidden);
  const scratch = [new Float32Array(widest), new Float32Array(widest)];
  const between = shape.hidden.map((_, l) => activate[shape.activations?.[l] ?? 'tanh']);
  const single = new Float32Array(1);

  function run(stack: readonly LayerLayout[], observation: Float32Array, output: Float32Array): void {
    let input = observation;
    for (let l = 0; l < stack.length; l++) {
      const { inputs, outputs, offset, biasOffset } = stack[l];
      const last = l === stack.length - 1;
      const target = last ? output : scratch[l % 2];
      for (let o = 0; o < outputs; o++) target[o] = parameters[biasOffset + o];
      for (let i = 0; i < inputs; i++) {
        const value = input[i];
        const row = offset + i * outputs;
        for (let o = 0; o < outputs; o++) target[o] += value * parameters[row + o];
      }
      if (!last) between[l](target, outputs);
      input = target;
    }
  }

  return {
    layout,
    actor: (observation, logits) => run(layout.actor, observation, logits),
    value(observation) {
      if (layout.critic.length === 0) return Number.NaN;
      run(layout.critic, observation, single);
      return single[0];
    },
  };
}
