/** HTTP to one API server over connections that are kept alive: deadlines, a limit of calls in flight, credentials. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import PQueue from 'p-queue';
import { KubernetesError } from './kubernetes-api.ts';
import type { CredentialSource } from './kubernetes-credentials.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With query, below the server's own path. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** One answered or failed call, for metrics. `status` is 0 when there was no answer. */
export interface CallRecord {
  readonly method: ApiRequest['method'] | 'WATCH';
  readonly status: number;
  readonly seconds: number;
}

export interface ApiTransport {
  /** The parsed body of a 2xx answer. @throws KubernetesError */
  send(request: ApiRequest): Promise<unknown>;
  /** The body of a 2xx answer as it comes; not counted among the calls in flight. @throws KubernetesError */
  open(request: ApiRequest & { readonly signal: AbortSignal }): Promise<IncomingMessage>;
  /** To be told of a stream that went silent; calls see to it themselves. */
  dropIdleConnections(): void;
}

export interface TransportOptions {
  readonly server: string;
  readonly credentials: CredentialSource;
  /** Calls at once; the rest wait in order. */
  readonly inFlight: number;
  /** From the moment a call is sent to the last byte of its answer. */
  readonly timeoutSeconds: number;
  readonly userAgent: string;
  readonly onCall?: (call: CallRecord) => void;
  /** Asked when the connection is there, immediately before a write is sent on it; not sent when false. Default: always. */
  readonly mayWrite?: () => boolean;
}

/** Without it a peer that vanished is noticed by the kernel after hours only. */
const tcpKeepAliveMilliseconds = 15_000;

export function createTransport(options: TransportOptions): ApiTransport {
  const base = new URL(options.server);
  const sendRequest = base.protocol === 'http:' ? requestHttp : requestHttps;
  const prefix = base.pathname.replace(/\/+$/, '');
  const queue = new PQueue({ concurrency: options.inFlight });
  const describe = ({ method, path }: ApiRequest) => `${method} ${path.split('?')[0]}`;

  /** Resolves with the headers. `signal` covers the body too. */
  const exchange = async (request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    const { headers, agent } = await options.credentials.read();
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    return new Promise((resolve, reject) => {
      const outgoing = sendRequest(
        {
          host: base.hostname.replace(/^\[|\]$/g, ''),
          port: base.port || (base.protocol === 'http:' ? 80 : 443),
          path: prefix + request.path,
          method: request.method,
          agent,
          signal,
          headers: {
            ...headers,
            Accept: 'application/json',
            'User-Agent': options.userAgent,
            ...(body && { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': body.length }),
          },
        },
        resolve,
      );
      // A write may have waited long by now, for its turn, for a connection, or because this process was frozen.
      const send = () => {
        if (request.method === 'GET' || options.mayWrite === undefined || options.mayWrite()) outgoing.end(body);
        else
          outgoing.destroy(
            new KubernetesError(0, 'NotAllowed', `${describe(request)}: no longer this process's to do`),
          );
      };
      outgoing.on('socket', (socket) => {
        socket.setKeepAlive(true, tcpKeepAliveMilliseconds);
        if (socket.connecting) socket.once(base.protocol === 'http:' ? 'connect' : 'secureConnect', send);
        else send();
      });
      outgoing.on('error', (error) => {
        // The server closed a kept connection in the moment it was used again: nothing was processed, a read may be repeated.
        if (outgoing.reusedSocket && request.method === 'GET' && !signal.aborted) {
          exchange(request, signal).then(resolve, reject);
        } else reject(error);
      });
    });
  };

  /** Sends, and once more with new credentials after a 401. Resolves to an answer of the 2xx kind. */
  const answerOf = async (request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    let response = await exchange(request, signal);
    if (response.statusCode === 401) {
      response.resume();
      options.credentials.forget();
      response = await exchange(request, signal);
    }
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw refusal(status, describe(request), response.headers['retry-after'], await textOf(response));
  };

  /** Gives `work` a signal of its own: AbortSignal.any keeps what it made alive as long as the caller's signal (Node 20). */
  const withDeadline = async <T>(
    request: ApiRequest,
    method: CallRecord['method'],
    work: (signal: AbortSignal, follow: (response: IncomingMessage) => void) => Promise<T>,
  ): Promise<T> => {
    const started = performance.now();
    const aborter = new AbortController();
    let late = false;
    const giveUp = () => aborter.abort();
    const timer = setTimeout(() => {
      late = true;
      aborter.abort();
    }, options.timeoutSeconds * 1000);
    request.signal?.addEventListener('abort', giveUp, { once: true });
    const stopListening = () => request.signal?.removeEventListener('abort', giveUp);
    let streaming = false;
    let status = 200;
    try {
      if (request.signal?.aborted) aborter.abort();
      return await work(aborter.signal, (response) => {
        streaming = true;
        response.once('close', stopListening);
      });
    } catch (error) {
      const failure = asKubernetesError(error, describe(request), options, request.signal, late);
      status = failure.status;
      if (late) options.credentials.dropIdleConnections();
      throw failure;
    } finally {
      clearTimeout(timer);
      if (!streaming) stopListening();
      options.onCall?.({ method, status, seconds: (performance.now() - started) / 1000 });
    }
  };

  return {
    dropIdleConnections: options.credentials.dropIdleConnections,
    async send(request) {
      const call = () =>
        withDeadline(request, request.method, async (signal) => {
          const text = await textOf(await answerOf(request, signal));
          return text === '' ? undefined : JSON.parse(text);
        });
      try {
        return await queue.add(call, { signal: request.signal });
      } catch (error) {
        throw asKubernetesError(error, describe(request), options, request.signal);
      }
    },
    open: (request) =>
      withDeadline(request, 'WATCH', async (signal, follow) => {
        const response = await answerOf(request, signal);
        follow(response);
        return response;
      }),
  };
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

/** From the metav1.Status that the API server sends; what stands between may send anything. */
function refusal(httpStatus: number, call: string, retryAfter: string | undefined, body: string): KubernetesError {
  let status: { reason?: string; message?: string; code?: number; details?: { retryAfterSeconds?: number } } = {};
  try {
    status = JSON.parse(body) ?? {};
  } catch {
    status = { message: body.slice(0, 300) };
  }
  const retryAfterSeconds = status.details?.retryAfterSeconds ?? (Number.parseInt(retryAfter ?? '', 10) || undefined);
  const reason = status.reason || reasonOf(httpStatus);
  return new KubernetesError(httpStatus, reason, `${call}: ${status.message || reason}`, { retryAfterSeconds });
}

/** Where a Status has no reason, that of its code. */
export function reasonOf(status: number): string {
  const reasons: Record<number, string> = {
    400: 'BadRequest',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    409: 'Conflict',
    410: 'Expired',
    422: 'Invalid',
    429: 'TooManyRequests',
  };
  return reasons[status] ?? (status >= 500 ? 'InternalError' : 'Unknown');
}

function asKubernetesError(
  error: unknown,
  call: string,
  { server, timeoutSeconds }: TransportOptions,
  caller?: AbortSignal,
  late = false,
): KubernetesError {
  if (error instanceof KubernetesError) return error;
  if (caller?.aborted) return new KubernetesError(0, 'Aborted', `${call}: given up by the caller`, { cause: error });
  if (late) {
    const message = `${call}: no answer from ${server} within ${timeoutSeconds} s`;
    return new KubernetesError(0, 'Timeout', message, { cause: error });
  }
  const { message, code } = error as NodeJS.ErrnoException;
  return new KubernetesError(0, 'Unreachable', `${call}: ${server}: ${message || code}`, { cause: error });
}
