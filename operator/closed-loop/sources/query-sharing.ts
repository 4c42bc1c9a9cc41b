/**
 * Whether one query can be asked for all loops of a template at once, and which labels then tell whose result is whose.
 *
 * What is proved, from the selectors up: after the rewriting, the series that carry one loop's group labels are the series
 * that the loop's own query gives, but for group labels that its own query would have dropped. So each part of the query
 * must treat series of different loops apart. What cannot be shown to do so is refused, with the reason.
 */
import type { SyntaxNode } from '@lezer/common';
import type { LiteralPart, QueryTemplate } from './query-template.ts';

/** Where the template has to be rewritten; positions in its text, none overlapping. */
export type SharingEdit =
  | { readonly kind: 'alternation'; readonly from: number; readonly to: number; readonly label: string }
  | { readonly kind: 'text'; readonly from: number; readonly to: number; readonly text: string };

/** A label whose value tells the loops apart, and what the value is made of. */
export interface GroupLabel {
  readonly name: string;
  /** As it is written in PromQL. */
  readonly source: string;
  readonly parts: readonly LiteralPart[];
}

export type Sharing =
  | { readonly shared: true; readonly labels: readonly GroupLabel[]; readonly edits: readonly SharingEdit[] }
  /** In words for `explain`. */
  | { readonly shared: false; readonly reason: string };

/** How a part of the query depends on the loop. */
type Dependence =
  /** The same number for all loops. */
  | { readonly kind: 'scalar' }
  /** Series that all loops have in common. */
  | { readonly kind: 'common' }
  /** Series per loop: told apart by `labels`, of which the loop's own query would carry those in `carried`. */
  | {
      readonly kind: 'grouped';
      readonly labels: ReadonlyMap<string, GroupLabel>;
      readonly carried: ReadonlySet<string>;
    };
type Grouped = Extract<Dependence, { kind: 'grouped' }>;

class NotShareable extends Error {}

/** Series in, series with the same labels out, each by itself (but for the metric's name and the label `le`). */
const seriesFunctions = new Set(
  (
    'abs acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max clamp_min cos cosh count_over_time ' +
    'deg delta deriv exp floor histogram_avg histogram_count histogram_fraction histogram_quantile histogram_stddev ' +
    'histogram_stdvar histogram_sum idelta increase irate last_over_time ln log10 log2 max_over_time min_over_time ' +
    'predict_linear present_over_time quantile_over_time rad rate resets round sgn sin sinh sqrt stddev_over_time ' +
    'stdvar_over_time sum_over_time tan tanh timestamp'
  ).split(' '),
);
const scalarFunctions = new Set(['time', 'pi']);
const groupAggregations = new Set(['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar', 'quantile']);
const arithmetic = new Set(['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Pow', 'Atan2']);
const comparisons = new Set(['Eql', 'Neq', 'Gtr', 'Gte', 'Lss', 'Lte']);
const setOperators = new Set(['And', 'Or', 'Unless']);
/** Labels that PromQL itself reads or drops. */
const reservedLabels = new Set(['__name__', 'le', 'quantile']);

