import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MetricRequest } from '../contract.ts';
import { createHostGuard } from './host-guard.ts';
import { createHttpSource, defaultHttpSourceHosts } from './http-source.ts';
import { createSourceMetrics } from './source.ts';

const nginx = [
  { cpu: 9, memory: '90' },
  { cpu: '2', memory: ' 40 ', 'disk.used': 1, net: { rx: [5, 6], up: true } },
];
const pages: Record<string, RequestListener> = {
  '/list': (_, response) => response.end(JSON.stringify(nginx)),
  '/object': (_, response) => response.end('{"cpu": 2.5}'),
  '/empty': (_, response) => response.end('[]'),
  '/text': (_, response) => response.end('"cpu"'),
  '/html': (_, response) => response.end('<html>'),
  '/error': (_, response) => response.writeHead(500).end('{"cpu": 1}'),
  '/redirect': (_, response) => response.writeHead(302, { location: '/object' }).end(),
  '/zip': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
  '/large': (_, response) => response.end(`{"cpu": 1, "x": "${'x'.repeat(1024 * 1024)}"}`),
  '/slow': () => {},
  '/broken': (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{');
    setTimeout(() => response.destroy(), 20);
  },
};

let server: Server;
let base: string;
let asked: string[];
const source = createHttpSource({ allowedHosts: [/^127\.0\.0\.1$/], metrics: createSourceMetrics(new Registry()) });

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    (pages[request.url ?? ''] ?? ((_, missing) => missing.writeHead(404).end()))(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  asked = [];
});
afterAll(() => {
  source.close();
  server.closeAllConnections();
  server.close();
});

const request = (url: string, field?: string): MetricRequest => ({
  namespace: 'shop',
  loop: 'web',
  target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
  podSelector: '',
  metric: 'cpu',
  source: { http: { url, timeoutSeconds: 1, ...(field === undefined ? {} : { field }) } },
});
const soon = () => AbortSignal.timeout(5000);
const read = async (path: string, field?: string) => (await source.read([request(`${base}${path}`, field)], soon()))[0];

describe('a number', () => {
  test.each([
    ['/object', undefined, 2.5],
    ['/list', undefined, 2],
    ['/list', 'memory', 40],
    ['/list', 'disk.used', 1],
    ['/list', 'net.rx[1]', 6],
  ])('%s %s', async (path, field, value) => {
    expect(await read(path, field)).toEqual({ value });
  });
});

describe('missing', () => {
  test.each([
    ['/list', 'net.up', /net.up is no number/],
    ['/list', 'absent', /no field absent/],
    ['/list', 'constructor', /no number|no field/],
    ['/list', 'toString.length', /no field toString.length/],
    ['/list', '__proto__.x', /no field/],
    ['/list', 'net.rx.length', /no field/],
    ['/list', 'net.rx[x]', /no field/],
    ['/list', '[', /no field/],
    ['/empty', 'cpu', /list is empty/],
    ['/text', 'cpu', /no JSON object/],
    ['/html', 'cpu', /not JSON/],
    ['/error', 'cpu', /HTTP 500/],
    ['/nowhere', 'cpu', /HTTP 404/],
    ['/redirect', 'cpu', /redirects \(HTTP 302\)/],
    ['/zip', 'cpu', /compressed/],
    ['/large', 'cpu', /larger than 1048576 bytes/],
    ['/slow', 'cpu', /no answer in time/],
    ['/broken', 'cpu', /broke off|socket hang up|aborted/],
  ])('%s %s', async (path, field, reason) => {
    expect(await read(path, field)).toEqual({ missing: expect.stringMatching(reason) });
    expect(asked).toEqual([path]);
  });
});

test('metrics of one address share one GET', async () => {
  const url = `${base}/list`;
  const answers = await source.read(
    [request(url), request(`${base}/object`), request(url, 'memory'), request(url, 'x')],
    soon(),
  );
  expect(answers.slice(0, 3)).toEqual([{ value: 2 }, { value: 2.5 }, { value: 40 }]);
  expect(asked.toSorted()).toEqual(['/list', '/object']);
});

test('the end of the tick ends a slow GET', async () => {
  const [answer] = await source.read([request(`${base}/slow`)], AbortSignal.timeout(50));
  expect(answer).toEqual({ missing: expect.stringContaining('no answer in time') });
});

describe('hosts', () => {
  const guard = createHostGuard(defaultHttpSourceHosts);
  test.each(['http://web.shop.svc:8080/x', 'https://web.shop.svc.cluster.local/', 'http://web.shop.svc./'])(
    '%s',
    (url) => {
      expect(() => guard.check(new URL(url))).not.toThrow();
    },
  );
  test.each([
    'http://example.com/',
    'http://svc/',
    'http://web.shop.svc.example.com/',
    'http://web.shop.svc@example.com/',
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://[::1]/',
    'http://169.254.169.254/latest/meta-data',
  ])('%s is refused', (url) => {
    expect(() => guard.check(new URL(url))).toThrow(expect.objectContaining({ code: 'host.refused' }));
  });

  const anything = createHostGuard([/./]);
  test.each([
    'http://169.254.169.254/',
    'http://0xA9FEA9FE/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[2002:a9fe:a9fe::1]/',
  ])('%s is refused even where every host is allowed', (url) => {
    expect(() => anything.check(new URL(url))).toThrow(/never asked/);
  });

  test.each(['169.254.169.254', '127.0.0.1', '::1', '::ffff:127.0.0.1'])(
    'a name of the cluster that leads to %s is not connected to',
    async (address) => {
      const family = address.includes(':') ? 6 : 4;
      const resolveName = ((_, options, callback) =>
        options.all ? callback(null, [{ address, family }]) : callback(null, address, family)) as LookupFunction;
      const misled = createHttpSource({
        allowedHosts: [],
        guard: createHostGuard(defaultHttpSourceHosts, resolveName),
        metrics: createSourceMetrics(new Registry()),
      });
      const { port } = server.address() as AddressInfo;
      const [answer] = await misled.read([request(`http://web.shop.svc:${port}/object`)], soon());
      expect(answer).toEqual({ missing: expect.stringContaining(`leads to ${address}`) });
      expect(asked).toEqual([]);
    },
  );
});
