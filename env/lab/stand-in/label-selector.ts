/** Label selectors in their text form, as a list request carries them. */

export type Labels = Readonly<Record<string, string>>;

const listRequirement = /^([^\s!=(),]+)\s+(in|notin)\s+\(([^()]*)\)$/;
const equalityRequirement = /^([^\s!=(),]+)\s*(==|=|!=)\s*([^\s!=(),]*)$/;
const existenceRequirement = /^(!?)\s*([^\s!=(),]+)$/;

/**
 * Whether labels satisfy a selector such as `app=shop,tier in (web,api),!canary`; an empty one selects everything.
 * @throws RangeError when the text is not a selector
 */
export function parseLabelSelector(selector: string): (labels: Labels) => boolean {
  // Commas within the parentheses of a list do not end a requirement.
  const requirements = selector
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseRequirement);
  return (labels) => requirements.every((matches) => matches(labels));
}

function parseRequirement(text: string): (labels: Labels) => boolean {
  const list = listRequirement.exec(text);
  if (list !== null) {
    const [, key, operator, values] = list;
    const listed = values.split(',').map((value) => value.trim());
    // As in Kubernetes, an object without the label satisfies `notin` and `!=`.
    return (labels) => (labels[key] !== undefined && listed.includes(labels[key])) === (operator === 'in');
  }
  const equality = equalityRequirement.exec(text);
  if (equality !== null) {
    const [, key, operator, value] = equality;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  const existence = existenceRequirement.exec(text);
  if (existence !== null) {
    const [, negation, key] = existence;
    return (labels) => (labels[key] === undefined) === (negation === '!');
  }
  throw new RangeError(`"${text}" is no requirement of a label selector; write key=value, key in (a,b), key or !key`);
}
