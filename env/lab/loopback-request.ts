/** Requests to a lab's own servers on loopback, which have a certificate authority of their own. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface LoopbackRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON unless `contentType` says otherwise. */
  readonly body?: string;
  readonly contentType?: string;
  readonly bearerToken?: string;
  /** PEM. */
  readonly certificateAuthority?: string;
  /** PEM, of a client certificate. */
  readonly certificate?: string;
  readonly privateKey?: string;
  readonly signal?: AbortSignal;
}

export class LoopbackError extends Error {
  /** HTTP status; 0 without an answer. */
  readonly status: number;

  constructor(status: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LoopbackError';
    this.status = status;
  }
}

/** Resolves to the body of a 2xx answer. @throws LoopbackError */
export function requestLoopback(url: string, options: LoopbackRequest = {}): Promise<string> {
  const { method = 'GET', body, contentType = 'application/json', bearerToken, signal } = options;
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = send(url, {
      method,
      signal,
      // A connection that is kept would hold up the end of the server.
      agent: false,
      ca: options.certificateAuthority,
      cert: options.certificate,
      key: options.privateKey,
      headers: {
        ...(bearerToken !== undefined && { authorization: `Bearer ${bearerToken}` }),
        ...(body !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
      },
    });
    const fail = (cause: Error) => reject(new LoopbackError(0, `${method} ${url}: ${cause.message}`, { cause }));
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(text);
        else reject(new LoopbackError(status, `${method} ${url}: ${status} ${text.trim().slice(0, 500)}`));
      });
    });
    outgoing.end(body);
  });
}
