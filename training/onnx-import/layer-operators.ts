/** Layers, their activations, and the arithmetic that scales observations. */
import { activated, cutOff, multiplied, product, type Row, shifted, type Value, widthOf } from './actor-value.ts';
import { type Constant, scalar } from './constant.ts';
import { constantOf, finite, given, type Operation, type Operators, rowOf, spread } from './operation.ts';
import { Refusal } from './refusal.ts';

export const layerOperators: Operators = {
  Gemm: gemm,
  MatMul: ({ inputs }) => matrixProduct(rowOf(inputs[0]), constantOf(inputs[1]), false),
  Add: ({ inputs }) => sum(given(inputs[0]), given(inputs[1])),
  Sub: difference,
  Mul: ({ inputs }) => scaled(given(inputs[0]), given(inputs[1])),
  Div: ({ inputs }) => {
    const [dividend, divisor] = [given(inputs[0]), constantOf(inputs[1])];
    if (divisor.values.includes(0)) throw new Refusal('it divides by zero');
    if (dividend.kind === 'constant') return folded(dividend, divisor, (a, b) => a / b);
    const row = rowOf(dividend);
    return multiplied(
      row,
      spread(divisor, widthOf(row)).map((each) => 1 / each),
    );
  },
  Neg: ({ inputs }) => scaled(given(inputs[0]), scalar(-1)),
  Sqrt: ({ inputs }) => {
    const { dims, values } = constantOf(inputs[0]);
    return finite({ kind: 'constant', dims, values: values.map(Math.sqrt) });
  },
  Clip: clip,
  Tanh: ({ inputs }) => activated(rowOf(inputs[0]), 'tanh'),
  Relu: ({ inputs }) => activated(rowOf(inputs[0]), 'relu'),
  Sigmoid: ({ inputs }) => activated(rowOf(inputs[0]), 'sigmoid'),
  Elu: ({ inputs, attribute }) => {
    const alpha = attribute('alpha')?.f ?? 1;
    if (alpha !== 1) throw new Refusal(`its alpha is ${alpha}; only ELU with alpha 1 is known`);
    return activated(rowOf(inputs[0]), 'elu');
  },
};

function gemm({ inputs, attribute }: Operation): Value {
  const [alpha, beta] = [attribute('alpha')?.f ?? 1, attribute('beta')?.f ?? 1];
  if ((attribute('transA')?.i ?? 0) !== 0) throw new Refusal('it transposes the observations (transA)');
  const row = rowOf(inputs[0]);
  const transposes = (attribute('transB')?.i ?? 0) !== 0;
  const plain: Value = matrixProduct(row, constantOf(inputs[1]), transposes);
  const weighted = alpha === 1 ? plain : multiplied(plain, spread(finite(scalar(alpha)), widthOf(plain)));
  if (inputs[2] === undefined) return weighted;
  const bias = spread(constantOf(inputs[2]), widthOf(weighted));
  return shifted(
    weighted,
    bias.map((each) => each * beta),
  );
}

function matrixProduct(row: Row, matrix: Constant, isTransposed: boolean): Row {
  const [rows, width] = isTransposed ? [...matrix.dims].reverse() : matrix.dims;
  if (matrix.dims.length !== 2 || rows !== widthOf(row) || width === 0) {
    throw new Refusal(`it multiplies ${widthOf(row)} numbers by a weight of shape [${matrix.dims.join(', ')}]`);
  }
  if (!isTransposed) return product(row, matrix.values, width);
  const values = new Float64Array(matrix.values.length);
  for (let o = 0; o < width; o++) for (let i = 0; i < rows; i++) values[i * width + o] = matrix.values[o * rows + i];
  return product(row, values, width);
}

function sum(a: Value, b: Value): Value {
  if (a.kind === 'constant' && b.kind === 'constant') return folded(a, b, (x, y) => x + y);
  if (a.kind === 'constant') return sum(b, a);
  const row = rowOf(a);
  return shifted(row, spread(constantOf(b), widthOf(row)));
}

function difference({ inputs }: Operation): Value {
  const [a, b] = [given(inputs[0]), given(inputs[1])];
  if (a.kind === 'constant' && b.kind === 'constant') return folded(a, b, (x, y) => x - y);
  if (b.kind === 'headSum') {
    if (a !== b.of) throw new Refusal('it takes the sum over one head from another');
    return { kind: 'heads', as: 'scores', logits: [b.of] };
  }
  if (b.kind === 'constant') return sum(a, { ...b, values: b.values.map((each) => -each) });
  return sum(scaled(b, scalar(-1)), a);
}

function scaled(a: Value, b: Value): Value {
  if (a.kind === 'constant' && b.kind === 'constant') return folded(a, b, (x, y) => x * y);
  if (a.kind === 'constant') return scaled(b, a);
  const row = rowOf(a);
  return multiplied(row, spread(constantOf(b), widthOf(row)));
}

function clip({ inputs, attribute }: Operation): Value {
  const bound = (index: number, name: string, otherwise: number) => {
    const input = inputs[index];
    if (input === undefined) return attribute(name)?.f ?? otherwise;
    const { values } = constantOf(input);
    if (values.length !== 1) throw new Refusal('it cuts off each feature elsewhere; use one bound for all');
    return values[0];
  };
  return cutOff(rowOf(inputs[0]), bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY));
}

function folded(a: Constant, b: Constant, combine: (x: number, y: number) => number): Constant {
  const [{ dims, values }, other] = a.values.length >= b.values.length ? [a, b] : [b, a];
  if (other.values.length !== 1 && other.dims.join() !== dims.join()) {
    throw new Refusal(`it combines weights of shapes [${a.dims.join(', ')}] and [${b.dims.join(', ')}]`);
  }
  const at = ({ values: each }: Constant, i: number) => each[each.length === 1 ? 0 : i];
  return finite({ kind: 'constant', dims, values: values.map((_, i) => combine(at(a, i), at(b, i))) });
}
