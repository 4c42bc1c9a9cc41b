/** An HTTP server in front of another that answers with an error instead, or lets requests wait: faults of proxies. */
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `pass`: hand on. A number: answer with that status. `hang`: never answer. */
export type ProxyFault = 'pass' | 'hang' | number;

export interface FaultyProxy {
  readonly url: string;
  fault: ProxyFault;
  close(): Promise<void>;
}

export async function startFaultyProxy(behindUrl: string): Promise<FaultyProxy> {
  const server = createServer((incoming, response) => {
    const { fault } = proxy;
    if (fault === 'hang') return;
    if (typeof fault === 'number') {
      incoming.resume();
      response.writeHead(fault, { 'content-type': 'text/html' }).end('<h1>upstream error</h1>');
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
    fault: 'pass',
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
  return proxy;
}
