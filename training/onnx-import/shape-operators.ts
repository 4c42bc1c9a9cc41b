/** Constants, what only changes a shape or a type, and what joins and cuts rows. */
import { columns, type Heads, isRow, sideBySide, type Value, widthOf } from './actor-value.ts';
import { integers, readConstant, scalar, sizeOf } from './constant.ts';
import { elementTypes } from './messages.ts';
import {
  alongFeatures,
  columnIn,
  constantOf,
  finite,
  given,
  type Operation,
  type Operators,
  rowOf,
} from './operation.ts';
import { Refusal } from './refusal.ts';

export const shapeOperators: Operators = {
  Constant: constantNode,
  Identity: ({ inputs }) => given(inputs[0]),
  Dropout: ({ inputs }) => {
    if (inputs[2] && constantOf(inputs[2]).values.some((value) => value !== 0)) {
      throw new Refusal('it drops units, as in training; call .eval() on the policy before exporting it');
    }
    return given(inputs[0]);
  },
  Cast: cast,
  Flatten: ({ inputs, attribute }) => {
    if ((attribute('axis')?.i ?? 1) !== 1) throw new Refusal('it flattens the batch; only axis 1 is known');
    return given(inputs[0]);
  },
  Reshape: reshape,
  Squeeze: keepHeads,
  Unsqueeze: keepHeads,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: ({ inputs, attribute }) => {
    alongFeatures(attribute('axis')?.i ?? 0);
    const row = rowOf(inputs[0]);
    const picked = constantOf(inputs[1]);
    if (picked.dims.length !== 1) throw new Refusal('it takes single features out; take a list of them');
    return columns(
      row,
      [...picked.values].map((index) => columnIn(row, index)),
    );
  },
};

function constantNode({ attribute }: Operation): Value {
  const tensor = attribute('value')?.t;
  if (tensor) return readConstant(tensor);
  const float = attribute('value_float');
  if (float) return finite(scalar(float.f));
  const integer = attribute('value_int');
  if (integer) return finite(scalar(integer.i));
  const list = attribute('value_floats')?.floats ?? attribute('value_ints')?.ints;
  if (list) return finite(integers(list));
  throw new Refusal('its value is neither a number nor a tensor');
}

function cast({ inputs, attribute }: Operation): Value {
  const value = given(inputs[0]);
  const to = attribute('to')?.i;
  if (!isRow(value) || to === elementTypes.float) return value;
  throw new Refusal(
    `it computes in element type ${to}, not in float32; call .float() on the policy before exporting it`,
  );
}

function reshape({ inputs }: Operation): Value {
  const value = given(inputs[0]);
  const shape = [...constantOf(inputs[1]).values];
  if (value.kind === 'constant') {
    const rest = value.values.length / shape.reduce((size, dim) => (dim === -1 ? size : size * dim), 1);
    const dims = shape.map((dim) => (dim === -1 ? rest : dim));
    if (sizeOf(dims) !== value.values.length) throw new Refusal(`it gives a weight the shape [${shape.join(', ')}]`);
    return { ...value, dims };
  }
  if (value.kind === 'heads') return value;
  const width = widthOf(rowOf(value));
  // The batch may be left open, copied (0) or 1.
  const isSame = shape.length === 2 && [-1, 0, 1].includes(shape[0]) && [-1, 0, width].includes(shape[1]);
  if (!isSame) throw new Refusal(`it gives a row of ${width} numbers the shape [${shape.join(', ')}]`);
  return value;
}

/** Choices get and lose dimensions on their way into one tensor. */
function keepHeads({ inputs }: Operation): Value {
  const value = given(inputs[0]);
  if (value.kind === 'heads') return value;
  if (value.kind === 'constant') return { ...value, dims: [value.values.length] };
  throw new Refusal('it changes the number of dimensions; an actor takes and gives [batch, numbers]');
}

function transpose({ inputs }: Operation): Value {
  const { dims, values } = constantOf(inputs[0]);
  if (dims.length !== 2) throw new Refusal('only matrices of weights can be transposed');
  const [rows, width] = dims;
  const transposed = new Float64Array(values.length);
  for (const [i, value] of values.entries()) transposed[(i % width) * rows + Math.floor(i / width)] = value;
  return { kind: 'constant', dims: [width, rows], values: transposed };
}

function concat({ inputs, attribute }: Operation): Value {
  const values = inputs.map(given);
  if (values.length === 0) throw new Refusal('it joins nothing');
  const heads = values.filter((value): value is Heads => value.kind === 'heads');
  if (heads.length > 0) {
    const [{ as }] = heads;
    if (heads.length < values.length || heads.some((head) => head.as !== as)) {
      throw new Refusal('it joins choices or probabilities with something else');
    }
    if (as === 'scores') alongFeatures(attribute('axis')?.i ?? 0);
    return { kind: 'heads', as, logits: heads.flatMap(({ logits }) => logits) };
  }
  alongFeatures(attribute('axis')?.i ?? 0);
  return values.length === 1 ? values[0] : sideBySide(values.map(rowOf));
}

function split({ inputs, attribute, outputs }: Operation): readonly Value[] {
  alongFeatures(attribute('axis')?.i ?? 0);
  const row = rowOf(inputs[0]);
  const width = widthOf(row);
  const given = inputs[1] === undefined ? attribute('split')?.ints : [...constantOf(inputs[1]).values];
  const equal = Math.ceil(width / outputs);
  const sizes = given ?? Array.from({ length: outputs }, (_, i) => Math.min(equal, width - i * equal));
  const total = sizes.reduce((all, size) => all + size, 0);
  if (sizes.length !== outputs || total !== width || !sizes.every((size) => Number.isInteger(size) && size > 0)) {
    throw new Refusal(`it splits ${width} numbers into ${sizes.join(' and ')}`);
  }
  let from = 0;
  return sizes.map((size) => {
    const start = from;
    from += size;
    return columns(
      row,
      Array.from({ length: size }, (_, i) => start + i),
    );
  });
}

function slice({ inputs }: Operation): Value {
  const row = rowOf(inputs[0]);
  const width = widthOf(row);
  const only = (index: number, otherwise: number | undefined) => {
    const input = inputs[index];
    const values = input === undefined ? [otherwise] : [...constantOf(input).values];
    if (values.length !== 1 || values[0] === undefined) throw new Refusal('it cuts along more than the features');
    return values[0];
  };
  const [start, end] = [only(1, undefined), only(2, undefined)];
  alongFeatures(only(3, 0));
  if (only(4, 1) !== 1) throw new Refusal('it skips features; take a list of them');
  const bounded = (at: number) => Math.min(width, Math.max(0, at < 0 ? at + width : at));
  const [from, to] = [bounded(start), bounded(end)];
  if (!(from < to)) throw new Refusal(`it cuts ${start} to ${end} out of ${width} numbers`);
  return columns(
    row,
    Array.from({ length: to - from }, (_, i) => from + i),
  );
}
