/** What a shared query answers each loop is what its own query would have: asked of a real Prometheus. */
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPrometheusClient, type PrometheusClient } from '../../../env/cluster/prometheus.ts';
import { type StandaloneComponent, startPrometheus } from '../../../env/lab/monitoring.ts';
import { describeCluster } from '../../../test/cluster.ts';
import type { MetricAnswer, MetricRequest } from '../contract.ts';
import { type Exporter, startExporter } from './exporter.fixture.ts';
import { createPrometheusSource } from './prometheus-source.ts';
import { explainSharing } from './query-plan.ts';
import { createSourceMetrics } from './source.ts';

const names = [
  'web',
  'web-2',
  'api.v1',
  'apixv1',
  'a|b',
  'a',
  'quo"te',
  "it's",
  'back\\slash',
  'line\nbreak',
  'ünï',
  '`',
  '$target',
];
const exported = ['shop', 'shop-2', 'test'].flatMap((namespace) => names.map((name) => ({ namespace, name })));
const loops = [...exported, { namespace: 'shop', name: 'absent' }, { namespace: 'nowhere', name: 'web' }];

const request = (query: string, { namespace, name }: (typeof loops)[number], variables = {}): MetricRequest => ({
  namespace,
  loop: name,
  target: { apiVersion: 'apps/v1', kind: 'Deployment', name },
  podSelector: '',
  metric: 'm',
  source: { prometheus: { query, variables } },
});

const w = '{ns="$namespace",app="$target"}';

/** Each is shared. */
const sharedTemplates = [
  `sum(rps${w})`,
  `SUM by () (rps${w})`,
  `histogram_quantile(0.95, sum by (le) (rate(latency_bucket${w}[2s])))`,
  `sum(rate(busy_total${w}[2s])) / sum(capacity${w}) * 100`,
  `sum(rps${w}) / capacity${w}`.replace('sum(', 'sum by (ns, app) ('),
  `max(rps${w}) - on () min(rps${w})`,
  `sum by (app, pod) (rps{ns="$namespace",app="$target",pod="p0"}) / ignoring (app, pod) sum(capacity${w})`,
  `max_over_time(sum(rps${w})[2s:1s])`,
  `rps{ns="$namespace",app="$target",pod="p0"} offset 1s`,
  `rps${w}`,
  `odd${w}`,
  `-odd${w} > bool 3`,
  `sum(rps${w}) > 40`,
  `sum(rps${w}) > 40 or sum(capacity${w})`,
  `sum(rps${w}) and on () (sum(capacity${w}) > 20)`,
  `count(rps${w} unless on (ns, app) (capacity${w} > 20))`,
  `quantile(0.5, rps${w}) ^ 2 % 100`,
  `clamp_max(round(avg by (app) (rps${w}), 5), time())`,
  `sum(rps{ns="$namespace",app='$target',pod=~"p.*"})`,
  `stddev(avg_over_time(rps{ns="$namespace",app="$target"}[2s])) # comment`,
  'sum(rps{app="$target"})',
  'sum(rps{ns="$namespace"})',
  'max(owner{namespace="$namespace",owner="$target"})',
];

/** Each is asked per loop, for this reason. */
const ownTemplates: readonly (readonly [string, RegExp])[] = [
  [`topk(1, rps${w})`, /topk picks/],
  [`sum without (pod) (rps${w})`, /without/],
  [`absent(rps${w})`, /absent\(\)/],
  [`sum(rps${w}) or vector(0)`, /vector\(\)/],
  [`scalar(capacity${w})`, /scalar\(\)/],
  [`label_replace(capacity${w}, "x", "y", "", "")`, /label_replace\(\)/],
  [`rps${w} / on (ns, app) group_left capacity${w}`, /group_left/],
  [`sum(rps${w}) / sum(capacity)`, /"sum\(capacity\)" has no placeholder/],
  [`sum(rps${w}) / sum(capacity{ns="$namespace"})`, /different labels: ns, app and ns/],
  [`capacity${w} / sum(capacity${w})`, /keeps the label ns/],
  ['sum(rps{ns="$namespace",app=~"$target"})', /=~/],
  ['sum(rps{ns="$namespace",app!="$target"})', /!=/],
];

