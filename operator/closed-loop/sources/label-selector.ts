/** Kubernetes label selectors as text, as the scale subresource gives them: `app=web,tier in (a,b),!canary`. */

export type LabelPredicate = (labels: Readonly<Record<string, string>>) => boolean;

const term =
  /^(?:(?<absent>!\s*)?(?<key>[^\s=!,()]+))\s*(?:(?<equality>==?|!=)\s*(?<value>[^\s=!,()]*)|(?<set>in|notin)\s*\((?<values>[^()]*)\))?$/;

/** Undefined when the text is no selector, or empty: an unknown selector must not mean every pod. */
export function parseLabelSelector(text: string): LabelPredicate | undefined {
  if (text.trim() === '') return undefined;
  const predicates: LabelPredicate[] = [];
  for (const part of splitTerms(text)) {
    const groups = term.exec(part.trim())?.groups;
    if (groups === undefined) return undefined;
    const { absent, key, equality, value = '', set, values } = groups;
    if (absent !== undefined && (equality ?? set) !== undefined) return undefined;
    const listed = values === undefined ? [value] : values.split(',').map((each) => each.trim());
    if (equality === '=' || equality === '==' || set === 'in') {
      predicates.push((labels) => Object.hasOwn(labels, key) && listed.includes(labels[key]));
    } else if (equality === '!=' || set === 'notin') {
      predicates.push((labels) => !Object.hasOwn(labels, key) || !listed.includes(labels[key]));
    } else predicates.push((labels) => Object.hasOwn(labels, key) === (absent === undefined));
  }
  return (labels) => predicates.every((holds) => holds(labels));
}

/** Commas between parentheses separate values, the others terms. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let from = 0;
  let isWithin = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '(' || character === ')') isWithin = character === '(';
    else if (character === ',' && !isWithin) {
      terms.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...terms, text.slice(from)];
}
