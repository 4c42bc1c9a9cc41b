import { expect, test } from 'vitest';
import { PrometheusError, type PrometheusSeries } from '../prometheus.ts';
import { createLoadHistory } from './load-history.ts';

const systems = Array.from({ length: 150 }, (_, i) => ({
  key: `team-${i}/loop`,
  namespace: `team-${i}`,
  workloads: ['entry', 'inner'],
}));
const request = { fromSecond: 1_000, toSecond: 1_030, stepSeconds: 15 };
const { signal } = new AbortController();

test('reads the load at the entries, some namespaces at a time, and leaves out what is no number', async () => {
  const queries: string[] = [];
  const history = createLoadHistory({
    prometheus: {
      async range(query, range) {
        queries.push(query);
        expect(range).toEqual(request);
        const namespaces = /namespace=~"([^"]+)"/.exec(query)?.[1].split('|') ?? [];
        // The last part of the cluster has no history at all, which Prometheus answers like this.
        if (namespaces.includes('team-149')) throw new PrometheusError('empty', 'no result in that range');
        return namespaces.map(
          (namespace, i): PrometheusSeries => ({
            labels: { namespace, workload: 'entry' },
            seconds: Float64Array.of(1_000, 1_015, 1_030),
            values: Float64Array.of(i, Number.NaN, i + 2),
          }),
        );
      },
    },
    requestsPerSecond: 'requests{namespace=~"$namespaces",workload=~"$workloads"}[$window]',
    rateWindowSeconds: 30,
  });
  const found = await history.read(systems, request, signal);
  expect(queries).toHaveLength(3);
  expect(queries[0]).toContain('workload=~"entry"}[30s]');
  expect(found.size).toBe(100);
  expect(found.get('team-1/loop')).toEqual([
    { unixSecond: 1_000, load: 1 },
    { unixSecond: 1_030, load: 3 },
  ]);
});

test('what Prometheus refuses is told', async () => {
  const refuse = () => Promise.reject(new PrometheusError('unreachable', 'connect ECONNREFUSED'));
  const history = createLoadHistory({ prometheus: { range: refuse }, requestsPerSecond: 'x', rateWindowSeconds: 30 });
  await expect(history.read(systems, request, signal)).rejects.toThrow('ECONNREFUSED');
});
