/** What a real Prometheus is not needed for: numbers of queries, bounds and failures. */
import { Registry } from 'prom-client';
import { beforeEach, expect, test, vi } from 'vitest';
import { PrometheusError, type PrometheusSample } from '../../../env/cluster/prometheus.ts';
import type { MetricRequest } from '../contract.ts';
import { createPrometheusSource } from './prometheus-source.ts';
import { createSourceMetrics } from './source.ts';

const second = 1_800_000_000;
let asked: string[];
let mostUnderWay: number;
let underWay: number;
let answer: (query: string, signal: AbortSignal) => PrometheusSample[] | Promise<PrometheusSample[]>;
let clock: number;

beforeEach(() => {
  asked = [];
  underWay = mostUnderWay = 0;
  clock = second;
  answer = () => [{ labels: {}, second, value: 1 }];
});

let isAvailable: () => boolean;

const newSource = (more: { readonly namespaceLabel?: string } = {}) =>
  createPrometheusSource({
    ...more,
    client: {
      async samples(query, signal = new AbortController().signal) {
        asked.push(query);
        mostUnderWay = Math.max(mostUnderWay, ++underWay);
        try {
          await new Promise(setImmediate);
          return await answer(query, signal);
        } finally {
          underWay--;
        }
      },
    },
    now: () => clock,
    metrics: {
      ...createSourceMetrics(new Registry()),
      available: (_, given) => {
        isAvailable = given;
      },
    },
  });

function request(query: string, namespace: string, name: string, variables = {}): MetricRequest {
  return {
    namespace,
    loop: name,
    target: { apiVersion: 'apps/v1', kind: 'Deployment', name },
    podSelector: '',
    metric: 'm',
    source: { prometheus: { query, variables } },
  };
}
const soon = () => AbortSignal.timeout(5000);
const shareable = 'sum(rps{ns="$namespace",app="$target"})';
const apart = 'topk(1, rps{ns="$namespace",app="$target"})';

/** Every name in the query's alternation, each in every namespace of it. */
function echo(query: string): PrometheusSample[] {
  const values = (label: string) => new RegExp(`${label}=~"([^"]*)"`).exec(query)?.[1].split('|') ?? [];
  return values('ns').flatMap((ns) => values('app').map((app) => ({ labels: { ns, app }, second, value: app.length })));
}

test('1,000 loops with three templates: three queries', async () => {
  answer = echo;
  const templates = [shareable, shareable.replace('sum', 'max'), shareable.replace('sum', 'min')];
  const requests = Array.from({ length: 1000 }, (_, i) =>
    templates.map((template) => request(template, `ns-${i % 40}`, `workload-${i}`)),
  ).flat();
  const answers = await newSource().read(requests, soon());
  expect(answers).toEqual(requests.map(({ target }) => ({ value: target.name.length })));
  expect(asked).toHaveLength(3);
});

test('5,000 loops go in parts, and long names in smaller ones', async () => {
  answer = echo;
  const loops = (count: number, suffix: string) =>
    Array.from({ length: count }, (_, i) => request(shareable, 'shop', `w${i}${suffix}`));
  for (const answers of [
    await newSource().read(loops(5000, ''), soon()),
    await newSource().read(loops(2000, 'x'.repeat(240)), soon()),
  ]) {
    expect(answers.every((given) => 'value' in given)).toBe(true);
  }
  expect(asked).toHaveLength(5 + 2);
  for (const query of asked) expect(query.length).toBeLessThan(300_000);
});

test('equal queries are asked once, and what cannot be shared ten at a time', async () => {
  const requests = Array.from({ length: 100 }, (_, i) => request(apart, 'shop', `w${i % 50}`));
  await newSource().read(requests, soon());
  expect(asked).toHaveLength(50);
  expect(mostUnderWay).toBe(10);
});

test('a bad query and an unknown variable are the loop’s own trouble', async () => {
  answer = echo;
  const answers = await newSource().read(
    [
      request('sum(', 'shop', 'a'),
      request('sum(rps{app="$who"})', 'shop', 'b'),
      request(shareable, 'shop', 'c'),
      request(shareable, 'shop', 'dd'),
      // Nobody may speak for another namespace's loop by naming a variable so.
      request(shareable, 'test', 'eee', { namespace: 'shop', target: 'c' }),
    ],
    soon(),
  );
  expect(answers).toEqual([
    { missing: expect.stringContaining('not PromQL') },
    { missing: expect.stringContaining('$who has no value') },
    { value: 1 },
    { value: 2 },
    { value: 3 },
  ]);
});

test('an error of one query is that of its loops alone', async () => {
  answer = (query) => {
    if (query.includes('broken'))
      throw new PrometheusError('rejected', 'x', { httpStatus: 500, detail: 'out of memory' });
    return echo(query);
  };
  const answers = await newSource().read(
    [
      request(shareable.replace('rps', 'broken'), 'shop', 'a'),
      request(shareable.replace('rps', 'broken'), 'shop', 'b'),
      request(shareable, 'shop', 'c'),
      request(shareable, 'shop', 'd'),
    ],
    soon(),
  );
  const failed = { missing: 'Prometheus failed: out of memory' };
  expect(answers).toEqual([failed, failed, { value: 1 }, { value: 1 }]);
});

