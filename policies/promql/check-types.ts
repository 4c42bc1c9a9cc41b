/** The types of a PromQL expression: what Prometheus checks after parsing (`checkAST` in its promql/parser/parse.go). */
import type { SyntaxNode } from '@lezer/common';
import { type PromqlType, signatureOf } from './function-signatures.ts';

/** Something that Prometheus would refuse. */
export class PromqlProblem extends Error {
  /** Offset into the query, in UTF-16 units. */
  readonly position: number;
  constructor(position: number, message: string) {
    super(message);
    this.position = position;
  }
}

const comparisons = new Set(['Eql', 'Neq', 'Lte', 'Lss', 'Gte', 'Gtr', 'EqlC']);
const setOperators = new Set(['And', 'Or', 'Unless']);
const scalarParameter = new Set(['topk', 'bottomk', 'quantile', 'limitk', 'limit_ratio']);

/** Nodes that stand around an expression and do not change its type. */
const wrappers = new Set(['PromQL', 'ParenExpr', 'OffsetExpr', 'StepInvariantExpr', 'AnchoredExpr', 'SmoothedExpr']);

/** @throws PromqlProblem */
export function typeOfExpression(node: SyntaxNode, query: string): PromqlType {
  const text = (part: SyntaxNode) => query.slice(part.from, part.to);
  switch (node.name) {
    case 'NumberDurationLiteral':
      return 'scalar';
    case 'StringLiteral':
      return 'string';
    case 'VectorSelector':
      checkMatchers(node, text);
      return 'instant vector';
    case 'MatrixSelector':
      checkMatchers(required(node.firstChild, node), text);
      return 'range vector';
    case 'SubqueryExpr':
      expectType(required(node.firstChild, node), query, 'instant vector', 'a subquery');
      return 'range vector';
    case 'UnaryExpr': {
      const operand = required(node.lastChild, node);
      return expectNumbers(operand, query, 'after a sign');
    }
    case 'BinaryExpr':
      return typeOfBinary(node, query);
    case 'AggregateExpr':
      return typeOfAggregation(node, query, text);
    case 'FunctionCall':
      return typeOfCall(node, query, text);
  }
  if (wrappers.has(node.name)) return typeOfExpression(required(node.firstChild, node), query);
  throw new PromqlProblem(node.from, `cannot be used here: ${text(node)}`);
}

function typeOfBinary(node: SyntaxNode, query: string): PromqlType {
  const [left, operator, ...rest] = childrenOf(node);
  const right = required(rest.at(-1), node);
  const leftType = expectNumbers(left, query, 'beside an operator');
  const rightType = expectNumbers(right, query, 'beside an operator');
  const bothScalars = leftType === 'scalar' && rightType === 'scalar';
  const hasBool = node.getChild('BoolModifier') !== null;
  const sign = query.slice(operator.from, operator.to);
  if (hasBool && !comparisons.has(operator.name)) {
    throw new PromqlProblem(operator.from, `bool is for comparisons only: remove it after ${sign}`);
  }
  if (comparisons.has(operator.name) && bothScalars && !hasBool) {
    throw new PromqlProblem(operator.from, `numbers are compared with ${sign} bool: write bool after ${sign}`);
  }
  if (leftType === 'scalar' || rightType === 'scalar') {
    if (setOperators.has(operator.name)) {
      throw new PromqlProblem(operator.from, `${sign} joins instant vectors only: put vector(…) around the number`);
    }
    if (node.getChild('MatchingModifierClause')?.getChild('GroupingLabels')?.getChild('LabelName')) {
      throw new PromqlProblem(operator.from, 'on and ignoring stand between instant vectors only: remove them');
    }
  } else if (setOperators.has(operator.name)) {
    const clause = node.getChild('MatchingModifierClause');
    if (clause?.getChild('GroupLeft') || clause?.getChild('GroupRight')) {
      throw new PromqlProblem(operator.from, `${sign} takes no group_left or group_right: remove it`);
    }
  }
  return bothScalars ? 'scalar' : 'instant vector';
}

