import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionText, breachMessage } from '../../policies/reactive/breaches.ts';
import { type ClosedLoopSpec, closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { type MonitoringSpec, monitoringSpecSchema } from '../../policies/resources/stages.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import {
  epochsInOrder,
  isPushed,
  measuredFrom,
  messageLifeSeconds,
  metricInAction,
  metricsInMessage,
  monitoringPatch,
  withEpoch,
} from './messages.ts';

const metric = (name: string, rank: number, source: object) => ({
  name,
  rank,
  source,
  thresholds: [{ kind: 'superior', value: 1, reaction: { horizontal: { by: 1 } } }],
});
const spec: ClosedLoopSpec = closedLoopSpecSchema.parse({
  targetRef: { name: 'web' },
  metrics: [
    metric('p95', 1, { prometheus: { query: 'up' } }),
    metric('cpu', 2, { push: { maxAgeSeconds: 30 } }),
    metric('memory', 3, { push: {} }),
  ],
  behavior: { maxReplicas: 10 },
});
const second = 1_700_000_000;

/** What the API server has after a merge patch. */
function patched(before: Partial<MonitoringSpec>, patch: object): MonitoringSpec {
  const merge = (target: Record<string, unknown>, changes: object): Record<string, unknown> => {
    const result = { ...target };
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) delete result[key];
      else if (typeof value === 'object' && !Array.isArray(value)) {
        result[key] = merge((result[key] as Record<string, unknown>) ?? {}, value);
      } else result[key] = value;
    }
    return result;
  };
  return monitoringSpecSchema.parse(merge({ closedLoop: 'web', ...before }, patch));
}

describe('a measurement as a message', () => {
  const write = (answers: Parameters<typeof monitoringPatch>[1], before: Partial<MonitoringSpec> = {}) =>
    patched(before, monitoringPatch(spec, answers, second, toTimestamp(second), before.data));

  it('comes out as it went in, and leaves nothing of the message before', () => {
    const before = { data: { p95: 9, cpu: 9, memory: 9, gone: 9 }, incomplete: ['p95'], settled: ['cpu'] };
    const message = write(
      [{ value: 3, incomplete: 'one member has no pod' }, { value: 2, time: second }, { missing: 'no data' }],
      before,
    );
    expect(message.time).toBe('2023-11-14T22:13:20.000Z');
    expect(measuredFrom(spec, message)).toEqual({
      metrics: { p95: 3, cpu: 2 },
      missing: [{ name: 'memory', reason: 'has no value in the message' }],
      incomplete: ['p95'],
      settled: [],
    });
    expect(isPushed(spec, message)).toBe(true);
  });

  it('keeps apart what was pushed before from what is new', () => {
    const message = write([{ value: 3 }, { value: 2, time: second - 40 }, { value: 7, time: second - 40 }]);
    expect(measuredFrom(spec, message).settled).toEqual(['cpu', 'memory']);
    expect(isPushed(spec, message)).toBe(false);
  });

  it('takes a saturated service for very high, and no number for missing', () => {
    const message = write([{ value: Number.POSITIVE_INFINITY }, { value: Number.NaN }, { value: -1 / 0 }]);
    expect(JSON.parse(JSON.stringify(message)).data).toEqual({ p95: Number.MAX_VALUE });
  });

  it('lives for two intervals, at least a minute, and as long as a pushed one may wait before', () => {
    expect(messageLifeSeconds(spec)).toBe(60 + 60);
    expect(messageLifeSeconds({ ...spec, intervalSeconds: 300, metrics: spec.metrics.slice(0, 1) })).toBe(600);
  });
});

describe('words between the stages', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-zA-Z]([-_a-zA-Z0-9]{0,10}[a-zA-Z0-9])?$/), { maxLength: 6 });

  it('are understood as they were meant', () => {
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.constantFrom(-1, 0, 1, 2)), (all, codes) => {
        const breaches = all.map((name) => ({ name, breach: codes.next().value as number }));
        const reported = breaches.filter(({ breach }) => breach !== 0).map(({ name }) => name);
        expect(metricsInMessage(breachMessage(breaches))).toEqual(reported);
        for (const name of all) expect(metricInAction(actionText(name))).toBe(name);
      }),
    );
    expect(metricInAction(actionText(null))).toBeNull();
    expect([metricsInMessage('No Event'), metricsInMessage('lowcpu,,High '), metricsInMessage()]).toEqual([[], [], []]);
  });
});

describe('the list of reactions', () => {
  it('keeps the last ten, loses metrics that the loop no longer has, and is read in the order of the loop', () => {
    const before = { cpu: Array.from({ length: 10 }, (_, index) => index), disk: [1] };
    const patch = withEpoch(spec, before, 'cpu', 10);
    expect(patch).toEqual({ disk: null, cpu: Array.from({ length: 10 }, (_, index) => index + 1) });
    const order = Object.entries(epochsInOrder(spec, { cpu: [1], p95: [2] }));
    expect(order).toEqual([
      ['p95', [2]],
      ['cpu', [1]],
      ['memory', []],
    ]);
  });
});
