import { Registry } from 'prom-client';
import { describe, expect, test, vi } from 'vitest';
import { KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import { createLogger } from '../../env/service/logger.ts';
import { type ConfigMap, resourceCacheContract } from './resource-cache.contract.ts';
import { createResourceCache } from './resource-cache.ts';

describe('a cache on a server in memory', () => {
  resourceCacheContract(async () => {
    const server = createMemoryKubernetes();
    const { api, setDown, endWatches } = server.connect();
    return {
      api,
      admin: server.connect().api,
      namespace: 'shop',
      cut: () => setDown(true),
      restore: () => setDown(false),
      endWatches,
      compact: async () => server.compact(),
    };
  });
});

const logger = createLogger({ level: 'silent' });
const type = resourceTypes.configMap;
const configMap = (name: string, namespace: string) => ({ metadata: { name, namespace }, data: { x: '1', y: '2' } });

test('several namespaces are one cache, synced when all are listed, each trimmed', async () => {
  const { api } = createMemoryKubernetes().connect();
  for (const namespace of ['one', 'two', 'three']) await api.create(type, namespace, configMap('a', namespace));
  const cache = createResourceCache<ConfigMap>({
    api,
    type,
    namespaces: ['one', 'two'],
    trim: ({ data: _data, ...kept }) => kept,
    logger,
    metrics: new Registry(),
  });
  const ending = new AbortController();
  const running = cache.run(ending.signal);
  await cache.synced(ending.signal);
  expect(cache.list().map(({ metadata }) => metadata.namespace)).toEqual(['one', 'two']);
  expect(cache.list('two')).toHaveLength(1);
  expect(cache.get('one', 'a')).not.toHaveProperty('data');
  ending.abort();
  await running;
});

test('a type that is not installed leaves an optional cache empty and synced, any other cache unsynced', async () => {
  const { api } = createMemoryKubernetes().connect();
  const absent = { ...api, list: () => Promise.reject(new KubernetesError(404, 'NotFound', 'no such type')) };
  const ending = new AbortController();
  const options = { api: absent, type: resourceTypes.scaledObject, logger, metrics: new Registry() };
  const optional = createResourceCache<ConfigMap>({ ...options, optional: true });
  const required = createResourceCache<ConfigMap>(options);
  const running = [optional.run(ending.signal), required.run(ending.signal)];
  await optional.synced(ending.signal);
  expect(optional.list()).toEqual([]);
  const synced = vi.fn();
  required.synced(ending.signal).then(synced, () => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(synced).not.toHaveBeenCalled();
  ending.abort();
  await Promise.all(running);
});

test('a server that ends every watch at once is not asked without a pause', async () => {
  vi.useFakeTimers();
  try {
    const { api } = createMemoryKubernetes().connect();
    const watch = vi.fn(async () => {});
    const list = async <T>() => ({ items: [] as T[], resourceVersion: '1' });
    const cache = createResourceCache<ConfigMap>({
      api: { ...api, list, watch },
      type,
      logger,
      metrics: new Registry(),
      random: () => 0.5,
    });
    const ending = new AbortController();
    const running = cache.run(ending.signal);
    await vi.advanceTimersByTimeAsync(60_000);
    // 0.375 s, then twice as long each time up to 3.75 s.
    expect(watch.mock.calls.length).toBeLessThan(20);
    ending.abort();
    await running;
  } finally {
    vi.useRealTimers();
  }
});
