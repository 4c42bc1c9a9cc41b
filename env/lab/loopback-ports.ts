/** Free TCP ports on loopback. */
import { randomInt } from 'node:crypto';
import getPort from 'get-port';

/**
 * Below 32768, where Linux and macOS take the ports of outgoing connections from: there, a server that is stopped for a
 * while could find its port taken. Chosen at random, so that labs that start together seldom meet.
 */
const range = { first: 20_000, end: 32_000 } as const;
const candidates = 64;

/** A port that nothing listens on, not given twice by this process. */
export function freePort(): Promise<number> {
  const port = Array.from({ length: candidates }, () => randomInt(range.first, range.end));
  return getPort({ port, host: '127.0.0.1', reserve: true });
}
