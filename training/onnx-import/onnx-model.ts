/** An ONNX file, read and checked as far as can be told without knowing what its nodes do. */
import { type Constant, readConstant } from './constant.ts';
import { decodeModel, elementTypes, type ModelMessage, type NodeMessage, type ValueInfoMessage } from './messages.ts';
import { Refusal } from './refusal.ts';

export interface OnnxModel {
  /** "pytorch 2.15.0" */
  readonly producer: string;
  readonly opset: number;
  /** The exporter's own notes, such as those of duoloop_gym. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly constants: ReadonlyMap<string, Constant | Refusal>;
  /** What is fed in at run time. */
  readonly inputs: readonly OnnxInput[];
  readonly nodes: readonly NodeMessage[];
  readonly outputs: readonly string[];
}

export interface OnnxInput {
  readonly name: string;
  /** 0 for a dimension that is left open; undefined where the file does not say. */
  readonly dims: readonly number[] | undefined;
  readonly elementType: number | undefined;
}

/** Operators in this range mean what operators.ts makes of them; PyTorch 1.13 to 2.x write 14 to 20 by themselves. */
export const opsets = { first: 11, last: 25 } as const;
const ownDomains = ['', 'ai.onnx'];

/** @throws Refusal for what is no ONNX file, a version whose operators are not known, and operators of others */
export function readOnnxModel(bytes: Uint8Array): OnnxModel {
  const { graph, opsetImport, metadataProps, producerName, producerVersion } = decode(bytes);
  if (graph === null || graph.node.length === 0) {
    throw new Refusal('there is no graph in it; name a file that was written by torch.onnx.export or duoloop_gym');
  }
  const opset = opsetImport.find(({ domain }) => ownDomains.includes(domain))?.version ?? 0;
  if (!(opset >= opsets.first && opset <= opsets.last)) {
    throw new Refusal(
      `its operators are of opset ${opset}, this Duoloop knows ${opsets.first} to ${opsets.last}; export with opset_version=17`,
    );
  }
  const constants = new Map<string, Constant | Refusal>();
  for (const tensor of graph.initializer) constants.set(tensor.name, readOrRefuse(tensor));
  return {
    producer: [producerName, producerVersion].filter(Boolean).join(' ') || 'unknown',
    opset,
    metadata: new Map(metadataProps.map(({ key, value }) => [key, value])),
    constants,
    // Files of old versions name their weights among the inputs.
    inputs: graph.input.filter(({ name }) => !constants.has(name)).map(inputOf),
    nodes: graph.node,
    outputs: graph.output.map(({ name }) => name),
  };
}

export function isOwnDomain({ domain }: NodeMessage): boolean {
  return ownDomains.includes(domain);
}

function decode(bytes: Uint8Array): ModelMessage {
  try {
    return decodeModel(bytes);
  } catch (cause) {
    throw new Refusal(`it is no ONNX file, or a damaged one (${(cause as Error).message}); copy or export it again`);
  }
}

/** One that nothing needs does not matter: a critic's weights, say. */
function readOrRefuse(tensor: Parameters<typeof readConstant>[0]): Constant | Refusal {
  try {
    return readConstant(tensor);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

function inputOf({ name, type }: ValueInfoMessage): OnnxInput {
  const tensor = type?.tensorType;
  return {
    name,
    dims: tensor?.shape?.dim.map(({ dimValue }) => dimValue),
    elementType: tensor?.elemType,
  };
}

/** What tells that an input takes observations: numbers in rows. @throws Refusal */
export function checkObservationInput({ name, dims, elementType }: OnnxInput, width: number): void {
  if (elementType !== undefined && elementType !== elementTypes.float) {
    throw new Refusal(`its input "${name}" is not of float32; export with an observation of torch.float32`);
  }
  if (dims === undefined) return;
  const shape = `[${dims.map((dim) => dim || 'any').join(', ')}]`;
  if (dims.length !== 2) {
    throw new Refusal(
      `its input "${name}" is of shape ${shape}, an actor takes [batch, ${width}]; export it for one batch of plain observations, without stacked frames or a recurrent state`,
    );
  }
  if (dims[1] !== 0 && dims[1] !== width) {
    throw new Refusal(
      `its input "${name}" takes ${dims[1]} features, an observation of this application has ${width}; name the application that it was trained on (--app), or train on this version of Duoloop's environment`,
    );
  }
}
