/** Whom the watch answers. A page anywhere can make a browser ask a name that it has pointed here (DNS rebinding). */
import { isIP } from 'node:net';

/**
 * Whether a request's Host header is one that only somebody who means this server sends: an address cannot be pointed
 * elsewhere, `localhost` is nobody's to point, other names must be listed.
 * @param host as in the header, with or without port
 */
export function isOwnHost(host: string | undefined, names: readonly string[]): boolean {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(host ?? '');
  if (match === null) return false;
  const [, bracketed, plain = ''] = match;
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  const name = plain.toLowerCase();
  return isIP(name) === 4 || name === 'localhost' || names.some((known) => known.toLowerCase() === name);
}
