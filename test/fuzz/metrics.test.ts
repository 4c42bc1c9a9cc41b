/** What metrics come as: pushed, pulled, measured by metrics.k8s.io, decided by OPA, scraped, answered by Prometheus. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { fastify } from 'fastify';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createPrometheusClient, PrometheusError } from '../../env/cluster/prometheus.ts';
import { formatLabels } from '../../env/lab/stand-in/exposition.ts';
import { type OpaSpec, policyAnswerOf, policyInputOf } from '../../operator/closed-loop/opa.ts';
import { numberAt } from '../../operator/closed-loop/sources/json-number.ts';
import { createResourceSource } from '../../operator/closed-loop/sources/resource-source.ts';
import { createSourceMetrics } from '../../operator/closed-loop/sources/source.ts';
import { parseMessage } from '../../operator/ingest/message.ts';
import { createIngestMetrics } from '../../operator/ingest/metrics.ts';
import { ingestRoutes } from '../../operator/ingest/routes.ts';
import { hostileJson, hostileText, mutatedJson, mutatedText } from './arbitraries.ts';
import { errorOf, fuzz } from './fuzz.ts';

const second = 1_800_000_000;

describe('pushes', () => {
  const messages = [
    { cpu: 2, memory: '40', time: second },
    { 'p95.of.all': 1e3, time: '2026-11-21T12:01:10Z' },
    { queue: 0 },
  ];

  fuzz({
    name: 'messages',
    input: fc.tuple(mutatedJson(messages), fc.constantFrom(undefined, second - 5, second)),
    parse: ([body, previous]) => parseMessage(body, second, previous),
    check(parsed, [, previous = Number.NEGATIVE_INFINITY]) {
      if (!('message' in parsed)) return;
      const { values, time } = parsed.message;
      expect(Object.values(values).every(Number.isFinite)).toBe(true);
      expect(time > previous && time <= second + 60).toBe(true);
      expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
    },
  });

  const kept: unknown[] = [];
  const server = fastify();
  server.register(ingestRoutes, {
    admission: { admit: async ({ token }) => (token === 'good' ? undefined : { status: 401, message: 'no' }) },
    store: { put: (...given) => void kept.push(given), get: () => undefined, forget: () => {} },
    loopExists: (_, name) => name === 'web',
    isLeader: () => true,
    forwarder: { forward: async () => undefined },
    now: () => second,
    metrics: createIngestMetrics(new Registry()),
  });
  afterAll(() => server.close());
  const printable = (given: string) => given.replace(/[^\x20-\x7e]/g, '');

  fuzz({
    name: 'routes',
    input: fc.record({
      method: fc.constantFrom('PUT', 'POST', 'GET', 'DELETE'),
      path: mutatedText(['/ingest/v1/namespaces/shop/closedloops/web', '/ingest/v1/namespaces/shop/closedloops/other']),
      authorization: mutatedText(['Bearer good', 'Bearer bad', 'Basic Z29vZA==']).map(printable),
      type: fc.constantFrom(
        'application/json',
        'text/plain',
        'application/json; charset=utf-8',
        'application/x-www-form-urlencoded',
      ),
      body: fc.oneof(mutatedText(messages.map((message) => JSON.stringify(message))), fc.constant('1'.repeat(70_000))),
    }),
    async parse({ method, path, authorization, type, body }) {
      kept.length = 0;
      const url = `/${encodeURI(path.replace(/\p{Surrogate}/gu, '')).replace(/^\/+/, '')}`;
      const headers = { authorization, 'content-type': type };
      const answer = await server.inject({ method: method as 'PUT', url, headers, payload: body });
      return { status: answer.statusCode, body: answer.body, kept: kept.length };
    },
    check(answer, { authorization, method }) {
      expect([200, 400, 401, 404, 413, 414, 415, 422]).toContain(answer.status);
      expect(JSON.parse(answer.body)).toBeTypeOf('object');
      if (answer.kept > 0) expect([answer.status, method === 'PUT' || method === 'POST']).toEqual([200, true]);
      if (!/^bearer +good *$/i.test(authorization)) expect(answer.kept).toBe(0);
    },
  });
});

describe('JSON of strangers', () => {
  const path = mutatedText(['cpu', 'disk.used', 'net.rx[1]', 'a.b.c', 'list.0.x', 'a\\.b']);

  fuzz({
    name: 'fields of HTTP sources',
    input: fc.tuple(
      mutatedJson([{ cpu: 2, disk: { used: '1' }, net: { rx: [5, 6] } }, [{ cpu: 1 }, { cpu: '2.5' }]]),
      path,
    ),
    parse: ([document, field]) => numberAt(document, field),
    check: (found) => expect(typeof found === 'string' ? found !== '' : Number.isFinite(found)).toBe(true),
  });

  const opa = { url: 'http://opa.policy.svc/v1/data/x', timeoutSeconds: 1, onFailure: 'Ranks' } as const;
  const input = {
    loop: { namespace: 'shop', name: 'web', target: 'Deployment/web' },
    metrics: { cpu: 90 },
    breaches: { cpu: 'High' },
    ranks: { cpu: 1 },
    replicas: 3,
    time: '2026-11-21T12:01:10Z',
  };

  fuzz({
    name: 'results of OPA',
    input: fc.tuple(mutatedJson([{ result: { metric: 'cpu' } }, { result: { a: { b: null } } }]), path),
    parse: ([answer, metric]) => policyAnswerOf({ ...opa, resultMapping: { metric } } as OpaSpec, answer),
    check(decided) {
      if ('metric' in decided) expect(decided.metric === null || typeof decided.metric === 'string').toBe(true);
      else expect(decided.failure).toContain(opa.url);
    },
  });

  fuzz({
    name: 'questions for OPA',
    input: fc.dictionary(hostileText, fc.oneof(path, fc.constantFrom('metrics.cpu', 'loop.name', 'replicas')), {
      maxKeys: 4,
    }),
    parse: (inputMapping) =>
      policyInputOf({ ...opa, inputMapping, resultMapping: { metric: 'metric' } } as OpaSpec, input),
    check: (question) => expect(JSON.parse(JSON.stringify(question))).toBeTypeOf('object'),
  });
});

describe('metrics.k8s.io', () => {
  const now = Date.parse('2026-11-21T12:01:10Z') / 1000;
  const requests = { cpu: '100m', memory: '64Mi' };
  const pods = ['a', 'b'].map((name) => ({
    metadata: { name, labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', resources: { requests } }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }));
  const items = pods.map(({ metadata }) => ({
    metadata,
    timestamp: '2026-11-21T12:01:00Z',
    window: '15s',
    containers: [{ name: 'c', usage: { cpu: '50m', memory: '32Mi' } }],
  }));

  fuzz({
    name: 'replies',
    input: fc.record({
      list: mutatedJson([{ items }]),
      type: fc.constantFrom('Utilization' as const, 'AverageValue' as const, 'Total' as const),
      podSelector: mutatedText(['app=web']),
    }),
    parse: ({ list, type, podSelector }) =>
      createResourceSource({
        api: { getPath: async <T>() => list as T },
        listPods: async () => pods,
        now: () => now,
        metrics: createSourceMetrics(new Registry()),
      }).read(
        [
          {
            namespace: 'shop',
            loop: 'web',
            target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
            podSelector,
            metric: 'cpu',
            source: { resource: { name: 'cpu', type } },
          },
        ],
        new AbortController().signal,
      ),
    check([answer]) {
      if ('missing' in answer) expect(answer.missing).not.toBe('');
      else expect(Number.isFinite(answer.value) && answer.value >= 0).toBe(true);
    },
  });
});

describe('Prometheus', () => {
  const sample = (value: string) => ({ metric: { __name__: 'x', pod: 'a' }, value: [second, value] });
  const replies = [
    { status: 'success', data: { resultType: 'vector', result: [sample('1'), sample('+Inf')] } },
    {
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: {}, histogram: [second, { count: '1' }] }] },
    },
    { status: 'success', data: { resultType: 'scalar', result: [second, '7'] } },
    { status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, values: [[second, '1']] }] } },
    { status: 'error', errorType: 'bad_data', error: 'parse error' },
  ];
  let server: Server;
  let url: string;
  let bodies: readonly string[] = [];
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const query = new URLSearchParams(await text(request)).get('query') ?? '';
      response.setHeader('content-type', 'application/json');
      response.end(bodies[Number(query)]);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const batch = 40;
  fuzz({
    name: 'replies',
    batch,
    input: fc.array(
      fc.oneof(
        { weight: 4, arbitrary: mutatedJson(replies).map((reply) => JSON.stringify(reply) ?? '') },
        { weight: 1, arbitrary: mutatedText(replies.map((reply) => JSON.stringify(reply))) },
      ),
      { minLength: batch, maxLength: batch },
    ),
    async parse(given) {
      bodies = given;
      const client = createPrometheusClient({ url, now: () => second });
      return Promise.all(
        given.map((_, i) =>
          client.samples(`${i}`).catch((error) => (isPrometheusError(error) ? [] : Promise.reject(error))),
        ),
      );
    },
    check(answers) {
      for (const { labels, value, second: at } of answers.flat()) {
        expect(Number.isFinite(value) || Number.isNaN(value)).toBe(true);
        expect(Number.isFinite(at)).toBe(true);
        expect(Object.values(labels).every((label) => typeof label === 'string')).toBe(true);
      }
    },
  });
  const isPrometheusError = errorOf(PrometheusError);
});

fuzz({
  name: 'labels in the exposition format',
  input: fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), hostileText),
  parse: formatLabels,
  check(line, labels) {
    // Read back by the format's own rules: escapes of backslash, quote and line end, and nothing else.
    const read = [...line.matchAll(/(\w+)="((?:[^"\\\n]|\\.)*)"(?:,|$)/gsu)];
    expect(read.map(([whole]) => whole).join('')).toBe(line);
    const unescaped = read.map(([, name, value]) => [name, value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c))]);
    expect(Object.fromEntries(unescaped)).toEqual(labels);
  },
});

fuzz({
  name: 'documents without bounds',
  input: hostileJson,
  parse: (document) => numberAt(document, 'a.a.a'),
  check: (found) => expect(['string', 'number']).toContain(typeof found),
});
