/** An HTTP server in front of another that answers with an error page instead, as a proxy does. */
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FaultyProxy {
  readonly url: string;
  /** Status of every answer; undefined: requests are handed on. */
  errorStatus: number | undefined;
  close(): Promise<void>;
}

export async function startFaultyProxy(behindUrl: string): Promise<FaultyProxy> {
  const server = createServer((incoming, response) => {
    if (proxy.errorStatus !== undefined) {
      incoming.resume();
      response.writeHead(proxy.errorStatus, { 'content-type': 'text/html' }).end('<h1>upstream error</h1>');
      return;
    }
    const { method, headers, url = '/' } = incoming;
    const outgoing = sendRequest(new URL(url, behindUrl), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    errorStatus: undefined,
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
  return proxy;
}