export function analyseSharing(template: QueryTemplate): Sharing {
  const edits: SharingEdit[] = [];
  const text = (node: SyntaxNode) => template.source.slice(node.from, node.to);

  function visit(node: SyntaxNode): Dependence {
    const operands = childrenOf(node);
    switch (node.name) {
      case 'NumberDurationLiteral':
        return { kind: 'scalar' };
      case 'PromQL':
      case 'ParenExpr':
      case 'OffsetExpr':
      case 'StepInvariantExpr':
      case 'MatrixSelector':
      case 'SubqueryExpr':
        return visit(operands[0]);
      case 'UnaryExpr':
        return visit(operands[1]);
      case 'VectorSelector':
        return visitSelector(node);
      case 'FunctionCall':
        return visitFunction(node);
      case 'AggregateExpr':
        return visitAggregation(node);
      case 'BinaryExpr':
        return visitBinary(node, operands[0], operands[operands.length - 1]);
      default:
        throw new NotShareable(`"${text(node)}" is not known to keep loops apart`);
    }
  }

  function visitSelector(node: SyntaxNode): Dependence {
    const labels = new Map<string, GroupLabel>();
    for (const matcher of template.matchers) {
      if (matcher.from < node.from || matcher.to > node.to) continue;
      const { labelSource, operator, parts } = matcher;
      if (operator !== '=') throw new NotShareable(`a placeholder is matched by ${operator}; only = tells loops apart`);
      if (parts.some((part) => 'text' in part && part.text.includes('\\'))) {
        throw new NotShareable(`the string beside a placeholder of ${labelSource} has an escape`);
      }
      const name = unquote(labelSource);
      if (reservedLabels.has(name)) throw new NotShareable(`the label ${name} has a meaning of its own in PromQL`);
      if (labels.has(name)) throw new NotShareable(`two placeholders match the label ${name}`);
      labels.set(name, { name, source: labelSource, parts });
      edits.push({ kind: 'alternation', from: matcher.from, to: matcher.to, label: name });
    }
    return labels.size === 0 ? { kind: 'common' } : { kind: 'grouped', labels, carried: new Set(labels.keys()) };
  }

  function visitFunction(node: SyntaxNode): Dependence {
    const name = text(node.firstChild as SyntaxNode);
    if (scalarFunctions.has(name)) return { kind: 'scalar' };
    if (!seriesFunctions.has(name)) throw new NotShareable(`${name}() is not known to keep loops apart`);
    return onlySeries(argumentsOf(node).map(visit), `${name}()`);
  }

  function visitAggregation(node: SyntaxNode): Dependence {
    const operator = node.firstChild as SyntaxNode;
    const name = text(operator).toLowerCase();
    if (!groupAggregations.has(name)) throw new NotShareable(`${name} picks or names series across loops`);
    const inner = onlySeries(argumentsOf(node).map(visit), name);
    const modifier = node.getChild('AggregateModifier');
    if (modifier?.getChild('Without')) throw new NotShareable(`${name} without (…) does not say which labels are kept`);
    if (inner.kind !== 'grouped') return inner;
    const grouping = modifier?.getChild('GroupingLabels') ?? undefined;
    const kept = grouping === undefined ? [] : childrenOf(grouping).map(text);
    const by = withLabels(kept, inner.labels);
    if (grouping === undefined) edits.push({ kind: 'text', from: operator.to, to: operator.to, text: ` by ${by} ` });
    else edits.push({ kind: 'text', from: grouping.from, to: grouping.to, text: by });
    return { ...inner, carried: intersection(inner.carried, kept.map(unquote)) };
  }

  function visitBinary(node: SyntaxNode, leftNode: SyntaxNode, rightNode: SyntaxNode): Dependence {
    const operator = childrenOf(node)[1];
    const left = visit(leftNode);
    const right = visit(rightNode);
    if (![arithmetic, comparisons, setOperators].some((operators) => operators.has(operator.name))) {
      throw new NotShareable(`the operator ${text(operator)} is not known to keep loops apart`);
    }
    if (node.getChild('FillModifier')) throw new NotShareable('fill makes series that no loop has');
    if (left.kind === 'scalar') return right;
    if (right.kind === 'scalar') return left;
    if (left.kind === 'common' && right.kind === 'common') return left;
    if (left.kind === 'common' || right.kind === 'common') {
      const common = text(left.kind === 'common' ? leftNode : rightNode);
      throw new NotShareable(`"${common}" has no placeholder, so it cannot be matched with each loop's series`);
    }
    requireSameLabels(left, right, text(operator));
    return visitMatching(node, left, right, setOperators.has(operator.name));
  }

  /** Both sides are grouped by the same labels: those have to be matched on, and must not match what they did not before. */
  function visitMatching(node: SyntaxNode, left: Grouped, right: Grouped, isSetOperator: boolean): Dependence {
    const clause = node.getChild('MatchingModifierClause');
    if (clause?.getChild('GroupLeft') || clause?.getChild('GroupRight')) {
      throw new NotShareable('group_left and group_right match one series with many');
    }
    const grouping = clause?.getChild('GroupingLabels') ?? undefined;
    const named = grouping === undefined ? [] : childrenOf(grouping).map(text);
    const names = new Set(named.map(unquote));
    const isOn = Boolean(clause?.getChild('On'));
    const matchedBefore = (label: string) => (isOn ? names.has(label) : !names.has(label));
    for (const label of left.labels.keys()) {
      if (matchedBefore(label) && left.carried.has(label) !== right.carried.has(label)) {
        throw new NotShareable(`one side of an operation keeps the label ${label}, the other drops it`);
      }
    }
    if (grouping !== undefined) {
      const matched = isOn
        ? withLabels(named, left.labels)
        : `(${named.filter((source) => !left.labels.has(unquote(source))).join(', ')})`;
      edits.push({ kind: 'text', from: grouping.from, to: grouping.to, text: matched });
    }
    if (!isSetOperator) return { ...left, carried: new Set([...left.carried].filter(matchedBefore)) };
    const sameCarried = [...left.labels.keys()].every((label) => left.carried.has(label) === right.carried.has(label));
    if (!sameCarried && node.getChild('Or')) throw new NotShareable('the two sides of or keep different labels');
    return left;
  }

  try {
    const result = visit(template.tree.topNode);
    if (result.kind !== 'grouped')
      return { shared: false, reason: 'it has no placeholder: it is the same for all loops' };
    return {
      shared: true,
      labels: [...result.labels.values()],
      edits: edits.toSorted((a, b) => a.from - b.from),
    };
  } catch (error) {
    if (error instanceof NotShareable) return { shared: false, reason: error.message };
    throw error;
  }
}

