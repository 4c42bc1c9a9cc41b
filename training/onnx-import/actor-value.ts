/**
 * What a node of an actor's graph computes, kept as what it is of the observation: features scaled one by one, then layers
 * that are affine with an activation between them. Affine steps that follow each other become one, in double precision.
 */
import type { Activation } from '../../policies/actor-critic/network.ts';
import type { Constant } from './constant.ts';
import { Refusal } from './refusal.ts';

/** The observation, feature by feature: (value − centre) × scale, cut off. */
export interface Scaled {
  readonly kind: 'scaled';
  readonly centre: Float64Array;
  readonly scale: Float64Array;
  readonly low: number;
  readonly high: number;
}

/** A layer after its activation. */
export interface Hidden {
  readonly kind: 'hidden';
  readonly of: Affine;
  readonly activation: Activation;
}

/** source × weights + bias. */
export interface Affine {
  readonly kind: 'affine';
  readonly source: Scaled | Hidden;
  /** Width of the source × width of this, row-major. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

/** log Σ exp of a head's logits: less this, they are log-probabilities. */
export interface HeadSum {
  readonly kind: 'headSum';
  readonly of: Affine;
}

/** What is made of the logits of action heads that leaves their order of preference: (log-)probabilities, or the best one. */
export interface Heads {
  readonly kind: 'heads';
  readonly as: 'scores' | 'choices';
  readonly logits: readonly Affine[];
}

/** A row of numbers per observation. */
export type Row = Scaled | Hidden | Affine;
export type Value = Constant | Row | HeadSum | Heads;

/** Of any layer: wider ones make checkpoints that no agent reads. */
const maxWidth = 2048;

export function rawObservation(width: number): Scaled {
  return {
    kind: 'scaled',
    centre: new Float64Array(width),
    scale: new Float64Array(width).fill(1),
    low: Number.NEGATIVE_INFINITY,
    high: Number.POSITIVE_INFINITY,
  };
}

export function isRow(value: Value): value is Row {
  return value.kind === 'scaled' || value.kind === 'hidden' || value.kind === 'affine';
}

export function widthOf(row: Row): number {
  if (row.kind === 'scaled') return row.centre.length;
  return row.kind === 'hidden' ? row.of.bias.length : row.bias.length;
}

export function asAffine(row: Row): Affine {
  if (row.kind === 'affine') return row;
  const width = widthOf(row);
  const weights = new Float64Array(width * width);
  for (let i = 0; i < width; i++) weights[i * width + i] = 1;
  return { kind: 'affine', source: row, weights, bias: new Float64Array(width) };
}

/** Row × matrix (inputs × outputs, row-major). */
export function product(row: Row, matrix: Float64Array, outputs: number): Affine {
  const inputs = widthOf(row);
  if (outputs > maxWidth) throw new Refusal(`a layer of ${outputs} units is wider than ${maxWidth}`);
  if (row.kind !== 'affine') {
    return { kind: 'affine', source: row, weights: matrix, bias: new Float64Array(outputs) };
  }
  const weights = new Float64Array((row.weights.length / inputs) * outputs);
  multiplyRows(row.weights, matrix, inputs, outputs, weights);
  const bias = new Float64Array(outputs);
  multiplyRows(row.bias, matrix, inputs, outputs, bias);
  return { kind: 'affine', source: row.source, weights, bias };
}

function multiplyRows(
  rows: Float64Array,
  matrix: Float64Array,
  inputs: number,
  outputs: number,
  target: Float64Array,
): void {
  for (let row = 0; row * inputs < rows.length; row++) {
    for (let i = 0; i < inputs; i++) {
      const factor = rows[row * inputs + i];
      if (factor === 0) continue;
      for (let o = 0; o < outputs; o++) target[row * outputs + o] += factor * matrix[i * outputs + o];
    }
  }
}

/** Row + terms, one for each of its numbers. */
export function shifted(row: Row, terms: Float64Array): Row {
  if (row.kind === 'scaled' && !isCutOff(row)) {
    const centre = row.centre.map((each, i) => each - terms[i] / row.scale[i]);
    return { ...row, centre };
  }
  const affine = asAffine(row);
  return { ...affine, bias: affine.bias.map((each, i) => each + terms[i]) };
}

/** Row × factors, one for each of its numbers. */
export function multiplied(row: Row, factors: Float64Array): Row {
  // A factor of zero has no centre: it is a matter of the weights.
  if (row.kind === 'scaled' && !isCutOff(row) && factors.every((factor) => factor !== 0)) {
    return { ...row, scale: row.scale.map((each, i) => each * factors[i]) };
  }
  const { source, weights, bias } = asAffine(row);
  const width = bias.length;
  return {
    kind: 'affine',
    source,
    weights: weights.map((each, i) => each * factors[i % width]),
    bias: bias.map((each, i) => each * factors[i]),
  };
}

/** Those of its numbers, in that order. */
export function columns(row: Row, picked: readonly number[]): Affine {
  const { source, weights, bias } = asAffine(row);
  const width = bias.length;
  if (picked.length === 0) throw new Refusal('it takes none of the numbers');
  if (picked.length > maxWidth) throw new Refusal(`a row of ${picked.length} numbers is wider than ${maxWidth}`);
  const chosen = new Float64Array((weights.length / width) * picked.length);
  for (let r = 0; r * width < weights.length; r++) {
    for (const [i, column] of picked.entries()) chosen[r * picked.length + i] = weights[r * width + column];
  }
  return { kind: 'affine', source, weights: chosen, bias: Float64Array.from(picked, (column) => bias[column]) };
}

/** Rows side by side; they have to come of the same layer. */
export function sideBySide(rows: readonly Row[]): Affine {
  const parts = rows.map(asAffine);
  const [{ source }] = parts;
  if (parts.some((part) => part.source !== source)) {
    throw new Refusal('it joins what different layers give; only heads of one trunk can be joined');
  }
  const width = parts.reduce((sum, { bias }) => sum + bias.length, 0);
  if (width > maxWidth) throw new Refusal(`a row of ${width} numbers is wider than ${maxWidth}`);
  const inputs = widthOf(source);
  const weights = new Float64Array(inputs * width);
  const bias = new Float64Array(width);
  let at = 0;
  for (const part of parts) {
    const size = part.bias.length;
    for (let i = 0; i < inputs; i++) weights.set(part.weights.subarray(i * size, (i + 1) * size), i * width + at);
    bias.set(part.bias, at);
    at += size;
  }
  return { kind: 'affine', source, weights, bias };
}

/** Each number kept between `low` and `high`. Only the observation's scaling can hold that, and ReLU. */
export function cutOff(row: Row, low: number, high: number): Row {
  if (!(low < high)) throw new Refusal(`it cuts off below ${low} and above ${high}, which leaves nothing`);
  if (row.kind === 'scaled') {
    const between = (bound: number) => Math.min(high, Math.max(low, bound));
    return { ...row, low: between(row.low), high: between(row.high) };
  }
  if (low === 0 && high === Number.POSITIVE_INFINITY) return activated(row, 'relu');
  throw new Refusal(
    'it cuts off what a layer gives; only observations may be cut off, use Tanh, ReLU, ELU or Sigmoid between layers',
  );
}

export function activated(row: Row, activation: Activation): Hidden {
  return { kind: 'hidden', of: asAffine(row), activation };
}

function isCutOff({ low, high }: Scaled): boolean {
  return low !== Number.NEGATIVE_INFINITY || high !== Number.POSITIVE_INFINITY;
}
