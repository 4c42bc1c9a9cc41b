/** Follows the observation through a graph to the logits of the action heads. */
import { type Affine, asAffine, isRow, rawObservation, sideBySide, type Value, widthOf } from './actor-value.ts';
import type { NodeMessage } from './messages.ts';
import { checkObservationInput, isOwnDomain, type OnnxModel } from './onnx-model.ts';
import { operators } from './operators.ts';
import { Refusal } from './refusal.ts';

export interface ActorContract {
  /** Features of an observation. */
  readonly inputs: number;
  /** Choices of each action head. */
  readonly heads: readonly number[];
  /** Outputs to take the logits from; by their sizes when undefined. */
  readonly outputs?: readonly string[];
}

export interface TracedActor {
  readonly logits: Affine;
  /** Names of the outputs that it was found in. */
  readonly outputs: readonly string[];
  /** What the file's outputs give: the logits themselves, or what was made of them. */
  readonly given: 'logits' | 'scores' | 'choices';
}

type Traced = Value | Refusal;
type Candidate = Pick<TracedActor, 'given'> & { readonly name: string; readonly heads: readonly Affine[] };

/** @throws Refusal naming the node that an actor cannot have, or the outputs when none has the heads' sizes */
export function traceActor(model: OnnxModel, contract: ActorContract): TracedActor {
  const values = evaluate(model, contract.inputs);
  const names = contract.outputs ?? model.outputs;
  const unknown = names.find((name) => !model.outputs.includes(name));
  if (unknown !== undefined) {
    throw new Refusal(`it has no output "${unknown}"; its outputs are ${model.outputs.join(', ')}`);
  }
  const traced = names.map((name) => ({ name, value: values.get(name) ?? absent(name) }));
  const candidates = traced.flatMap(({ name, value }) => candidateOf(name, value));
  const found = pick(candidates, contract.heads);
  if (found !== undefined) return found;
  const refused = traced.find(({ value }) => value instanceof Refusal);
  if (refused && traced.length === 1) throw refused.value;
  const wanted = `${contract.heads.join(' + ')} = ${sum(contract.heads)} logits`;
  throw new Refusal(
    `this application's action heads need ${wanted}, and no output has them: ${traced.map(described).join('; ')}. Name the application that it was trained on (--app), or export the actor's logits alone, as duoloop_gym does`,
  );
}

/** Nodes are in an order in which each comes after what it needs; what cannot be followed matters only to those behind it. */
function evaluate(model: OnnxModel, inputs: number): Map<string, Traced> {
  const values = new Map<string, Traced>(model.constants);
  for (const input of model.inputs) values.set(input.name, observed(input, inputs));
  for (const node of model.nodes) {
    const results = resultsOf(node, values);
    for (const [i, name] of node.output.entries()) {
      if (name !== '') values.set(name, results instanceof Refusal ? results : (results[i] ?? absent(name)));
    }
  }
  return values;
}

function observed(input: OnnxModel['inputs'][number], width: number): Traced {
  try {
    checkObservationInput(input, width);
    return rawObservation(width);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

function resultsOf(node: NodeMessage, values: ReadonlyMap<string, Traced>): readonly Value[] | Refusal {
  const inputs: (Value | undefined)[] = [];
  for (const name of node.input) {
    const value = name === '' ? undefined : (values.get(name) ?? absent(name));
    if (value instanceof Refusal) return value;
    inputs.push(value);
  }
  const operator = isOwnDomain(node) && Object.hasOwn(operators, node.opType) ? operators[node.opType] : undefined;
  const label = `node "${node.name || node.output[0]}" (${node.domain ? `${node.domain}.` : ''}${node.opType})`;
  if (operator === undefined) {
    return new Refusal(
      `${label} is not one that Duoloop runs. It runs layers (Gemm, MatMul, Add) with Tanh, Relu, Elu or Sigmoid between them, on observations scaled by Sub, Div, Mul and Clip: train such a policy (MlpPolicy), or export only the layers up to the logits`,
    );
  }
  try {
    const attribute = (name: string) => node.attribute.find((each) => each.name === name);
    const result = operator({ inputs, outputs: node.output.length, attribute });
    return Array.isArray(result) ? result : [result as Value];
  } catch (error) {
    if (error instanceof Refusal) return new Refusal(`${label}: ${error.message}`);
    throw error;
  }
}

function absent(name: string): Refusal {
  return new Refusal(`nothing computes "${name}" before it is used; the file is damaged, export it again`);
}

function candidateOf(name: string, value: Traced): Candidate[] {
  if (value instanceof Refusal) return [];
  if (value.kind === 'heads') return [{ name, heads: value.logits, given: value.as }];
  return isRow(value) ? [{ name, heads: [asAffine(value)], given: 'logits' }] : [];
}

/** One output with all heads, logits rather than what was made of them; else one output for each head. */
function pick(candidates: readonly Candidate[], heads: readonly number[]): TracedActor | undefined {
  const whole = (['logits', 'scores', 'choices'] as const).flatMap((given) =>
    candidates.filter((candidate) => candidate.given === given && fits(candidate, heads)),
  );
  if (whole.length > 0) {
    const [{ name, given, heads: logits }] = whole;
    return { logits: sideBySide(logits), outputs: [name], given };
  }
  const single = candidates.filter(({ heads: parts }) => parts.length === 1 && heads.includes(widthOf(parts[0])));
  if (single.map(({ heads: [part] }) => widthOf(part)).join() !== heads.join()) return undefined;
  return {
    logits: sideBySide(single.flatMap(({ heads: parts }) => parts)),
    outputs: single.map(({ name }) => name),
    given: single[0].given,
  };
}

function fits({ heads: parts, given }: Candidate, heads: readonly number[]): boolean {
  const widths = parts.map(widthOf);
  if (given === 'logits') return widths.join() === String(sum(heads));
  return widths.join() === heads.join();
}

function described({ name, value }: { readonly name: string; readonly value: Traced }): string {
  if (value instanceof Refusal) return `"${name}" cannot be followed (${value.message})`;
  if (value.kind === 'heads') return `"${name}" gives ${value.as} of ${value.logits.map(widthOf).join(' + ')}`;
  return isRow(value) ? `"${name}" gives ${widthOf(value)} numbers` : `"${name}" gives no numbers of an actor`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
