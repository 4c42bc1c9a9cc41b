import { describe, expect, it } from 'vitest';
import { type PrometheusClient, PrometheusError } from '../prometheus.ts';
import { readFleetHistory } from './fleet-history.ts';
import { presetQueries } from './presets.ts';

const stepSeconds = 15;
const system = { key: 'shop', namespace: 'shop', workloads: ['web'] };

/** Answers every query by its second, and refuses what `refusal` says of a number of moments. */
function createPrometheus(refusal: (points: number) => PrometheusError | undefined) {
  const points: number[] = [];
  const prometheus: Pick<PrometheusClient, 'range'> = {
    async range(_query, { fromSecond, toSecond }) {
      const count = Math.round((toSecond - fromSecond) / stepSeconds) + 1;
      points.push(count);
      const error = refusal(count);
      if (error !== undefined) throw error;
      const seconds = Float64Array.from({ length: count }, (_, i) => fromSecond + i * stepSeconds);
      const labels = { namespace: 'shop', workload: 'web' };
      return [
        { labels, seconds, values: seconds },
        { labels: { ...labels, namespace: 'other' }, seconds, values: seconds.map(() => 7) },
      ];
    },
  };
  return { prometheus, points };
}

const read = (prometheus: Pick<PrometheusClient, 'range'>, points: number) =>
  readFleetHistory({
    prometheus,
    queries: presetQueries('istio'),
    system,
    fromSecond: 1000,
    toSecond: 1000 + (points - 1) * stepSeconds,
    stepSeconds,
    rateWindowSeconds: 60,
  });

describe('readFleetHistory', () => {
  it('asks for shorter stretches where Prometheus cannot hold the samples', async () => {
    const tooMany = new PrometheusError('rejected', 'query processing would load too many samples into memory', {
      httpStatus: 422,
    });
    const { prometheus, points } = createPrometheus((count) => (count > 400 ? tooMany : undefined));
    const { seconds, workloads, missing } = await read(prometheus, 5761);
    expect(missing).toEqual([]);
    expect(seconds.length).toBe(5761);
    for (const metric of ['p95Milliseconds', 'readyPods'] as const) expect(workloads[0][metric]).toEqual(seconds);
    expect(Math.max(...points)).toBe(1500);
  });

  it('gives up where no stretch is short enough, and at once where the query is wrong', async () => {
    const timeout = createPrometheus(() => new PrometheusError('timeout', 'no answer in time'));
    await expect(read(timeout.prometheus, 100)).rejects.toMatchObject({ code: 'timeout' });
    expect(Math.min(...timeout.points)).toBeGreaterThan(20);
    const wrong = createPrometheus(() => new PrometheusError('rejected', 'parse error', { httpStatus: 400 }));
    await expect(read(wrong.prometheus, 100)).rejects.toMatchObject({ httpStatus: 400 });
    expect(wrong.points.every((count) => count === 100)).toBe(true);
  });

  it('takes nothing at all for gaps, and says so', async () => {
    const { prometheus } = createPrometheus(() => new PrometheusError('empty', 'no result'));
    const { workloads, missing } = await read(prometheus, 10);
    expect(workloads[0].cpuPercent.every(Number.isNaN)).toBe(true);
    expect(missing).toContain('cpuPercent: the query returned nothing for web in shop');
  });
});
