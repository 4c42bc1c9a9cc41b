import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import { createLogger } from '../../env/service/logger.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { createEventRecorder, type EventRecorderOptions } from './event-recorder.ts';

interface Event extends StoredObject {
  readonly note: string;
  readonly reason: string;
  readonly series?: { readonly count: number };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const loop = (name: string): StoredObject => ({
  apiVersion: 'duoloop.dev/v1alpha1',
  kind: 'ClosedLoop',
  metadata: { name, namespace: 'shop', uid: `uid-${name}` },
});

function start(options: Partial<EventRecorderOptions> = {}, around = (api: KubernetesApi) => api) {
  const connection = createMemoryKubernetes().connect();
  const metrics = new Registry();
  const context = { logger: createLogger({ level: 'silent' }), metrics, now: () => Date.now() / 1000 };
  const recorder = createEventRecorder({
    api: around(connection.api),
    controller: 'duoloop.dev/operator',
    instance: 'replica-1',
    context,
    ...options,
  });
  const ending = new AbortController();
  const running = recorder.run(ending.signal);
  const events = async () => {
    const [{ items }] = await Promise.all([
      connection.api.list<Event>(resourceTypes.event, { namespace: 'shop' }),
      vi.advanceTimersByTimeAsync(1),
    ]);
    return items.map(({ reason, note, series }) => `${reason}: ${note} ×${series?.count ?? 1}`);
  };
  const stop = async () => {
    ending.abort();
    await vi.advanceTimersByTimeAsync(5_000);
    await running;
  };
  return { ...connection, recorder, events, metrics, stop };
}

test('the same event again raises the count: at once the first time, then every five minutes', async () => {
  const { recorder, events, calls, stop } = start();
  for (let tick = 0; tick < 80; tick += 1) {
    recorder.record(loop('a'), 'Warning', 'MetricMissing', 'cpu: empty result');
    await vi.advanceTimersByTimeAsync(15_000);
  }
  expect(await events()).toEqual(['MetricMissing: cpu: empty result ×62']);
  // Twenty minutes: made, second, and one every five minutes.
  expect(calls.filter((call) => !call.startsWith('list'))).toHaveLength(5);
  await vi.advanceTimersByTimeAsync(700_000);
  recorder.record(loop('a'), 'Warning', 'MetricMissing', 'cpu: empty result');
  await vi.advanceTimersByTimeAsync(100);
  expect(await events()).toHaveLength(2);
  await stop();
});

test('different objects, reasons and notes are different events; too many notes become one series', async () => {
  const { recorder, events, stop } = start();
  recorder.record(loop('a'), 'Normal', 'Scaled', 'to 1');
  recorder.record(loop('b'), 'Normal', 'Scaled', 'to 1');
  recorder.record(loop('a'), 'Normal', 'Other', 'to 1');
  await vi.advanceTimersByTimeAsync(100);
  expect(await events()).toHaveLength(3);
  for (let size = 2; size <= 40; size += 1) recorder.record(loop('a'), 'Normal', 'Scaled', `to ${size}`);
  await vi.advanceTimersByTimeAsync(1_000);
  const scaled = (await events()).filter((event) => event.includes('Scaled'));
  expect(scaled).toHaveLength(12);
  expect(scaled.at(-1)).toMatch(/\(similar events combined\) to 11/);
  await stop();
});

test('a server that is away is tried again, one that refuses is not; neither is noticed by who records', async () => {
  const { recorder, events, setDown, metrics, stop } = start();
  setDown(true);
  recorder.record(loop('a'), 'Normal', 'Scaled', 'to 1');
  await vi.advanceTimersByTimeAsync(1_000);
  setDown(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await events()).toEqual(['Scaled: to 1 ×1']);
  await stop();

  const create = vi.fn(() => Promise.reject(new KubernetesError(403, 'Forbidden', 'namespace is being terminated')));
  const refused = start({}, (api) => ({ ...api, create }));
  refused.recorder.record(loop('a'), 'Normal', 'Scaled', 'to 1');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(create).toHaveBeenCalledTimes(1);
  expect(await refused.metrics.metrics()).toContain('outcome="dropped"} 1');
  expect(await metrics.metrics()).not.toContain('outcome="dropped"');
  await refused.stop();
});

test('what waits is bounded, and is written when the process ends', async () => {
  const { recorder, events, metrics, setDown, stop } = start({ maxWaiting: 3 });
  setDown(true);
  for (let index = 0; index < 10; index += 1) recorder.record(loop(`l${index}`), 'Normal', 'Scaled', 'to 1');
  setDown(false);
  await stop();
  expect(await events()).toHaveLength(3);
  expect(await metrics.metrics()).toContain('outcome="dropped"} 7');
});