function requireSameLabels(left: Grouped, right: Grouped, operator: string): void {
  const same =
    left.labels.size === right.labels.size &&
    [...left.labels].every(
      ([name, { parts }]) => JSON.stringify(parts) === JSON.stringify(right.labels.get(name)?.parts),
    );
  if (same) return;
  const list = ({ labels }: Grouped) => [...labels.keys()].join(', ');
  throw new NotShareable(
    `the sides of ${operator} are told apart by different labels: ${list(left)} and ${list(right)}`,
  );
}

/** The one operand that is a vector or matrix; the others have to be numbers that all loops share. */
function onlySeries(values: readonly Dependence[], what: string): Exclude<Dependence, { kind: 'scalar' }> {
  const series = values.filter((value) => value.kind !== 'scalar');
  if (series.length !== 1) throw new NotShareable(`${what} does not read exactly one set of series`);
  return series[0];
}

/** `(kept, group labels)`, each once. */
function withLabels(kept: readonly string[], labels: ReadonlyMap<string, GroupLabel>): string {
  const names = new Set(kept.map(unquote));
  const added = [...labels.values()].filter(({ name }) => !names.has(name)).map(({ source }) => source);
  return `(${[...kept, ...added].join(', ')})`;
}

function intersection(labels: ReadonlySet<string>, kept: readonly string[]): Set<string> {
  return new Set(kept.filter((name) => labels.has(name)));
}

function unquote(labelSource: string): string {
  if (!/^["'`]/.test(labelSource)) return labelSource;
  if (labelSource.includes('\\')) throw new NotShareable(`the label ${labelSource} has an escape in its name`);
  return labelSource.slice(1, -1);
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== 'LineComment') children.push(child);
  }
  return children;
}

function argumentsOf(node: SyntaxNode): SyntaxNode[] {
  const body = node.getChild('FunctionCallBody');
  return body === null ? [] : childrenOf(body);
}
