/** Which page an address is of. */

/** `namespace/name` of the closed loop that `/loops/<namespace>/<name>` is about; undefined for the overview. */
export function keyOfPath(path: string): string | undefined {
  const match = /^\/loops\/([^/]+)\/([^/]+)$/.exec(path);
  if (match === null) return undefined;
  try {
    return `${decodeURIComponent(match[1])}/${decodeURIComponent(match[2])}`;
  } catch {
    // Not an encoding of anything: as it is written, it names no loop.
    return `${match[1]}/${match[2]}`;
  }
}
