/** Values at dotted paths of JSON: the path is written by who may write a ClosedLoop, the JSON by whoever serves it. */
import { parsePath } from 'dot-prop';

/**
 * What the document itself has at a path such as `a.b[0].c`; undefined where it has nothing, and for a text that is no path.
 * What every object inherits (`toString`, `length` of a string) is not in a document.
 */
export function valueAt(document: unknown, path: string): unknown {
  const segments = segmentsOf(path);
  if (segments.length === 0) return undefined;
  return segments.reduce<unknown>(
    (value, segment) =>
      typeof value === 'object' && value !== null && isOwn(value, segment)
        ? (value as Record<string, unknown>)[segment]
        : undefined,
    document,
  );
}

/** An array's length is its own, and no element. */
function isOwn(value: object, segment: string | number): boolean {
  return Object.hasOwn(value, segment) && !(Array.isArray(value) && segment === 'length');
}

function segmentsOf(path: string): (string | number)[] {
  try {
    // Empty for a path with `__proto__`, `prototype` or `constructor` in it.
    return parsePath(path);
  } catch {
    return [];
  }
}
