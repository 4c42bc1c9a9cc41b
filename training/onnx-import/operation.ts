/** What operators are given, and how they ask for it. */
import { isRow, type Row, type Value, widthOf } from './actor-value.ts';
import type { Constant } from './constant.ts';
import type { AttributeMessage } from './messages.ts';
import { Refusal } from './refusal.ts';

/** A node as its operator sees it. */
export interface Operation {
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: number;
  attribute(name: string): AttributeMessage | undefined;
}

/** Gives as many values as the operator has outputs that matter. @throws Refusal */
export type Operator = (operation: Operation) => Value | readonly Value[];
export type Operators = Readonly<Record<string, Operator>>;

export function given(value: Value | undefined): Value {
  if (value === undefined) throw new Refusal('an input is missing; the file is damaged, export it again');
  return value;
}

export function rowOf(input: Value | undefined): Row {
  const value = given(input);
  if (isRow(value)) return value;
  throw new Refusal(
    value.kind === 'constant'
      ? 'it computes with a constant where an observation is expected'
      : 'it goes on computing with probabilities or choices; the logits before them are all that is needed',
  );
}

export function constantOf(input: Value | undefined): Constant {
  const value = given(input);
  if (value.kind === 'constant') return value;
  throw new Refusal('it combines two computed values; layers, one after the other, are all that is known');
}

/** One number for each of `width`. */
export function spread({ dims, values }: Constant, width: number): Float64Array {
  if (values.length === 1) return new Float64Array(width).fill(values[0]);
  if (values.length === width && dims[dims.length - 1] === width) return values;
  throw new Refusal(`it combines ${width} numbers with a weight of shape [${dims.join(', ')}]`);
}

export function finite(constant: Constant): Constant {
  if (constant.values.every(Number.isFinite)) return constant;
  throw new Refusal('it computes a constant that is not finite');
}

/** A batch of rows has two axes; what mixes observations of a batch is no policy. */
export function alongFeatures(axis: number): void {
  if (axis !== 1 && axis !== -1) throw new Refusal(`it works along axis ${axis}; an actor works along its features`);
}

export function columnIn(row: Row, index: number): number {
  const width = widthOf(row);
  const column = index < 0 ? index + width : index;
  if (Number.isInteger(column) && column >= 0 && column < width) return column;
  throw new Refusal(`it takes number ${index} of ${width}`);
}
