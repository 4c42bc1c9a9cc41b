/** The numbers in an ONNX file: weights, and the small integers that say where to cut or how to shape. */
import { elementTypes, externalData, type TensorMessage } from './messages.ts';
import { Refusal } from './refusal.ts';

export interface Constant {
  readonly kind: 'constant';
  /** Row-major. */
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/** No agent reads a checkpoint that is larger. */
const maxValues = 4_194_304;

export function scalar(value: number): Constant {
  return { kind: 'constant', dims: [], values: Float64Array.of(value) };
}

export function integers(values: readonly number[]): Constant {
  return { kind: 'constant', dims: [values.length], values: Float64Array.from(values) };
}

const refusedTypes: Readonly<Record<number, string>> = {
  [elementTypes.float16]: 'float16',
  [elementTypes.bfloat16]: 'bfloat16',
  [elementTypes.double]: 'float64',
};

/** @throws Refusal for data outside the file, other numbers than float32 and int, and sizes that contradict each other */
export function readConstant(tensor: TensorMessage): Constant {
  const what = `tensor "${tensor.name}"`;
  if (tensor.dataLocation === externalData) {
    throw new Refusal(
      `${what} is not in the file but in one beside it; export with torch.onnx.export(…, external_data=False), or save the whole model by onnx.save(onnx.load(FILE), FILE)`,
    );
  }
  const values = valuesOf(tensor, what);
  const count = sizeOf(tensor.dims);
  if (values.length !== count) {
    throw new Refusal(
      `${what} of shape [${tensor.dims.join(', ')}] has ${values.length} values; the file is damaged, export it again`,
    );
  }
  if (!values.every(Number.isFinite)) {
    throw new Refusal(`${what} holds values that are not finite; the training diverged, or the file is damaged`);
  }
  return { kind: 'constant', dims: tensor.dims, values };
}

function valuesOf(tensor: TensorMessage, what: string): Float64Array {
  const { dataType, rawData, floatData, int32Data, int64Data } = tensor;
  if (dataType === elementTypes.float) {
    return rawData.length > 0 ? rawValues(rawData, 4, what, (view, at) => view.getFloat32(at, true)) : list(floatData);
  }
  if (dataType === elementTypes.int64) {
    return rawData.length > 0
      ? rawValues(rawData, 8, what, (view, at) => Number(view.getBigInt64(at, true)))
      : list(int64Data);
  }
  if (dataType === elementTypes.int32 || dataType === elementTypes.bool) {
    const bytes = dataType === elementTypes.bool ? 1 : 4;
    const read = (view: DataView, at: number) => (bytes === 1 ? view.getUint8(at) : view.getInt32(at, true));
    return rawData.length > 0 ? rawValues(rawData, bytes, what, read) : list(int32Data);
  }
  const name = refusedTypes[dataType] ?? `element type ${dataType}`;
  throw new Refusal(
    `${what} is of ${name}, weights have to be float32; call .float() on the policy before exporting it`,
  );
}

const list = (values: readonly number[]) => Float64Array.from(values);

/** Little-endian, as the format says. */
function rawValues(
  bytes: Uint8Array,
  size: number,
  what: string,
  read: (view: DataView, at: number) => number,
): Float64Array {
  if (bytes.length % size !== 0)
    throw new Refusal(`${what} ends within a number; the file is damaged, export it again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.length / size }, (_, i) => read(view, i * size));
}

/** Number of values of a tensor of that shape. @throws Refusal */
export function sizeOf(dims: readonly number[]): number {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const isShape = dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) && size <= maxValues;
  if (!isShape) throw new Refusal(`a shape of [${dims.join(', ')}] is too large, or no shape at all`);
  return size;
}
