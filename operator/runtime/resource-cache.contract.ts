/** What a ResourceCache promises, whatever serves it. */
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createLogger } from '../../env/service/logger.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ResourceCache } from './contract.ts';
import { createResourceCache } from './resource-cache.ts';

export interface ConfigMap extends StoredObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface CacheWorld {
  /** The cache's own connection. */
  readonly api: KubernetesApi;
  /** Always reaches the server. */
  readonly admin: KubernetesApi;
  readonly namespace: string;
  /** The cache's connection breaks and cannot be made anew. */
  cut(): void | Promise<void>;
  restore(): void | Promise<void>;
  /** The server ends the cache's watches, as it does regularly. May wait for that to happen by itself. */
  endWatches(): void | Promise<void>;
  /** Versions up to now are too old to watch from. */
  compact(): Promise<void>;
}

export function resourceCacheContract(makeWorld: () => Promise<CacheWorld>): void {
  let world: CacheWorld;
  let cache: ResourceCache<ConfigMap>;
  let changes: string[];
  let registry: Registry;
  let ending: AbortController;
  let running: Promise<void>;
  const type = resourceTypes.configMap;

  const write = (name: string, x: string) =>
    world.admin.apply(
      type,
      { ...identity, metadata: { name, namespace: world.namespace }, data: { x } },
      { fieldManager: 't' },
    );
  const remove = (name: string) => world.admin.delete(type, world.namespace, name);
  const identity = { apiVersion: 'v1', kind: 'ConfigMap' };
  const seen = () => Object.fromEntries(cache.list().map(({ metadata, data }) => [metadata.name, data?.x]));
  const reaches = (state: Record<string, string>) =>
    vi.waitFor(() => expect(seen()).toEqual(state), { timeout: 25_000, interval: 20 });
  const metric = async (name: string) =>
    (await registry.getSingleMetric(name)?.get())?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;

  beforeEach(async () => {
    world = await makeWorld();
    changes = [];
    registry = new Registry();
    ending = new AbortController();
    cache = createResourceCache<ConfigMap>({
      api: world.api,
      type,
      namespaces: [world.namespace],
      logger: createLogger({ level: 'silent' }),
      metrics: registry,
      backoff: { initialMilliseconds: 50, maxMilliseconds: 400 },
    });
    cache.onChange((kind, { metadata, data }, previous) => {
      changes.push(`${kind} ${metadata.name} ${previous?.data?.x ?? ''}>${kind === 'deleted' ? '' : data?.x}`);
    });
    await write('a', '1');
    await write('b', '1');
    running = cache.run(ending.signal);
    await cache.synced(ending.signal);
  });
  afterEach(async () => {
    ending.abort();
    await running;
  });

  /** While the cache sees nothing: everything that can happen to an object. */
  const changeEverything = async () => {
    await write('a', '2');
    await remove('b');
    await write('b', '3');
    await write('c', '1');
    await write('d', '1');
    await remove('d');
  };

  test('lists, then follows; what was there is told as added', async () => {
    expect(seen()).toEqual({ a: '1', b: '1' });
    await write('a', '2');
    await write('c', '1');
    await remove('b');
    await reaches({ a: '2', c: '1' });
    expect(changes).toEqual(['added a >1', 'added b >1', 'updated a 1>2', 'added c >1', 'deleted b 1>']);
    expect(cache.get(world.namespace, 'a')).toMatchObject({ kind: 'ConfigMap', data: { x: '2' } });
    expect(cache.get(world.namespace, 'a')?.metadata).not.toHaveProperty('managedFields');
    expect(cache.get('elsewhere', 'a')).toBeUndefined();
  });

  test('a late listener is told what is there; one that throws harms nobody', async () => {
    cache.onChange(() => {
      throw new Error('listener');
    });
    const late: string[] = [];
    cache.onChange((kind, { metadata }) => late.push(`${kind} ${metadata.name}`));
    await write('c', '1');
    await reaches({ a: '1', b: '1', c: '1' });
    expect(late).toEqual(['added a', 'added b', 'added c']);
  });

  test('a broken connection: goes on where it was, without listing again, and misses nothing', async () => {
    await world.cut();
    await changeEverything();
    await world.restore();
    await reaches({ a: '2', b: '3', c: '1' });
    await vi.waitFor(() => expect(changes).toContain('deleted d 1>'), { timeout: 5_000 });
    expect(changes.slice(2)).toEqual([
      'updated a 1>2',
      'deleted b 1>',
      'added b >3',
      'added c >1',
      'added d >1',
      'deleted d 1>',
    ]);
    expect(await metric('duoloop_cache_lists_total')).toBe(1);
    expect(await metric('duoloop_cache_failures_total')).toBeGreaterThan(0);
  });

  test('watches that the server ends are watched on, without listing again', async () => {
    await world.endWatches();
    await write('c', '1');
    await reaches({ a: '1', b: '1', c: '1' });
    await world.endWatches();
    await remove('c');
    await reaches({ a: '1', b: '1' });
    expect(await metric('duoloop_cache_lists_total')).toBe(1);
    expect(await metric('duoloop_cache_failures_total')).toBe(0);
  });

  test('a version that is too old: lists again and tells of every difference', async () => {
    await world.cut();
    await changeEverything();
    await world.compact();
    await world.restore();
    await reaches({ a: '2', b: '3', c: '1' });
    // Neither lost nor doubled: d came and went unseen, and the second b is another object.
    expect(changes.slice(2).sort()).toEqual(['added b >3', 'added c >1', 'deleted b 1>', 'updated a 1>2']);
    expect(changes.indexOf('deleted b 1>')).toBeLessThan(changes.indexOf('added b >3'));
    expect(await metric('duoloop_cache_lists_total')).toBe(2);
    await write('a', '4');
    await reaches({ a: '4', b: '3', c: '1' });
  });

  test('unreachable at the start: not synced until it is there; stops when told to', async () => {
    await world.cut();
    const options = { api: world.api, type, namespaces: [world.namespace], logger: createLogger({ level: 'silent' }) };
    const late = createResourceCache<ConfigMap>({ ...options, metrics: registry });
    const stop = new AbortController();
    const lateRunning = late.run(stop.signal);
    const impatient = new AbortController();
    const waiting = late.synced(impatient.signal);
    impatient.abort();
    await expect(waiting).rejects.toMatchObject({ reason: 'Aborted' });
    await world.restore();
    await late.synced(stop.signal);
    expect(late.list()).toHaveLength(2);
    stop.abort();
    await lateRunning;
  });
}
