/** JSON documents that a stranger serves: bounded in size and time, from allowed hosts only, following nothing. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { HostGuard } from './host-guard.ts';

export interface AskOptions {
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface JsonClient {
  /** @throws UserError `host.refused`; JsonAnswerError */
  get(url: string, options: AskOptions): Promise<unknown>;
  /** @param body is sent as JSON. @throws UserError `host.refused`; JsonAnswerError */
  post(url: string, body: unknown, options: AskOptions): Promise<unknown>;
  /** Ends connections that are kept open. */
  close(): void;
}

/** There is no document; the message says why. */
export class JsonAnswerError extends Error {
  /** `late` and `unreachable`: nobody answered. `unusable`: somebody did. */
  readonly kind: 'late' | 'unreachable' | 'unusable';

  constructor(kind: JsonAnswerError['kind'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'JsonAnswerError';
    this.kind = kind;
  }
}

export interface JsonClientOptions {
  readonly guard: HostGuard;
  /** A larger answer is refused. */
  readonly maxBytes?: number;
}

export function createJsonClient({ guard, maxBytes = 1024 * 1024 }: JsonClientOptions): JsonClient {
  const keepAlive = { keepAlive: true, maxFreeSockets: 2, maxTotalSockets: 256, timeout: 60_000 };
  const httpAgent = new HttpAgent(keepAlive);
  const httpsAgent = new HttpsAgent(keepAlive);

  function answerOf(url: URL, body: Buffer | undefined, deadline: AbortSignal): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      const fail = (kind: JsonAnswerError['kind'], reason: string, cause?: unknown) =>
        reject(
          deadline.aborted
            ? new JsonAnswerError('late', 'no answer in time', { cause })
            : new JsonAnswerError(kind, reason, { cause }),
        );
      const isSecure = url.protocol === 'https:';
      const outgoing = (isSecure ? httpsRequest : httpRequest)(url, {
        method: body === undefined ? 'GET' : 'POST',
        agent: isSecure ? httpsAgent : httpAgent,
        lookup: guard.lookupOf(url),
        signal: deadline,
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
        },
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) =>
        // An AggregateError (IPv6 and IPv4 both refused) has no message of its own, only a code.
        fail('unreachable', error.message || (error.code ?? 'not reachable'), error),
      );
      outgoing.once('response', (response) => {
        const refuse = (reason: string) => {
          fail('unusable', reason);
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
        response.once('error', (error) => fail('unreachable', 'the answer broke off', error));
        response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      });
      outgoing.end(body);
    });
  }

  async function ask(address: string, body: Buffer | undefined, { timeoutSeconds, signal }: AskOptions) {
    const url = new URL(address);
    guard.check(url);
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    const text = await answerOf(url, body, deadline);
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new JsonAnswerError('unusable', 'the answer is not JSON', { cause });
    }
  }

  return {
    get: (url, options) => ask(url, undefined, options),
    post: (url, body, options) => ask(url, Buffer.from(JSON.stringify(body)), options),
    close() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}
