/** GET of a JSON document that a stranger serves: bounded in size and time, to allowed hosts only, following nothing. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { HostGuard } from './host-guard.ts';

export interface JsonGetter {
  /** @throws UserError `http-source.host`; Error with the reason in words */
  get(url: string, options: { readonly timeoutSeconds: number; readonly signal: AbortSignal }): Promise<unknown>;
  /** Ends connections that are kept open. */
  close(): void;
}

export interface JsonGetterOptions {
  readonly guard: HostGuard;
  readonly maxBytes?: number;
}

export function createJsonGetter({ guard, maxBytes = 1024 * 1024 }: JsonGetterOptions): JsonGetter {
  const keepAlive = { keepAlive: true, maxFreeSockets: 2, maxTotalSockets: 256, timeout: 60_000 };
  const httpAgent = new HttpAgent(keepAlive);
  const httpsAgent = new HttpsAgent(keepAlive);

  return {
    async get(address, { timeoutSeconds, signal }) {
      const url = new URL(address);
      guard.check(url);
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
      const isSecure = url.protocol === 'https:';
      const body = await new Promise<string>((resolve, reject) => {
        const outgoing = (isSecure ? httpsRequest : httpRequest)(url, {
          agent: isSecure ? httpsAgent : httpAgent,
          lookup: guard.lookupOf(url),
          signal: deadline,
          headers: { accept: 'application/json', 'accept-encoding': 'identity' },
        });
        outgoing.once('error', (error) => reject(deadline.aborted ? new Error('no answer in time') : error));
        outgoing.once('response', (response) => {
          const refuse = (reason: string) => {
            reject(new Error(reason));
            outgoing.destroy();
          };
          const { statusCode = 0 } = response;
          if (statusCode >= 300 && statusCode < 400)
            return refuse(`it redirects (HTTP ${statusCode}); name the final address`);
          if (statusCode !== 200) return refuse(`HTTP ${statusCode}`);
          if ((response.headers['content-encoding'] ?? 'identity') !== 'identity')
            return refuse('the answer is compressed');
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > maxBytes) refuse(`the answer is larger than ${maxBytes} bytes`);
            else chunks.push(chunk);
          });
          response.once('error', () =>
            reject(new Error(deadline.aborted ? 'no answer in time' : 'the answer broke off')),
          );
          response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
        });
        outgoing.end();
      });
      try {
        return JSON.parse(body);
      } catch (cause) {
        throw new Error('the answer is not JSON', { cause });
      }
    },
    close() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}
