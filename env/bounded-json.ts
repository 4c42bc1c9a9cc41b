/**
 * JSON that a stranger may have written. A schema that checks a document names every fault in it, so that a megabyte of them
 * costs a gigabyte: how much there is to check is bounded before it is checked.
 */

export interface JsonBounds {
  /** UTF-16 units of the text. */
  readonly characters: number;
  /** Objects, arrays, numbers, texts … of the whole document. */
  readonly values: number;
  /** Arrays and objects within each other. */
  readonly depth: number;
}

/** @throws SyntaxError for what is no JSON; RangeError for what is beyond the bounds */
export function parseBoundedJson(text: string, bounds: JsonBounds): unknown {
  if (text.length > bounds.characters) throw new RangeError(`has more than ${bounds.characters} characters`);
  const document: unknown = JSON.parse(text);
  checkJsonBounds(document, bounds);
  return document;
}

/** @throws RangeError for a parsed document that is beyond the bounds */
export function checkJsonBounds(document: unknown, { values, depth }: Omit<JsonBounds, 'characters'>): void {
  let count = 1;
  // Not by recursion, whose own bound is the stack's.
  let level: unknown[] = [document];
  for (let deep = 0; level.length > 0; deep++) {
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      if (deep >= depth) throw new RangeError(`has more than ${depth} levels within each other`);
      const inner = Object.values(value);
      count += inner.length;
      if (count > values) throw new RangeError(`has more than ${values} values`);
      for (const each of inner) next.push(each);
    }
    level = next;
  }
}

/** Of faults that a schema found, as many as somebody reads. */
export function firstFaults<Fault>(error: { readonly issues: Fault[] }): { issues: Fault[] } {
  return { issues: error.issues.slice(0, 8) };
}
