/** What distributions and deterministic policies make of logits. The order of preference stays, so the logits are what counts. */
import { asAffine, isRow, type Value } from './actor-value.ts';
import { alongFeatures, constantOf, given, type Operators, rowOf } from './operation.ts';
import { Refusal } from './refusal.ts';

export const choiceOperators: Operators = {
  Softmax: ({ inputs, attribute }) => scores(inputs[0], attribute('axis')?.i ?? -1),
  LogSoftmax: ({ inputs, attribute }) => scores(inputs[0], attribute('axis')?.i ?? -1),
  ReduceLogSumExp: ({ inputs, attribute }) => {
    const axes = inputs[1] === undefined ? (attribute('axes')?.ints ?? []) : [...constantOf(inputs[1]).values];
    if (axes.length !== 1 || (attribute('keepdims')?.i ?? 1) !== 1) throw new Refusal('it sums over more than a head');
    alongFeatures(axes[0]);
    const row = rowOf(inputs[0]);
    if (row.kind !== 'affine') throw new Refusal('it sums over what no layer gives');
    return { kind: 'headSum', of: row };
  },
  ArgMax: ({ inputs, attribute }) => {
    const value = given(inputs[0]);
    alongFeatures(attribute('axis')?.i ?? 0);
    if (isRow(value)) return { kind: 'heads', as: 'choices', logits: [asAffine(value)] };
    if (value.kind === 'heads' && value.as === 'scores' && value.logits.length === 1) {
      return { ...value, as: 'choices' };
    }
    throw new Refusal('it chooses among what are no logits');
  },
};

function scores(input: Value | undefined, axis: number): Value {
  alongFeatures(axis);
  const value = given(input);
  if (value.kind === 'heads' && value.as === 'scores' && value.logits.length === 1) return value;
  return { kind: 'heads', as: 'scores', logits: [asAffine(rowOf(value))] };
}
