/** An HTTP server before a Prometheus: it holds each answer back for a while, and tells when an agent asks. */
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface QueryProxy {
  readonly url: string;
  /** Requests that wait for their answer now. */
  readonly waiting: number;
  /** Resolves when the next query arrives. */
  asked(): Promise<void>;
  /** Resolves when the last of the queries under way has been answered; at once when there is none. */
  answered(): Promise<void>;
  close(): Promise<void>;
}

export async function startQueryProxy(behindUrl: string, delayMilliseconds: number): Promise<QueryProxy> {
  let waiting = 0;
  let onAsked: (() => void)[] = [];
  let onAnswered: (() => void)[] = [];
  const tell = (listeners: readonly (() => void)[]) => {
    for (const listener of listeners) listener();
  };
  const server = createServer((incoming, response) => {
    waiting++;
    tell(onAsked.splice(0));
    response.once('close', () => {
      waiting--;
      if (waiting === 0) tell(onAnswered.splice(0));
    });
    const { method, headers, url = '/' } = incoming;
    const outgoing = sendRequest(new URL(url, behindUrl), { method, headers }, (answer) => {
      setTimeout(() => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }, delayMilliseconds);
    });
    outgoing.on('error', () => response.destroy());
    incoming.on('error', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get waiting() {
      return waiting;
    },
    asked: () => new Promise((resolve) => void onAsked.push(resolve)),
    answered: () => (waiting === 0 ? Promise.resolve() : new Promise((resolve) => void onAnswered.push(resolve))),
    close() {
      onAsked = [];
      onAnswered = [];
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
