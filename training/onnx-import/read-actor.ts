/** From the bytes of an ONNX file to the layers of an actor as the checkpoint format holds them. Pure. */
import { UserError } from '../../env/errors.ts';
import { type Activation, networkLayout } from '../../policies/actor-critic/network.ts';
import type { InputScaling } from '../../policies/actor-critic/normalisation.ts';
import type { Affine, Scaled } from './actor-value.ts';
import { type OnnxModel, readOnnxModel } from './onnx-model.ts';
import { Refusal } from './refusal.ts';
import { type ActorContract, type TracedActor, traceActor } from './trace-actor.ts';

export interface ImportedActor extends Pick<TracedActor, 'outputs' | 'given'> {
  readonly inputs: InputScaling;
  readonly hidden: readonly number[];
  /** After each hidden layer. */
  readonly activations: readonly Activation[];
  /** As `networkLayout` lays an actor without a critic out. */
  readonly parameters: Float32Array;
}

const maxHiddenLayers = 16;

/** @throws UserError `ONNX_UNREADABLE` with what is wrong with the file `origin`, and what to do */
export function readModel(bytes: Uint8Array, origin: string): OnnxModel {
  return toldOf(origin, 'ONNX_UNREADABLE', () => readOnnxModel(bytes));
}

/** @throws UserError `ONNX_UNSUPPORTED` naming the node or the output that does not fit */
export function readActor(model: OnnxModel, contract: ActorContract, origin: string): ImportedActor {
  return toldOf(origin, 'ONNX_UNSUPPORTED', () => {
    const { logits, outputs, given } = traceActor(model, contract);
    return { outputs, given, ...layersOf(logits, contract) };
  });
}

function toldOf<Result>(origin: string, code: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw new UserError(code, `${origin}: ${error.message}`, { cause: error });
    throw error;
  }
}

function layersOf(logits: Affine, { inputs, heads }: ActorContract) {
  const layers: Affine[] = [logits];
  const activations: Activation[] = [];
  let { source } = logits;
  while (source.kind === 'hidden') {
    layers.unshift(source.of);
    activations.unshift(source.activation);
    source = source.of.source;
  }
  if (activations.length > maxHiddenLayers) {
    throw new Refusal(`it has ${activations.length} hidden layers, more than ${maxHiddenLayers}`);
  }
  const hidden = layers.slice(0, -1).map(({ bias }) => bias.length);
  const layout = networkLayout({ inputs, hidden, heads, hasCritic: false });
  const parameters = new Float32Array(layout.parameterCount);
  for (const [i, { offset, biasOffset }] of layout.actor.entries()) {
    parameters.set(layers[i].weights, offset);
    parameters.set(layers[i].bias, biasOffset);
  }
  return { inputs: scalingOf(source), hidden, activations, parameters: finite(parameters) };
}

function scalingOf({ centre, scale, low, high }: Scaled): InputScaling {
  finite(centre);
  finite(scale);
  return { centre, scale, low, high };
}

function finite<Numbers extends Float32Array | Float64Array>(numbers: Numbers): Numbers {
  if (numbers.every(Number.isFinite)) return numbers;
  throw new Refusal('its layers, put together, have weights that are not finite; the training diverged');
}
