/**
 * A loop's PromQL with placeholders: `$namespace`, `$target` and the loop's own variables (also as `${name}`), inside the
 * strings of label matchers and nowhere else. A value is escaped where it is put in, so it never changes the structure of
 * the query.
 */
import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { UserError } from '../../../env/errors.ts';

export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** Verbatim text of a string literal, or the name of a variable. */
export type LiteralPart = { readonly text: string } | { readonly variable: string };

/** A label matcher with placeholders. */
export interface PlaceholderMatcher {
  /** As written: quoted when it is no plain identifier. */
  readonly labelSource: string;
  readonly operator: MatchOperator;
  readonly parts: readonly LiteralPart[];
  /** Where operator and string stand in the template. */
  readonly from: number;
  readonly to: number;
}

export interface QueryTemplate {
  readonly source: string;
  readonly tree: Tree;
  /** In the order of their place. */
  readonly matchers: readonly PlaceholderMatcher[];
  /** Names that are used, each once. */
  readonly variables: readonly string[];
}

export type QueryVariables = Readonly<Record<string, string>>;

const placeholder = /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/g;

/** @throws UserError `query.syntax` with the place, `query.placeholder` with the name of a placeholder that is never replaced */
export function parseQueryTemplate(source: string): QueryTemplate {
  const tree = parser.parse(source);
  const matchers: PlaceholderMatcher[] = [];
  const stray: string[] = [];
  let errorAt: number | undefined;
  tree.iterate({
    enter(reference) {
      if (reference.type.isError) errorAt ??= reference.from;
      if (reference.name === 'StringLiteral') {
        const matcher = matcherOf(source, reference.node);
        if (matcher === undefined) stray.push(...placeholdersIn(source.slice(reference.from, reference.to)));
        else if (matcher.parts.some((part) => 'variable' in part)) matchers.push(matcher);
      }
    },
  });
  if (errorAt !== undefined) throw syntaxError(source, errorAt);
  const variables = [...new Set(matchers.flatMap(({ parts }) => parts.flatMap(variableOf)))];
  // `$name` in label_replace is a group of its regular expression, unless it is one of ours.
  const misplaced = stray.find((name) => name === 'namespace' || name === 'target' || variables.includes(name));
  if (misplaced !== undefined) {
    throw new UserError(
      'query.placeholder',
      `$${misplaced} stands outside of a label matcher, where it is not replaced; write it as label="$${misplaced}"`,
    );
  }
  return { source, tree, matchers, variables };
}

/**
 * The template as the query of one loop.
 * @throws UserError `query.variable` for a placeholder that has no value
 */
export function renderQuery(template: QueryTemplate, values: QueryVariables): string {
  let query = '';
  let position = 0;
  for (const { operator, parts, from, to } of template.matchers) {
    const isRegex = operator === '=~' || operator === '!~';
    const content = parts
      .map((part) => {
        if ('text' in part) return part.text;
        const value = variableValue(values, part.variable);
        return quoteContent(isRegex ? escapeRegex(value) : value);
      })
      .join('');
    query += `${template.source.slice(position, from)}${operator}"${content}"`;
    position = to;
  }
  return query + template.source.slice(position);
}

/** @throws UserError `query.variable` */
export function variableValue(values: QueryVariables, name: string): string {
  if (Object.hasOwn(values, name)) return values[name];
  const known = Object.keys(values).map((key) => `$${key}`);
  throw new UserError(
    'query.variable',
    `$${name} has no value; add it to variables (there are ${known.join(', ')}), or write \\x24${name} for a literal dollar`,
  );
}

/** As RE2's QuoteMeta: every character stands for itself. */
export function escapeRegex(value: string): string {
  return value.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/** Text that UTF-8 can say: half surrogates become U+FFFD, as they do in Prometheus. */
export function toUnicode(value: string): string {
  return value.replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** Content of a double-quoted PromQL string that reads as `value`. */
export function quoteContent(value: string): string {
  return toUnicode(value).replace(/[^ !#$%&()*+,\-./\w:;<=>?@[\]^{|}~]/gu, (character) => {
    if (character === '\\') return '\\\\';
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** Undefined for a string that is not the value of a label matcher. */
function matcherOf(source: string, literal: SyntaxNode): PlaceholderMatcher | undefined {
  const matcher = literal.parent;
  if (matcher?.name !== 'UnquotedLabelMatcher' && matcher?.name !== 'QuotedLabelMatcher') return undefined;
  const label = matcher.firstChild;
  const operator = matcher.getChild('MatchOp');
  if (label === null || operator === null) return undefined;
  return {
    labelSource: source.slice(label.from, label.to),
    operator: source.slice(operator.from, operator.to) as MatchOperator,
    parts: splitLiteral(source.slice(literal.from, literal.to)),
    from: operator.from,
    to: literal.to,
  };
}

/** Texts are such that they can stand in double quotes. */
function splitLiteral(literal: string): LiteralPart[] {
  const quote = literal[0];
  const content = literal.slice(1, -1);
  const toText = (verbatim: string) => {
    // No escapes between backquotes: what stands there stands for itself.
    if (quote === '`') return quoteContent(verbatim);
    return quote === "'" ? verbatim.replaceAll("\\'", "'").replaceAll('"', '\\"') : verbatim;
  };
  const parts: LiteralPart[] = [];
  let position = 0;
  const addText = (end: number) => {
    if (end > position) parts.push({ text: toText(content.slice(position, end)) });
  };
  for (const match of content.matchAll(placeholder)) {
    if (quote !== '`' && endsInEscape(content.slice(0, match.index))) {
      throw new UserError('query.syntax', `"\\${match[0]}" is no escape in PromQL; write \\x24 for a literal dollar`);
    }
    addText(match.index);
    parts.push({ variable: match[1] ?? match[2] });
    position = match.index + match[0].length;
  }
  addText(content.length);
  return parts;
}

/** Whether the next character would be part of an escape sequence. */
function endsInEscape(text: string): boolean {
  let backslashes = 0;
  // Not a pattern: `\\*$` begins anew at every backslash, and a query of 4,096 characters took 5 s.
  while (text[text.length - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

function placeholdersIn(text: string): string[] {
  return Array.from(text.matchAll(placeholder), (match) => match[1] ?? match[2]);
}

function variableOf(part: LiteralPart): string[] {
  return 'variable' in part ? [part.variable] : [];
}

function syntaxError(source: string, at: number): UserError {
  const before = source.slice(Math.max(0, at - 20), at);
  const after = source.slice(at, at + 20);
  const where = at >= source.trimEnd().length ? `at its end, after "${before}"` : `at "${after}", after "${before}"`;
  const hint = after.startsWith('$') ? '; placeholders are replaced inside the strings of label matchers only' : '';
  return new UserError('query.syntax', `the query is not PromQL ${where}${hint}; try it in Prometheus' own page`);
}
