import { getEventListeners } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { KubeConnection } from './kube-context.ts';
import { createCredentialSource } from './kubernetes-credentials.ts';
import { type CallRecord, createTransport } from './kubernetes-transport.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface ServeOptions {
  readonly inFlight?: number;
  readonly timeoutSeconds?: number;
  readonly mayWrite?: () => boolean;
}

async function serve(answer: RequestListener, options: ServeOptions = {}) {
  const made = createServer(answer);
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(made.address() as AddressInfo).port}/prefix`;
  const calls: CallRecord[] = [];
  const transport = createTransport({
    server: url,
    credentials: createCredentialSource(connectionTo(url)),
    inFlight: options.inFlight ?? 10,
    timeoutSeconds: options.timeoutSeconds ?? 5,
    userAgent: 'test',
    onCall: (call) => calls.push(call),
    mayWrite: options.mayWrite,
  });
  return { transport, calls, close: () => made.closeAllConnections() };
}

function connectionTo(server: string, user: KubeConnection['user'] = { token: 'secret' }): KubeConnection {
  return { name: 'c', cluster: 'c', server, source: 'test', namespace: undefined, clusterEntry: { server }, user };
}

const get = { method: 'GET', path: '/api?x=1' } as const;

test('a refusal keeps what the server said of it', async () => {
  const { transport, calls } = await serve((_request, reply) => {
    reply.writeHead(429, { 'Retry-After': '3', 'Content-Type': 'application/json' });
    reply.end(JSON.stringify({ kind: 'Status', reason: 'TooManyRequests', message: 'too many', code: 429 }));
  });
  await expect(transport.send(get)).rejects.toMatchObject({
    status: 429,
    reason: 'TooManyRequests',
    retryAfterSeconds: 3,
    message: 'GET /api: too many',
    retryable: true,
  });
  expect(calls).toMatchObject([{ method: 'GET', status: 429 }]);
});

test('what stands between may answer in HTML', async () => {
  const { transport } = await serve((_request, reply) => reply.writeHead(502).end('<html>Bad Gateway</html>'));
  await expect(transport.send(get)).rejects.toMatchObject({
    status: 502,
    message: 'GET /api: <html>Bad Gateway</html>',
  });
});

test('path, body and credentials are sent below the server’s own path', async () => {
  const { transport } = await serve(async (request, reply) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { url, method, headers } = request;
    reply.end(
      JSON.stringify({ url, method, body, authorization: headers.authorization, type: headers['content-type'] }),
    );
  });
  const contentType = 'application/merge-patch+json';
  expect(await transport.send({ method: 'PATCH', path: '/api?x=1', body: { é: 1 }, contentType })).toEqual({
    url: '/prefix/api?x=1',
    method: 'PATCH',
    body: '{"é":1}',
    authorization: 'Bearer secret',
    type: contentType,
  });
});

test('a write is not sent when, after waiting for its turn, it is no longer allowed; reads are', async () => {
  const received: string[] = [];
  let allowed = true;
  const { transport } = await serve(
    (request, reply) => {
      received.push(request.method ?? '');
      // As for a leader whose lease ends while its first write is answered.
      allowed = false;
      reply.end('{}');
    },
    { inFlight: 1, mayWrite: () => allowed },
  );
  const patch = { method: 'PATCH', path: '/api', body: {} } as const;
  const [first, second, read] = await Promise.allSettled([patch, patch, get].map(transport.send));
  expect([first.status, read.status]).toEqual(['fulfilled', 'fulfilled']);
  expect(second).toMatchObject({ status: 'rejected', reason: { status: 0, reason: 'NotAllowed' } });
  expect(received).toEqual(['PATCH', 'GET']);
});

test('a call has a deadline, also for a body that does not end', async () => {
  const { transport } = await serve((_request, reply) => reply.writeHead(200).write('{'), { timeoutSeconds: 0.2 });
  await expect(transport.send(get)).rejects.toMatchObject({ status: 0, reason: 'Timeout', retryable: true });
});

test('no more calls at once than allowed, in order; streams do not count', async () => {
  let underWay = 0;
  let most = 0;
  const order: string[] = [];
  const { transport } = await serve(
    async (request, reply) => {
      if (request.url?.endsWith('/stream')) return void reply.writeHead(200).write(' ');
      underWay += 1;
      most = Math.max(most, underWay);
      order.push(request.url ?? '');
      await new Promise((resolve) => setTimeout(resolve, 20));
      underWay -= 1;
      reply.end('{}');
    },
    { inFlight: 2 },
  );
  const ending = new AbortController();
  const streams = await Promise.all(
    [1, 2, 3].map(() => transport.open({ method: 'GET', path: '/stream', signal: ending.signal })),
  );
  const paths = Array.from({ length: 8 }, (_, index) => `/${index}`);
  await Promise.all(paths.map((path) => transport.send({ method: 'GET', path })));
  expect(most).toBe(2);
  expect(order.map((url) => url.replace('/prefix', ''))).toEqual(paths);
  for (const stream of streams) stream.on('error', () => {});
  ending.abort();
});

test('the caller may give up a call that waits, and one that is under way', async () => {
  const { transport } = await serve(() => {}, { inFlight: 1 });
  const first = new AbortController();
  const second = new AbortController();
  const underWay = transport.send({ ...get, signal: first.signal });
  const waiting = transport.send({ ...get, signal: second.signal });
  second.abort();
  await expect(waiting).rejects.toMatchObject({ status: 0, reason: 'Aborted' });
  first.abort();
  await expect(underWay).rejects.toMatchObject({ status: 0, reason: 'Aborted' });
});

test('a kept connection that the server closed in the meantime is no failure of a read', async () => {
  let connections = 0;
  let requests = 0;
  const { transport } = await serve((request, reply) => {
    requests += 1;
    // The second request arrives on the kept connection and finds it closed.
    if (requests === 2) request.socket.resetAndDestroy();
    else reply.end('{}');
  });
  server?.on('connection', () => {
    connections += 1;
  });
  await transport.send(get);
  await expect(transport.send(get)).resolves.toEqual({});
  expect(connections).toBe(2);
  requests = 1;
  await expect(transport.send({ ...get, method: 'POST' })).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
});

test('nobody there', async () => {
  const { transport, close } = await serve(() => {});
  server?.close();
  close();
  await expect(transport.send(get)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
});

test('credentials are not sent in the clear to another machine', async () => {
  await expect(createCredentialSource(connectionTo('http://198.51.100.7:80')).read()).rejects.toThrow(/in the clear/);
  await expect(createCredentialSource(connectionTo('http://198.51.100.7:80', {})).read()).resolves.toBeDefined();
});

test('nothing is left on a signal that outlives the calls', async () => {
  const { transport } = await serve((request, reply) => {
    if (request.url?.endsWith('/fail')) reply.writeHead(500);
    reply.end('{}');
  });
  const { signal } = new AbortController();
  for (let call = 0; call < 5; call += 1) {
    await transport.send({ ...get, signal });
    await transport.send({ method: 'GET', path: '/fail', signal }).catch(() => {});
    const stream = await transport.open({ ...get, signal });
    for await (const _chunk of stream);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
