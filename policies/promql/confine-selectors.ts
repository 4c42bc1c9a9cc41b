/** Queries that others wrote, kept to the series that carry a label: what prom-label-proxy does between the two. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { UserError } from '../../env/errors.ts';

/** What every selector of a query gets beside its own matchers: `namespace="$namespace"`. */
export interface RequiredMatcher {
  /** A plain identifier. */
  readonly label: string;
  readonly operator: '=' | '=~';
  /** As it stands between double quotes. */
  readonly content: string;
}

/**
 * The query with the matcher in every selector. Matchers add up, so a selector that asks for other series selects nothing.
 * @throws UserError `query.confinement` for a query of which our parser may not see what Prometheus sees
 */
export function confineSelectors(query: string, matcher: RequiredMatcher): string {
  // To Prometheus a carriage return ends a comment, to our parser it does not: a selector behind it would stay as it is.
  const odd = /[^\n\t\P{Cc}]/u.exec(query);
  if (odd !== null) {
    throw unconfined(`has the control character U+${odd[0].charCodeAt(0).toString(16).padStart(4, '0')}; remove it`);
  }
  const text = `${matcher.label}${matcher.operator}"${matcher.content}"`;
  let confined = query;
  for (const selector of selectorsOf(query).reverse()) {
    if (carries(selector, query, matcher)) continue;
    const matchers = selector.getChild('LabelMatchers');
    const at = matchers === null ? selector.to : matchers.from + 1;
    const inserted = matchers === null ? `{${text}}` : matchers.firstChild === null ? text : `${text},`;
    confined = confined.slice(0, at) + inserted + confined.slice(at);
  }
  if (selectorsOf(confined).every((selector) => carries(selector, confined, matcher))) return confined;
  throw unconfined('has a selector that cannot be kept to the namespace; write it more simply');
}

function selectorsOf(query: string): SyntaxNode[] {
  const selectors: SyntaxNode[] = [];
  parser.parse(query).iterate({
    enter(reference) {
      if (reference.type.isError)
        throw unconfined(`is not PromQL at "${query.slice(reference.from, reference.from + 20)}"`);
      if (reference.name === 'VectorSelector') selectors.push(reference.node);
    },
  });
  return selectors;
}

function carries(selector: SyntaxNode, query: string, { label, operator, content }: RequiredMatcher): boolean {
  const matchers = selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return matchers.some((matcher) => {
    const [name, match, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map((part) => {
      const node = matcher.getChild(part);
      return node === null ? undefined : query.slice(node.from, node.to);
    });
    return name === label && match === operator && value === `"${content}"`;
  });
}

function unconfined(what: string): UserError {
  return new UserError('query.confinement', `the query ${what}`);
}
