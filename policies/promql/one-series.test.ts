import { expect, test } from 'vitest';
import { doubtAboutPromql } from './one-series.ts';

test.each([
  'sum(rate(x[1m]))',
  'histogram_quantile(0.95, sum by (le) (rate(x[1m])))',
  '100 * sum(a) / sum(b)',
  'sum(x) or vector(0)',
  'max_over_time(sum(x)[5m:])',
  '(scalar(x))',
  '1 > bool 2',
])('%s gives one series', (query) => {
  expect(doubtAboutPromql(query)).toBeUndefined();
});

test.each([
  'x',
  'rate(x[1m])',
  'sum by (le) (rate(x[1m]))',
  'sum without (pod) (x)',
  'histogram_quantile(0.95, sum by (le, job) (rate(x[1m])))',
  'topk(1, x)',
  'sum(a) or b',
  '2 * x',
])('%s may give several series', (query) => {
  expect(doubtAboutPromql(query)).toMatch(/several series.*sum/);
});
