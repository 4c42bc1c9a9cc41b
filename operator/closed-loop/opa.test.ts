/** Where a policy may be asked, and what may come back; opa.cluster.test.ts asks a real OPA. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPolicyEngine, type OpaSpec, type PolicyDocument } from './opa.ts';

const answers: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/good': (_, response) => response.end('{"result":{"metric":"cpu"}}'),
  '/inherited': (_, response) => response.end('{"result":{}}'),
  '/redirect': (_, response) => response.writeHead(302, { location: '/good' }).end(),
  '/zip': (_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"result":{"metric":"cpu"}}')),
  '/large': (_, response) => response.end(`{"result":{"metric":"${'x'.repeat(100_000)}"}}`),
  '/broken': (_, response) => response.writeHead(500).end(),
};

let server: Server;
let base: string;
beforeAll(async () => {
  server = createServer((request, response) => answers[request.url ?? ''](request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const document: PolicyDocument = {
  loop: { namespace: 'shop', name: 'web', target: 'Deployment/web' },
  metrics: { cpu: 90 },
  breaches: { cpu: 'High' },
  ranks: { cpu: 1 },
  replicas: 3,
  time: '2026-11-21T12:01:10Z',
};
const ask = (url: string, hosts?: readonly RegExp[], more: Partial<OpaSpec> = {}) =>
  createPolicyEngine({ hosts }).ask(
    { url, resultMapping: { metric: 'metric' }, timeoutSeconds: 2, onFailure: 'Ranks', ...more },
    document,
    1,
    new AbortController().signal,
  );

test('a policy is asked', async () => {
  expect(await ask(`${base}/good`)).toEqual({ metric: 'cpu' });
});

test.each([
  ['/redirect', /redirects \(HTTP 302\)/],
  ['/zip', /compressed/],
  ['/large', /larger than 65536 bytes/],
  ['/broken', /HTTP 500/],
])('%s decides nothing', async (path, words) => {
  expect(await ask(base + path)).toEqual({ failure: expect.stringMatching(words) });
});

test.each([
  'http://169.254.169.254/latest',
  'http://[::ffff:169.254.169.254]/',
  'http://0.0.0.0:8181/',
  'http://[fe80::1]/',
])('%s is not asked, even where every host is allowed', async (url) => {
  expect(await ask(url, [/./])).toEqual({ failure: expect.stringContaining('never asked') });
});

test('a host that is not allowed is not asked', async () => {
  expect(await ask(`${base}/good`, [/\.svc$/])).toEqual({ failure: expect.stringContaining('--policy-host') });
});

test('paths lead to what documents have of their own', async () => {
  const result = (metric: string) => ask(`${base}/inherited`, undefined, { resultMapping: { metric } });
  for (const path of ['constructor.name', 'toString.name', '__proto__.x', '[', 'a[b]']) {
    expect(await result(path)).toEqual({ failure: expect.stringContaining('resultMapping.metric') });
  }
  const mapped = await ask(`${base}/good`, undefined, { inputMapping: { x: 'loop[x]' } });
  expect(mapped).toEqual({ failure: expect.stringContaining('inputMapping.x') });
});