function typeOfAggregation(node: SyntaxNode, query: string, text: (part: SyntaxNode) => string): PromqlType {
  const operation = text(required(node.getChild('AggregateOp'), node));
  const body = required(node.getChild('FunctionCallBody'), node);
  const given = childrenOf(body);
  const parameter = scalarParameter.has(operation) ? 'scalar' : operation === 'count_values' ? 'string' : undefined;
  const wanted = parameter === undefined ? 1 : 2;
  if (given.length !== wanted) {
    throw new PromqlProblem(body.from, `${operation} takes ${count(wanted)}, here are ${given.length}`);
  }
  if (parameter !== undefined) expectType(given[0], query, parameter, operation);
  expectType(given[wanted - 1], query, 'instant vector', operation);
  return 'instant vector';
}

function typeOfCall(node: SyntaxNode, query: string, text: (part: SyntaxNode) => string): PromqlType {
  const name = text(required(node.getChild('FunctionIdentifier'), node));
  const body = required(node.getChild('FunctionCallBody'), node);
  const given = childrenOf(body);
  const signature = signatureOf(name);
  // Known to the grammar and not to the table: newer, Prometheus itself will say.
  if (signature === undefined) return 'instant vector';
  const { parameters, minimumArguments, maximumArguments, result } = signature;
  if (given.length < minimumArguments || given.length > maximumArguments) {
    const wanted =
      maximumArguments === Number.POSITIVE_INFINITY
        ? `${minimumArguments} or more arguments`
        : minimumArguments === maximumArguments
          ? count(minimumArguments)
          : `${minimumArguments} to ${maximumArguments} arguments`;
    throw new PromqlProblem(body.from, `${name} takes ${wanted}, here are ${given.length}`);
  }
  for (const [i, argument] of given.entries()) {
    // The second argument of info is a bare set of label matchers, which alone would select everything.
    if (name === 'info' && i === 1) continue;
    expectType(argument, query, parameters[Math.min(i, parameters.length - 1)], name);
  }
  return result;
}

/** What to write where another type is wanted. */
const mends: Readonly<Record<string, string>> = {
  'range vector for instant vector': 'put a function such as rate(…) around it, or remove the [range]',
  'instant vector for range vector': 'add a range such as [5m]',
  'scalar for instant vector': 'put vector(…) around it',
  'instant vector for scalar': 'put scalar(…) around it',
};

function expectType(node: SyntaxNode, query: string, wanted: PromqlType, user: string): void {
  const found = typeOfExpression(node, query);
  if (found === wanted) return;
  const mend = mends[`${found} for ${wanted}`] ?? `give ${article(wanted)}`;
  throw new PromqlProblem(node.from, `${user} takes ${article(wanted)}, here is ${article(found)}: ${mend}`);
}

function expectNumbers(node: SyntaxNode, query: string, place: string): PromqlType {
  const found = typeOfExpression(node, query);
  if (found === 'scalar' || found === 'instant vector') return found;
  const mend = mends[`${found} for instant vector`] ?? 'write a number or a metric';
  throw new PromqlProblem(node.from, `${article(found)} cannot stand ${place}: ${mend}`);
}

/** A selector without a name needs a matcher that an absent label does not meet, or it would select every series. */
function checkMatchers(selector: SyntaxNode, text: (part: SyntaxNode) => string): void {
  if (selector.getChild('Identifier')) return;
  const matchers = childrenOf(required(selector.getChild('LabelMatchers') ?? selector, selector));
  const selects = matchers.some((matcher) => {
    const operator = matcher.getChild('MatchOp')?.firstChild?.name;
    const value = matcher.getChild('StringLiteral');
    // `{"name"}` is the name of a metric.
    if (operator === undefined || value === null) return true;
    const content = text(value).slice(1, -1);
    if (operator === 'EqlSingle') return content !== '';
    if (operator === 'Neq') return content === '';
    const matchesNothing = matchesEmptyText(content);
    return operator === 'EqlRegex' ? !matchesNothing : matchesNothing;
  });
  if (!selects) throw new PromqlProblem(selector.from, 'selects every series: name a metric, or a label with a value');
}

function matchesEmptyText(pattern: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test('');
  } catch {
    // Not the same dialect as RE2; Prometheus itself will say.
    return false;
  }
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name !== 'LineComment') children.push(child);
  }
  return children;
}

function required(node: SyntaxNode | null | undefined, within: SyntaxNode): SyntaxNode {
  if (!node) throw new PromqlProblem(within.from, 'is not complete');
  return node;
}

function article(type: PromqlType): string {
  return type === 'instant vector' ? 'an instant vector' : type === 'scalar' ? 'a number' : `a ${type}`;
}

function count(parameters: number): string {
  return parameters === 1 ? '1 argument' : `${parameters} arguments`;
}