test('among 1,000 loops a few culprits are found with few queries, and stay apart', async () => {
  const culprits = new Set(['workload-17', 'workload-500', 'workload-999']);
  const refuse = () => {
    throw new PrometheusError('rejected', 'x', { httpStatus: 422, detail: 'many-to-many' });
  };
  answer = (query) => {
    const own = /app="([^"]*)"/.exec(query)?.[1];
    if (own !== undefined) return culprits.has(own) ? refuse() : [{ labels: {}, second, value: own.length }];
    const samples = echo(query);
    return samples.some(({ labels }) => culprits.has(labels.app)) ? refuse() : samples;
  };
  const source = newSource();
  const requests = Array.from({ length: 1000 }, (_, i) => request(shareable, 'shop', `workload-${i}`));
  const expected = requests.map(({ target: { name } }) =>
    culprits.has(name) ? { missing: 'Prometheus refuses the query: many-to-many' } : { value: name.length },
  );
  expect(await source.read(requests, soon())).toEqual(expected);
  expect(asked.length).toBeLessThan(120);
  asked = [];
  expect(await source.read(requests, soon())).toEqual(expected);
  expect(asked).toHaveLength(1);
  // Mended ones are found out about, and share again.
  culprits.clear();
  clock += 61;
  await source.read(requests, soon());
  asked = [];
  const mended = await source.read(requests, soon());
  expect(mended.every((given) => 'value' in given)).toBe(true);
  expect(asked).toHaveLength(1);
});

test('while Prometheus hangs, ticks end on time and do not pile up', async () => {
  answer = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  const source = newSource();
  const requests = Array.from({ length: 200 }, (_, i) => request(apart, 'shop', `w${i}`));
  const started = performance.now();
  const reason = { missing: 'Prometheus did not answer in time' };
  expect(await source.read(requests, AbortSignal.timeout(100))).toEqual(requests.map(() => reason));
  expect(performance.now() - started).toBeLessThan(1000);
  const questions = () => asked.filter((query) => query !== 'vector(1)');
  expect(questions().length).toBeLessThanOrEqual(10);
  await vi.waitUntil(() => !isAvailable(), { timeout: 5000 });
  asked = [];
  // At once: this tick has no deadline that could end it.
  expect(await source.read(requests, new AbortController().signal)).toEqual(requests.map(() => reason));
  expect(questions()).toEqual([]);
  answer = () => [{ labels: {}, second: clock, value: 1 }];
  await vi.waitUntil(isAvailable, { timeout: 5000 });
  expect(await source.read(requests, soon())).toEqual(requests.map(() => ({ value: 1 })));
});

test('samples that are old, many, or no number are missing with the reason', async () => {
  const source = newSource();
  const readOne = async (samples: PrometheusSample[]) => {
    answer = () => samples;
    return (await source.read([request(apart, 'shop', 'a')], soon()))[0];
  };
  expect(await readOne([])).toEqual({ missing: 'the query has no result' });
  expect(await readOne([{ labels: {}, second, value: Number.NaN }])).toEqual({
    missing: expect.stringContaining('finite'),
  });
  expect(await readOne([{ labels: {}, second: second - 121, value: 1 }])).toEqual({
    missing: expect.stringContaining('older'),
  });
  const two = [1, 2].map((value) => ({ labels: {}, second, value }));
  expect(await readOne(two)).toEqual({ missing: expect.stringContaining('more than one') });
});

test('a loop that selects too much is told so, and the others of its template get their numbers', async () => {
  answer = (query) => {
    if (query.includes('greedy')) throw new PrometheusError('too-large', 'q', { detail: 'the answer is too large' });
    const apps = /app=~?"([^"]+)"/.exec(query)?.[1].split('|') ?? [];
    return apps.map((app) => ({ labels: { ns: 'shop', app }, second, value: 7 }));
  };
  const answers = await newSource().read(
    ['a', 'b', 'greedy', 'c'].map((name) => request(shareable, 'shop', name)),
    soon(),
  );
  const told = { missing: 'Prometheus refuses the query: the answer is too large' };
  expect(answers).toEqual([{ value: 7 }, { value: 7 }, told, { value: 7 }]);
});

test('queries that keep Prometheus busy wait for each other, and hold up nobody else', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const source = newSource();
    const slow = Array.from({ length: 40 }, (_, i) => request(apart, 'greedy', `slow-${i}`));
    // The first time nobody knows it.
    answer = () => {
      vi.advanceTimersByTime(5000);
      return [{ labels: {}, second, value: 1 }];
    };
    await source.read(slow, soon());
    let slowUnderWay = 0;
    let mostSlow = 0;
    answer = async (query, signal) => {
      if (query.includes('slow-')) {
        mostSlow = Math.max(mostSlow, ++slowUnderWay);
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }
      return [{ labels: {}, second, value: 1 }];
    };
    const tick = new AbortController();
    const held = source.read(slow, tick.signal);
    const others = await source.read(
      Array.from({ length: 40 }, (_, i) => request(apart, 'shop', `other-${i}`)),
      soon(),
    );
    expect(others.every((each) => 'value' in each)).toBe(true);
    tick.abort(new Error('end of the tick'));
    await held;
    expect(mostSlow).toBe(3);
  } finally {
    vi.useRealTimers();
  }
});

test('a query of one namespace reads nothing of another where the operator was told the label', async () => {
  const source = newSource({ namespaceLabel: 'ns' });
  const queries = ['sum(rps{ns="kube-system"})', 'sum({__name__=~".+"})', 'sum(rps{ns="$namespace",app="$target"})'];
  await source.read(
    queries.map((query) => request(query, 'shop', 'web')),
    soon(),
  );
  expect(asked.toSorted()).toEqual([
    'sum(rps{ns="shop",app="web"})',
    'sum(rps{ns="shop",ns="kube-system"})',
    'sum({ns="shop",__name__=~".+"})',
  ]);
  const [hidden] = await source.read([request('vector(0) # \r or secret', 'shop', 'web')], soon());
  expect(hidden).toEqual({ missing: expect.stringContaining('control character') });
});
