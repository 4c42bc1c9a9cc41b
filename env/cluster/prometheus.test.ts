import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPrometheusClient, type PrometheusClient } from './prometheus.ts';

const nowSecond = 1_800_000_000;
const sample = (value: string, labels = {}, second = nowSecond) => ({ metric: labels, value: [second, value] });

/** Replies in Prometheus' own JSON, by query. */
const replies: Record<string, unknown> = {
  one: { resultType: 'vector', result: [sample('2.5', { pod: 'a' })] },
  two: { resultType: 'vector', result: [sample('1', { pod: 'a' }), sample('2', { pod: 'b' })] },
  nothing: { resultType: 'vector', result: [] },
  nan: { resultType: 'vector', result: [sample('NaN', { pod: 'a' })] },
  infinite: { resultType: 'vector', result: [sample('+Inf')] },
  old: { resultType: 'vector', result: [sample('1', {}, nowSecond - 200)] },
  scalar: { resultType: 'scalar', result: [nowSecond, '7'] },
  mixed: {
    resultType: 'vector',
    result: [
      sample('1', { pod: 'a' }),
      sample('+Inf', { pod: 'b' }),
      { metric: { pod: 'c' }, histogram: [nowSecond, { count: '1', sum: '2' }] },
    ],
  },
  rate: {
    resultType: 'matrix',
    result: [
      {
        metric: { pod: 'a' },
        values: [
          [10, '1'],
          [20, 'NaN'],
          [30, '3'],
        ],
      },
    ],
  },
};

let server: Server;
let client: PrometheusClient;
let url: string;
const authorizations: (string | undefined)[] = [];
const limits: (string | null)[] = [];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    authorizations.push(request.headers.authorization);
    const { pathname, searchParams: fromUrl } = new URL(request.url ?? '/', 'http://localhost');
    const searchParams = request.method === 'POST' ? new URLSearchParams(await text(request)) : fromUrl;
    response.setHeader('content-type', 'application/json');
    if (searchParams.get('query') === 'never') return;
    if (searchParams.get('query') === 'proxy') {
      response.statusCode = 502;
      response.end('<h1>upstream error</h1>');
      return;
    }
    if (searchParams.get('query') === 'elsewhere') {
      response.writeHead(302, { location: `${url}/api/v1/query?query=one` }).end();
      return;
    }
    if (searchParams.get('query') === 'everything') {
      limits.push(fromUrl.get('limit'));
      const result = Array.from({ length: 1000 }, (_, i) => sample('1', { pod: `pod-${i}` }));
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
      return;
    }
    if (searchParams.get('query') === 'nonsense') {
      const result = [{ metric: { pod: 1 }, value: ['no time', {}] }];
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
      return;
    }
    if (pathname.endsWith('/buildinfo')) {
      response.end(JSON.stringify({ status: 'success', data: { version: '3.1.0' } }));
      return;
    }
    const data = replies[searchParams.get('query') ?? ''];
    if (data === undefined) {
      response.statusCode = 400;
      response.end(JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'parse error: unexpected end' }));
      return;
    }
    response.end(JSON.stringify({ status: 'success', data }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = createPrometheusClient({ url, bearerToken: 'secret', timeoutSeconds: 0.3, now: () => nowSecond });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('good answers', () => {
  test('a vector keeps labels, times and values, and the token is sent', async () => {
    expect(await client.vector('one')).toEqual([{ labels: { pod: 'a' }, second: nowSecond, value: 2.5 }]);
    expect(authorizations.at(-1)).toBe('Bearer secret');
  });

  test('a single value may be a vector of one or a scalar', async () => {
    expect(await client.value('one')).toBe(2.5);
    expect(await client.value('scalar')).toBe(7);
  });

  test('a range keeps gaps as NaN', async () => {
    const [series] = await client.range('rate', { fromSecond: 10, toSecond: 30, stepSeconds: 10 });
    expect([...series.seconds]).toEqual([10, 20, 30]);
    expect([...series.values]).toEqual([1, Number.NaN, 3]);
  });

  test('the version is read', async () => {
    expect(await client.version()).toBe('3.1.0');
  });
});

test.each([
  ['nothing', 'empty', /no result/],
  ['nan', 'not-a-number', /pod="a"/],
  ['infinite', 'not-a-number', /gives/],
  ['old', 'stale', /200 s old/],
  ['two', 'ambiguous', /2 results/],
  ['broken(', 'rejected', /parse error: unexpected end/],
  ['never', 'timeout', /no answer in time/],
  ['proxy', 'rejected', /HTTP status 502 Bad Gateway/],
  ['elsewhere', 'rejected', /HTTP status 302/],
  ['nonsense', 'rejected', /not as Prometheus gives it/],
])('query %s is refused as %s', async (query, code, message) => {
  const failure = await client.value(query).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  expect(failure).toMatchObject({ name: 'PrometheusError', code, message: expect.stringMatching(message) });
});

describe('samples as they are', () => {
  test('what is no finite number is NaN and keeps its labels', async () => {
    const samples = await client.samples('mixed');
    expect(samples.map(({ labels, value }) => [labels.pod, value])).toEqual([
      ['a', 1],
      ['b', Number.NaN],
      ['c', Number.NaN],
    ]);
  });

  test('none is none, and a scalar is one', async () => {
    expect(await client.samples('nothing')).toEqual([]);
    expect(await client.samples('scalar')).toEqual([{ labels: {}, second: nowSecond, value: 7 }]);
  });

  test('the query may be longer than an address', async () => {
    const failure = await client.samples(`up{pod=~"${'x'.repeat(200_000)}"}`).catch((error: unknown) => error);
    expect(failure).toMatchObject({ httpStatus: 400, detail: 'parse error: unexpected end' });
    expect((failure as Error).message.length).toBeLessThan(300);
  });

  test('a range is no number', async () => {
    await expect(client.samples('rate')).rejects.toMatchObject({
      code: 'not-a-number',
      detail: expect.stringContaining('matrix'),
    });
  });
});

test('a server that is not there is unreachable', async () => {
  const nobody = createPrometheusClient({ url: 'http://127.0.0.1:1' });
  await expect(nobody.version()).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('127.0.0.1:1'),
  });
});

