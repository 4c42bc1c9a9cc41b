/** Whether a query gives one series whatever is in Prometheus. A guess on the safe side, for a warning. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** Why a query that is in order may still give several series, of which none is *the* value; undefined when it cannot. */
export function doubtAboutPromql(query: string): string | undefined {
  const operation = (node: SyntaxNode | null) => (node === null ? '' : query.slice(node.from, node.to));
  return givesOneSeries(parser.parse(query).topNode, new Set())
    ? undefined
    : 'may give several series where one number is wanted: put sum(…), avg(…) or max(…) without "by" around it';

  /** @param merged labels by which series may differ, since what is around merges them */
  function givesOneSeries(node: SyntaxNode, merged: ReadonlySet<string>): boolean {
    const operands = operandsOf(node);
    switch (node.name) {
      case 'NumberDurationLiteral':
      case 'StringLiteral':
        return true;
      case 'AggregateExpr': {
        const modifier = node.getChild('AggregateModifier');
        const labels = modifier?.getChild('GroupingLabels')?.getChildren('LabelName').map(operation) ?? [];
        const grouped = modifier?.getChild('Without') ? false : labels.every((label) => merged.has(label));
        return grouped && !keepsMany.has(operation(node.getChild('AggregateOp')));
      }
      case 'BinaryExpr':
        // One side that is one series is matched by at most one of the other, except that `or` keeps both.
        return node.getChild('Or') || operands.every(({ name }) => name === 'NumberDurationLiteral')
          ? operands.every((operand) => givesOneSeries(operand, merged))
          : operands.some((operand) => operand.name !== 'NumberDurationLiteral' && givesOneSeries(operand, merged));
      case 'FunctionCall': {
        const name = operation(node.getChild('FunctionIdentifier'));
        if (givesOne.has(name)) return true;
        const body = node.getChild('FunctionCallBody');
        const inner = mergesBuckets.has(name) ? new Set([...merged, 'le']) : merged;
        return body !== null && operandsOf(body).every((argument) => givesOneSeries(argument, inner));
      }
    }
    return keepsSeries.has(node.name) && operands.every((operand) => givesOneSeries(operand, merged));
  }
}

const keepsSeries = new Set(['PromQL', 'ParenExpr', 'UnaryExpr', 'OffsetExpr', 'StepInvariantExpr', 'SubqueryExpr']);
const keepsMany = new Set(['topk', 'bottomk', 'limitk', 'limit_ratio', 'count_values']);
const givesOne = new Set(['scalar', 'vector', 'absent', 'absent_over_time', 'time', 'pi']);
const mergesBuckets = new Set(['histogram_quantile', 'histogram_fraction']);

function operandsOf(node: SyntaxNode): SyntaxNode[] {
  const operands: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    const isExpression =
      /(Expr|Selector|Literal|FunctionCall)$/.test(child.name) && !child.name.includes('DurationExpr');
    if (isExpression) operands.push(child);
  }
  return operands;
}
