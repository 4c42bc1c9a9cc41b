import { expect, test } from 'vitest';
import { checkPromql } from './check-promql.ts';
import { confineSelectors } from './confine-selectors.ts';
import { acceptedQueries } from './queries.fixture.ts';

const own = { label: 'namespace', operator: '=', content: '$namespace' } as const;

test.each([
  ['x', 'x{namespace="$namespace"}'],
  ['x{}', 'x{namespace="$namespace"}'],
  ['{__name__=~".+"}', '{namespace="$namespace",__name__=~".+"}'],
  ['{"x.y"}', '{namespace="$namespace","x.y"}'],
  ['x{namespace="kube-system",}', 'x{namespace="$namespace",namespace="kube-system",}'],
  ['x{namespace!="$namespace"}', 'x{namespace="$namespace",namespace!="$namespace"}'],
  ['x{a="b", namespace = "$namespace"}', 'x{a="b", namespace = "$namespace"}'],
  ['x{namespace="$names pace"}', 'x{namespace="$namespace",namespace="$names pace"}'],
  ['x{"namespace"="other"}', 'x{namespace="$namespace","namespace"="other"}'],
  [
    'sum(rate(a[5m])) / on () group_left count(b offset 1m)',
    'sum(rate(a{namespace="$namespace"}[5m])) / on () group_left count(b{namespace="$namespace"} offset 1m)',
  ],
  ['vector(0) # a "comment"\n or x', 'vector(0) # a "comment"\n or x{namespace="$namespace"}'],
  ['x{a="} or y{"} or z', 'x{namespace="$namespace",a="} or y{"} or z{namespace="$namespace"}'],
  ['info(x, {k8s_cluster=~".+"})', 'info(x{namespace="$namespace"}, {namespace="$namespace",k8s_cluster=~".+"})'],
  ['absent(x) or vector(1)', 'absent(x{namespace="$namespace"}) or vector(1)'],
  ['42', '42'],
])('%s selects from the namespace only', (query, confined) => {
  expect(confineSelectors(query, own)).toBe(confined);
  // What is confined stays as it is.
  expect(confineSelectors(confined, own)).toBe(confined);
});

test.each(acceptedQueries)('%s is PromQL still', (query) => {
  expect(checkPromql(confineSelectors(query, own))).toBeUndefined();
});

test.each([
  ['vector(0) # \r or secret', /control character U\+000d/],
  ['x\u0085+y', /control character U\+0085/],
  ['x{a=b}', /not PromQL/],
  ['x or', /not PromQL/],
])('%j is refused, since Prometheus may read it otherwise', (query, words) => {
  expect(() => confineSelectors(query, own)).toThrow(
    expect.objectContaining({ code: 'query.confinement', message: expect.stringMatching(words) }),
  );
});
