/** Which metrics and labels a query names. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import type { KnownMetrics } from './known-metrics.fixture.ts';

export interface NamedSeries {
  readonly metric: string;
  /** Of its matchers. */
  readonly labels: readonly string[];
}

export interface QueryNames {
  readonly series: readonly NamedSeries[];
  /** Of `by`, `on`, `without`, `ignoring` and `group_left`. */
  readonly grouping: readonly string[];
}

/** @param query that Prometheus would take */
export function namesIn(query: string): QueryNames {
  const series: NamedSeries[] = [];
  const grouping: string[] = [];
  const text = ({ from, to }: SyntaxNode) => query.slice(from, to);
  const walk = (node: SyntaxNode) => {
    if (node.name === 'VectorSelector') {
      const names = [...descendants(node, 'LabelName')].map(text);
      const metric = node.getChild('Identifier');
      series.push({ metric: metric === null ? '' : text(metric), labels: names });
      return;
    }
    if (node.name === 'GroupingLabels') grouping.push(...[...descendants(node, 'LabelName')].map(text));
    for (let child = node.firstChild; child !== null; child = child.nextSibling) walk(child);
  };
  walk(parser.parse(query).topNode);
  return { series, grouping };
}

function* descendants(node: SyntaxNode, name: string): Iterable<SyntaxNode> {
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name === name) yield child;
    else yield* descendants(child, name);
  }
}

/** Names in a query that no metric has: of metrics, of labels in matchers as `metric{label}`, of labels elsewhere. */
export function unknownNames(query: string, known: KnownMetrics): string[] {
  const { series, grouping } = namesIn(query);
  const ofSeries = series.flatMap(({ metric, labels }) => {
    const theirs = known.get(metric);
    if (theirs === undefined) return [metric];
    return labels.filter((label) => !theirs.has(label)).map((label) => `${metric}{${label}}`);
  });
  const anywhere = new Set(series.flatMap(({ metric }) => [...(known.get(metric) ?? [])]));
  return [...ofSeries, ...grouping.filter((label) => !anywhere.has(label))];
}