test('an aborted call rejects with the reason of the abort', async () => {
  const abort = new AbortController();
  const call = client.value('never', abort.signal);
  abort.abort(new Error('stopped'));
  await expect(call).rejects.toThrow('stopped');
});

test('an answer larger than the process can take is not read to its end', async () => {
  const small = createPrometheusClient({ url, maxAnswerBytes: 10_000, now: () => nowSecond });
  expect(await client.samples('everything')).toHaveLength(1000);
  await expect(small.samples('everything', undefined, 2)).rejects.toMatchObject({
    code: 'too-large',
    detail: expect.stringContaining('select fewer series'),
  });
  expect(limits).toEqual([null, '2']);
});

test('a redirect is not followed, and the token goes nowhere else', async () => {
  const before = authorizations.length;
  await expect(client.samples('elsewhere')).rejects.toMatchObject({ code: 'rejected' });
  expect(authorizations.slice(before)).toEqual(['Bearer secret']);
});

test('a user and password of the address are sent, and shown nowhere', async () => {
  const withPassword = createPrometheusClient({ url: url.replace('//', '//us%40er:p%zz@'), now: () => nowSecond });
  const failure = await withPassword.value('broken(').catch((error: Error) => error);
  expect(Buffer.from((authorizations.at(-1) ?? '').replace('Basic ', ''), 'base64').toString()).toBe('us@er:p%zz');
  expect(String(failure)).toContain(url);
  expect(String(failure)).not.toMatch(/us@er|us%40er|p%zz/);
});
