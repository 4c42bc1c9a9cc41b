/** One query for many loops of a template, and its result split back to them. Pure. */
import type { PrometheusSample } from '../../../env/cluster/prometheus.ts';
import type { GroupLabel, Sharing } from './query-sharing.ts';
import {
  escapeRegex,
  type QueryTemplate,
  type QueryVariables,
  quoteContent,
  toUnicode,
  variableValue,
} from './query-template.ts';

export type Shareable = Extract<Sharing, { shared: true }>;

/**
 * Values of the group labels for one loop, in the labels' order; undefined when one is empty, which in PromQL also matches
 * series without the label.
 * @throws UserError `query.variable`
 */
export function groupOf({ labels }: Shareable, values: QueryVariables): string[] | undefined {
  const group = labels.map(({ parts }) =>
    toUnicode(parts.map((part) => ('text' in part ? part.text : variableValue(values, part.variable))).join('')),
  );
  return group.includes('') ? undefined : group;
}

export function groupKey(group: readonly string[]): string {
  return JSON.stringify(group);
}

/** The query whose result has the series of every group, and perhaps of further combinations of their labels' values. */
export function renderSharedQuery(
  { source }: QueryTemplate,
  { labels, edits }: Shareable,
  groups: readonly (readonly string[])[],
): string {
  const alternations = new Map(
    labels.map(({ name }, index) => {
      const values = [...new Set(groups.map((group) => group[index]))];
      return [name, `=~"${quoteContent(values.map(escapeRegex).join('|'))}"`];
    }),
  );
  let query = '';
  let position = 0;
  for (const edit of edits) {
    query += source.slice(position, edit.from) + (edit.kind === 'text' ? edit.text : alternations.get(edit.label));
    position = edit.to;
  }
  return query + source.slice(position);
}

/** Samples by `groupKey`. A group without any is absent. */
export function splitByGroup(
  labels: readonly GroupLabel[],
  samples: readonly PrometheusSample[],
): Map<string, PrometheusSample[]> {
  const byGroup = new Map<string, PrometheusSample[]>();
  for (const sample of samples) {
    const key = groupKey(labels.map(({ name }) => sample.labels[name] ?? ''));
    const group = byGroup.get(key);
    if (group === undefined) byGroup.set(key, [sample]);
    else group.push(sample);
  }
  return byGroup;
}
