/** One watch: a line of JSON an event, until the server ends it. */
import type { IncomingMessage } from 'node:http';
import { KubernetesError, type WatchEvent } from './kubernetes-api.ts';
import { type ApiTransport, reasonOf } from './kubernetes-transport.ts';

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
}

export interface WatchTiming {
  /** Asked of the server. */
  readonly timeoutSeconds: number;
  /**
   * A watch that the server has not ended this long after has lost it: TCP keep-alive tells of a peer that is gone, this of
   * one that is there and says nothing.
   */
  readonly graceSeconds: number;
}

interface ErrorStatus {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

/**
 * Settles when the server ends the watch or `signal` is aborted.
 * @throws KubernetesError 410 when the version is too old; status 0 when the connection broke or went silent
 * @throws what `onEvent` throws
 */
export async function watchOnce<T>(
  transport: ApiTransport,
  path: string,
  { timeoutSeconds, graceSeconds }: WatchTiming,
  signal: AbortSignal,
  onEvent: (event: WatchEvent<T>) => void,
): Promise<void> {
  let response: IncomingMessage;
  try {
    response = await transport.open({ method: 'GET', path, signal });
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  let overdue = false;
  const watchdog = setTimeout(
    () => {
      overdue = true;
      response.destroy();
      transport.dropIdleConnections();
    },
    (timeoutSeconds + graceSeconds) * 1000,
  );
  const call = `WATCH ${path.split('?')[0]}`;
  try {
    for await (const line of linesOf(response, call)) {
      const event = JSON.parse(line) as WatchEvent<T> | { type: 'ERROR'; object: ErrorStatus };
      if (event.type === 'ERROR') throw watchError(call, event.object);
      onEvent(event);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (overdue) throw new KubernetesError(0, 'Timeout', `${call}: not ended by the server after ${timeoutSeconds} s`);
    throw error;
  } finally {
    clearTimeout(watchdog);
    response.destroy();
  }
}

function watchError(call: string, { code = 0, reason, message }: ErrorStatus): KubernetesError {
  return new KubernetesError(code, reason || reasonOf(code), `${call}: ${message ?? reason}`);
}

/** Breaks off with KubernetesError when the stream does. A last line without its end is half an event and is dropped. */
async function* linesOf(response: IncomingMessage, call: string): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield line;
    }
  } catch (cause) {
    throw new KubernetesError(0, 'Unreachable', `${call}: ${(cause as Error).message}`, { cause });
  }
}