describeCluster('shared queries on a real Prometheus', () => {
  let prometheus: StandaloneComponent;
  let exporter: Exporter;
  let client: PrometheusClient;
  let asked: string[];

  beforeAll(async () => {
    exporter = await startExporter(exported);
    prometheus = await startPrometheus({
      scrapeIntervalSeconds: 0.2,
      scrapeConfigs: [{ job_name: 'exporter', static_configs: [{ targets: [exporter.target] }] }],
    });
    const live = createPrometheusClient({ url: prometheus.url });
    const deadline = Date.now() + 20_000;
    // Two windows of the templates, so that offsets and subqueries find samples as well.
    while ((await live.samples('min(count_over_time(capacity[5s])) >= 20')).length === 0) {
      if (Date.now() > deadline) throw new Error('the exporter was not scraped');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // One instant for all queries: what is compared must not move.
    const instant = Date.now() / 1000 - 0.5;
    client = createPrometheusClient({ url: prometheus.url, now: () => instant });
    asked = [];
  });
  afterAll(async () => {
    await prometheus?.stop();
    await exporter?.close();
  });

  /** A source without memory of earlier tests. */
  const newSource = () =>
    createPrometheusSource({
      client: {
        samples(query, signal) {
          asked.push(query);
          return client.samples(query, signal);
        },
      },
      now: () => Date.now() / 1000,
      metrics: createSourceMetrics(new Registry()),
    });

  async function readTogether(query: string): Promise<MetricAnswer[]> {
    asked = [];
    const requests = loops.map((loop) => request(query, loop));
    return newSource().read(requests, AbortSignal.timeout(20_000));
  }

  /** By an independent path: one loop at a time, so nothing is shared. */
  async function readApart(query: string): Promise<MetricAnswer[]> {
    const source = newSource();
    const answers = await Promise.all(
      loops.map((loop) => source.read([request(query, loop)], AbortSignal.timeout(20_000))),
    );
    return answers.flat();
  }

  function expectSame(together: readonly MetricAnswer[], apart: readonly MetricAnswer[]) {
    together.forEach((answer, index) => {
      const own = apart[index];
      if ('value' in answer && 'value' in own) expect(answer.value).toBeCloseTo(own.value, 9);
      else expect({ ...answer, loop: loops[index] }).toEqual({ ...own, loop: loops[index] });
    });
  }

  test.each(sharedTemplates)('%s is asked once for all', async (query) => {
    expect(explainSharing(query)).toMatchObject({ shared: true });
    const together = await readTogether(query);
    expect(asked).toHaveLength(1);
    expectSame(together, await readApart(query));
  });

  test.each(ownTemplates)('%s is asked per loop', async (query, reason) => {
    expect(explainSharing(query)).toEqual({ shared: false, reason: expect.stringMatching(reason) });
    const together = await readTogether(query);
    expect(asked.length).toBeGreaterThan(1);
    expectSame(together, await readApart(query));
  });

  test('the answers are numbers and reasons as the exporter has them', async () => {
    const answers = await readTogether(`sum(odd${w})`);
    expect(answers[0]).toEqual({ missing: 'the query gives no finite number' });
    expect(answers[1]).toEqual({ missing: 'the query gives no finite number' });
    expect(answers[2]).toEqual({ value: 2 });
    expect(answers[3]).toEqual({ missing: 'the query has no result' });
    expect(answers.at(-1)).toEqual({ missing: 'the query has no result' });
    const latency = await readTogether(sharedTemplates[2]);
    expect(latency.filter((answer) => 'value' in answer)).toHaveLength(exported.length);
  });

  test('every value reaches its own series, whatever its characters', async () => {
    const answers = await readTogether('max(owner{namespace="$namespace",owner="$target"})');
    expect(answers.slice(0, exported.length)).toEqual(exported.map((_, index) => ({ value: index })));
    // By a regular expression as well: "a" and "a|b" and "api.v1" and "apixv1" are different names.
    const byRegex = await readTogether('max(owner{namespace=~"$namespace",owner=~"$target"})');
    expect(byRegex.slice(0, exported.length)).toEqual(exported.map((_, index) => ({ value: index })));
  });

  test('loops whose own query Prometheus refuses spoil no shared query', async () => {
    // Two pods on one side, one series on the other: refused unless the namespace has no pods of that name.
    const query = 'max by (app) (rps{app="$target",pod="$pod"} / on (app, pod) rps{app="$target",pod="$pod"})';
    const source = newSource();
    const requests = names.map((name) =>
      request(query, { namespace: 'shop', name }, { pod: name === 'web' ? 'p0' : 'none' }),
    );
    asked = [];
    const first = await source.read(requests, AbortSignal.timeout(20_000));
    expect(first[0]).toEqual({ missing: expect.stringMatching(/refuses the query.*many-to-many|duplicate/s) });
    expect(first.slice(1)).toEqual(first.slice(1).map(() => ({ missing: 'the query has no result' })));
    expect(asked.length).toBeLessThanOrEqual(names.length + 2);
    asked = [];
    expect(await source.read(requests, AbortSignal.timeout(20_000))).toEqual(first);
    expect(asked).toHaveLength(1);
  });

  test('a template that is wrong for all is found out with two queries, and not asked again at once', async () => {
    const query = `sum(rate(rps${w}))`;
    const source = newSource();
    const requests = loops.map((loop) => request(query, loop));
    asked = [];
    const answers = await source.read(requests, AbortSignal.timeout(20_000));
    expect(asked).toHaveLength(2);
    for (const answer of answers) expect(answer).toEqual({ missing: expect.stringMatching(/range vector/) });
    expect(await source.read(requests, AbortSignal.timeout(20_000))).toEqual(answers);
    expect(asked).toHaveLength(2);
  });

  test('random expressions', async () => {
    let shared = 0;
    let values = 0;
    await fc.assert(
      fc.asyncProperty(vectorExpression(3), async (query) => {
        fc.pre(explainSharing(query).shared);
        const [together, apart] = [await readTogether(query), await readApart(query)];
        shared++;
        values += together.filter((answer) => 'value' in answer).length;
        expectSame(together, apart);
      }),
      { numRuns: 60, seed: 7, maxSkipsPerRun: 1000 },
    );
    expect(shared).toBe(60);
    // Were all of them missing, nothing would have been compared.
    expect(values).toBeGreaterThan(500);
  });
});

const labelList = fc.subarray(['ns', 'app', 'pod', 'le']).map((labels) => `(${labels.join(', ')})`);

/** PromQL over the exporter's series, including what can be shared and what cannot. */
function vectorExpression(depth: number): fc.Arbitrary<string> {
  const selector = fc
    .tuple(
      fc.constantFrom('rps', 'busy_total', 'capacity', 'odd', 'latency_bucket'),
      fc.constantFrom(w, w, w, '{ns="$namespace"}', '{app="$target",ns="$namespace",pod=~"p.*"}', ''),
    )
    .map((parts) => parts.join(''));
  const ranged = fc
    .tuple(fc.constantFrom('rate', 'max_over_time', 'delta', 'count_over_time'), selector)
    .map(([name, series]) => `${name}(${series}[2s])`);
  if (depth === 0) return fc.oneof(selector, ranged);
  const inner = vectorExpression(depth - 1);
  const modifier = fc.oneof(
    fc.constant(''),
    labelList.map((list) => ` by ${list} `),
  );
  const aggregation = fc
    .tuple(fc.constantFrom('sum', 'max', 'count', 'avg'), modifier, inner)
    .map(([name, by, series]) => `${name}${by}(${series})`);
  const matching = fc.oneof(
    fc.constant(''),
    fc.tuple(fc.constantFrom('on', 'ignoring'), labelList).map((parts) => parts.join(' ')),
  );
  const operator = fc.constantFrom('+', '/', '>', '== bool', 'and', 'or', 'unless');
  const binary = fc
    .tuple(inner, operator, matching, inner)
    .map(([left, sign, clause, right]) => `(${left}) ${sign} ${clause} (${right})`);
  return fc.oneof(
    { weight: 1, arbitrary: ranged },
    { weight: 3, arbitrary: aggregation },
    { weight: 4, arbitrary: binary },
    { weight: 1, arbitrary: inner.map((series) => `2 * abs(${series})`) },
    { weight: 1, arbitrary: inner.map((series) => `max_over_time((${series})[1s:500ms])`) },
    { weight: 1, arbitrary: inner.map((series) => `histogram_quantile(0.5, ${series})`) },
  );
}
