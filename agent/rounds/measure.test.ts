import { expect, test } from 'vitest';
import type { LiveQueries } from '../../env/cluster/live/metric-queries.ts';
import { UserError } from '../../env/errors.ts';
import { createMeasure, type MeasureRequest } from './measure.ts';

const request = (namespace: string, cpuPercent?: string): MeasureRequest => ({
  observation: { queries: cpuPercent === undefined ? {} : { cpuPercent } },
  systems: [{ key: `${namespace}/web`, namespace, workloads: ['web'] }],
});

function measureWith(confine?: (query: string) => string) {
  const made: LiveQueries[] = [];
  const asked: string[][] = [];
  const measure = createMeasure({
    preset: 'istio',
    confine,
    createSource(queries) {
      made.push(queries);
      return {
        metrics: {
          async measure(systems) {
            asked.push(systems.map(({ key }) => key));
            return [];
          },
        },
        history: { read: () => Promise.reject(new Error('not asked')) },
      };
    },
  });
  const now = (requests: readonly MeasureRequest[]) => measure.now(requests, 1, new AbortController().signal);
  return { now, made, asked };
}

test('a tenant’s own queries are confined, and share no question with another namespace', async () => {
  const { now, made, asked } = measureWith((query) => `confined(${query})`);
  await now([request('a', 'q'), request('b', 'q'), request('a', 'q'), request('a'), request('b')]);
  expect(made.map(({ cpuPercent }) => cpuPercent)).toEqual([
    'confined(q)',
    'confined(q)',
    expect.not.stringContaining('confined'),
  ]);
  expect(asked).toEqual([['a/web', 'a/web'], ['b/web'], ['a/web', 'b/web']]);
});

test('a query that cannot be confined is a problem of its own requests alone', async () => {
  const { now, asked } = measureWith((query) => {
    throw new UserError('query.confinement', `the query ${query} cannot`);
  });
  const [first, second] = await now([request('a', 'q'), request('b')]);
  expect(first.problem).toEqual({ reason: 'InvalidQueries', message: 'the query q cannot' });
  expect(second.problem).toBeUndefined();
  expect(asked).toEqual([['b/web']]);
});

test('without the label all who write the same query share a question', async () => {
  const { now, asked } = measureWith();
  await now([request('a', 'q'), request('b', 'q')]);
  expect(asked).toEqual([['a/web', 'b/web']]);
});
