/**
 * An informer: lists, then watches, and starts again whatever happens. Own instead of the client library's, which stays
 * dead after the first error unless told otherwise (docs/decisions/0008-operator-runtime.md).
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import { type KubernetesApi, KubernetesError, type ResourceType } from '../../env/cluster/kubernetes-api.ts';
import type { Logger } from '../../env/service/logger.ts';
import { pause } from '../../env/service/waiting.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { type Backoff, backoffMilliseconds } from './backoff.ts';
import type { ResourceCache } from './contract.ts';
import { perRegistry } from './metrics.ts';
import { createObjectStore, type ObjectStore } from './object-store.ts';

export interface ResourceCacheOptions<T extends StoredObject> {
  readonly api: KubernetesApi;
  readonly type: ResourceType;
  /** Each is watched by itself; undefined for all. */
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  /**
   * What to keep of an object, after `managedFields` is dropped; it may change what it gets and must keep name, namespace,
   * uid and resourceVersion.
   */
  readonly trim?: (object: T) => T;
  /**
   * The type may not be installed in this cluster (another project's custom resource): then the cache is empty, counts as
   * synced, and looks again every five minutes.
   */
  readonly optional?: boolean;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** In [0, 1); of the back-off. */
  readonly random?: () => number;
  /** Between attempts. */
  readonly backoff?: Backoff;
}

/** Its longest wait is how long a request made right after an outage may go unseen. */
const defaultBackoff: Backoff = { initialMilliseconds: 500, maxMilliseconds: 5_000 };
/** A watch that ends sooner is not the regular end of one: without a pause, a broken proxy would have us spin. */
const regularWatchMilliseconds = 5_000;
const absentTypeMilliseconds = 300_000;

const cacheMetrics = perRegistry((registry) => ({
  objects: new Gauge({
    name: 'duoloop_cache_objects',
    help: 'Objects in a cache of the API server',
    labelNames: ['kind'],
    registers: [registry],
  }),
  relists: new Counter({
    name: 'duoloop_cache_lists_total',
    help: 'Complete lists: one at the start, the others after the watch could not be resumed',
    labelNames: ['kind'],
    registers: [registry],
  }),
  failures: new Counter({
    name: 'duoloop_cache_failures_total',
    help: 'Lists and watches that failed, by reason',
    labelNames: ['kind', 'reason'],
    registers: [registry],
  }),
  lastContact: new Gauge({
    name: 'duoloop_cache_last_contact_timestamp_seconds',
    help: 'When the API server was last heard of by this cache (list, event or bookmark), Unix seconds',
    labelNames: ['kind'],
    registers: [registry],
  }),
}));

export function createResourceCache<T extends StoredObject>(options: ResourceCacheOptions<T>): ResourceCache<T> {
  const store = createObjectStore<T>(options.logger);
  // From the start, so that whoever lists a process' metrics before it runs finds them.
  cacheMetrics(options.metrics);
  const scopes: readonly (string | undefined)[] = options.namespaces ?? [undefined];
  let resolveSynced: () => void = () => {};
  const firstLists = new Promise<void>((resolve) => {
    resolveSynced = resolve;
  });

  return {
    async run(signal) {
      const listed = new Set<string | undefined>();
      const onListed = (scope: string | undefined) => {
        listed.add(scope);
        if (listed.size === scopes.length) resolveSynced();
      };
      if (scopes.length === 0) resolveSynced();
      await Promise.all(scopes.map((scope) => follow(options, store, scope, signal, () => onListed(scope))));
    },
    async synced(signal) {
      let giveUp: () => void = () => {};
      const stopped = new Promise<never>((_, reject) => {
        giveUp = () => reject(new KubernetesError(0, 'Aborted', `${options.type.kind}: stopped before the first list`));
        if (signal.aborted) giveUp();
        else signal.addEventListener('abort', giveUp, { once: true });
      });
      try {
        await Promise.race([firstLists, stopped]);
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    },
    get: store.get,
    list: store.list,
    onChange: store.onChange,
  };
}

/** Keeps the store's part in one namespace (or everywhere) up to date until aborted. */
async function follow<T extends StoredObject>(
  options: ResourceCacheOptions<T>,
  store: ObjectStore<T>,
  namespace: string | undefined,
  signal: AbortSignal,
  onListed: () => void,
): Promise<void> {
  const { api, type, labelSelector, logger, random = Math.random, backoff = defaultBackoff } = options;
  const { kind } = type;
  const metrics = cacheMetrics(options.metrics);
  /** Of what the store holds; undefined when the watch cannot go on from it. */
  let resourceVersion: string | undefined;
  let failures = 0;

  const heard = () => {
    metrics.objects.set({ kind }, store.size);
    metrics.lastContact.set({ kind }, Date.now() / 1000);
  };
  const trim = (object: T): T => {
    delete (object.metadata as { managedFields?: unknown }).managedFields;
    return options.trim === undefined ? object : options.trim(object);
  };
  const list = async () => {
    const found = await api.list<T>(type, { namespace, labelSelector, signal });
    store.replaceAll(found.items.map(trim), namespace);
    resourceVersion = found.resourceVersion;
    metrics.relists.inc({ kind });
    heard();
    onListed();
  };
  const watch = (from: string) =>
    api.watch<T>(type, { namespace, labelSelector, resourceVersion: from, signal }, (event) => {
      const version = event.object.metadata.resourceVersion;
      if (event.type === 'DELETED') store.remove(trim(event.object));
      else if (event.type !== 'BOOKMARK') store.put(trim(event.object));
      resourceVersion = version;
      failures = 0;
      heard();
    });

  while (!signal.aborted) {
    const started = performance.now();
    try {
      if (resourceVersion === undefined) await list();
      if (resourceVersion !== undefined) await watch(resourceVersion);
      if (performance.now() - started >= regularWatchMilliseconds) {
        failures = 0;
        continue;
      }
    } catch (error) {
      if (signal.aborted) break;
      const { status, reason } = reasonOf(error);
      metrics.failures.inc({ kind, reason });
      // Without an answer the server may be away and come back with everything: the watch goes on where it was. Any answer
      // may mean that it cannot (410: version compacted away; 403 or 404: rights or type gone meanwhile; 5xx: another etcd).
      if (status !== 0) resourceVersion = undefined;
      if (status === 404 && options.optional) {
        store.replaceAll([], namespace);
        onListed();
        await pause(absentTypeMilliseconds, signal);
        continue;
      }
      const level = failures === 0 && status === 410 ? 'info' : 'warn';
      logger[level](
        { kind, namespace, reason, error: (error as Error).message },
        'cache lost its watch; starting again',
      );
    }
    await pause(backoffMilliseconds(failures, backoff, random), signal);
    failures += 1;
  }
}

function reasonOf(error: unknown): { status: number; reason: string } {
  // Anything else is an answer that could not be read: to list anew is the safe way on.
  return error instanceof KubernetesError ? error : { status: -1, reason: 'Unreadable' };
}
