/**
 * An API server in memory, for tests of what talks to one: versions, conflicts, watches with history, and the ways in which
 * they fail. No schemas, no admission, no rights; server-side apply only merges and forgets nothing.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  type JsonPatchOperation,
  type KubernetesApi,
  KubernetesError,
  type ResourceType,
  type WatchEvent,
} from './kubernetes-api.ts';

interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

export interface MemoryConnection {
  readonly api: KubernetesApi;
  /** Every call so far, as `verb kind namespace/name`. */
  readonly calls: string[];
  /** While down, calls fail as when nothing listens and watches break. */
  setDown(isDown: boolean): void;
  /** Ends the connection's watches as the server does regularly. */
  endWatches(): void;
}

export interface MemoryKubernetes {
  connect(): MemoryConnection;
  /** Forgets history: a watch from before now is answered with 410. */
  compact(): void;
}

interface Watch {
  deliver(key: string, event: WatchEvent<Stored>): void;
  end(error?: Error): void;
}

export function createMemoryKubernetes(): MemoryKubernetes {
  const objects = new Map<string, Stored>();
  const allWatches = new Set<Watch>();
  let history: { readonly version: number; readonly key: string; readonly event: WatchEvent<Stored> }[] = [];
  let version = 100;
  let oldestVersion = version;

  const keyOf = (type: ResourceType, namespace: string | undefined, name: string) =>
    `${type.apiVersion}/${type.plural}/${type.namespaced ? namespace : ''}/${name}`;
  const prefixOf = (type: ResourceType, namespace: string | undefined) =>
    `${type.apiVersion}/${type.plural}/${namespace === undefined ? '' : `${namespace}/`}`;

  const find = (type: ResourceType, namespace: string | undefined, name: string): Stored => {
    const found = objects.get(keyOf(type, namespace, name));
    if (found === undefined) throw new KubernetesError(404, 'NotFound', `${type.plural} "${name}" not found`);
    return found;
  };
  const publish = (key: string, event: WatchEvent<Stored>) => {
    history.push({ version, key, event });
    for (const watch of allWatches) watch.deliver(key, event);
  };
  const store = (type: ResourceType, namespace: string | undefined, body: object, before: Stored | undefined) => {
    const { metadata, ...rest } = structuredClone(body) as Stored;
    version += 1;
    const object: Stored = {
      ...rest,
      apiVersion: type.apiVersion,
      kind: type.kind,
      metadata: { ...metadata, namespace, uid: before?.metadata.uid ?? randomUUID(), resourceVersion: String(version) },
    };
    const key = keyOf(type, namespace, metadata.name);
    objects.set(key, object);
    publish(key, { type: before === undefined ? 'ADDED' : 'MODIFIED', object });
    return structuredClone(object);
  };
  const refuseStale = (before: Stored, resourceVersion: string | undefined) => {
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      throw new KubernetesError(409, 'Conflict', `${before.metadata.name}: the object has been modified`);
    }
  };

  const connect = (): MemoryConnection => {
    const watches = new Set<Watch>();
    const calls: string[] = [];
    let isDown = false;
    const reach = async (verb: string, what: string) => {
      // Never in the caller's own turn, as over a network.
      await new Promise((resolve) => setImmediate(resolve));
      if (isDown) throw new KubernetesError(0, 'Unreachable', `${verb} ${what}: connect ECONNREFUSED`);
    };
    const enter = async (verb: string, type: ResourceType, namespace?: string, name?: string) => {
      calls.push(`${verb} ${type.kind} ${namespace ?? ''}/${name ?? ''}`);
      await reach(verb, type.kind);
    };
    const endWatches = (error?: Error) => {
      for (const watch of watches) watch.end(error);
    };
    const api: KubernetesApi = {
      server: 'memory:',
      async get<T>(type: ResourceType, namespace: string | undefined, name: string) {
        await enter('get', type, namespace, name);
        return structuredClone(find(type, namespace, name)) as T;
      },
      async list<T>(type: ResourceType, options: { namespace?: string; labelSelector?: string } = {}) {
        await enter('list', type, options.namespace);
        const prefix = prefixOf(type, options.namespace);
        const items = [...objects]
          .filter(([key]) => key.startsWith(prefix))
          .map(([, object]) => structuredClone(object));
        return { items: items as T[], resourceVersion: String(version) };
      },
      async watch<T>(
        type: ResourceType,
        options: { namespace?: string; resourceVersion: string; signal: AbortSignal },
        onEvent: (event: WatchEvent<T>) => void,
      ) {
        await enter('watch', type, options.namespace);
        const from = Number(options.resourceVersion);
        if (from < oldestVersion) throw new KubernetesError(410, 'Expired', `too old resource version: ${from}`);
        const prefix = prefixOf(type, options.namespace);
        const deliver = (key: string, event: WatchEvent<Stored>) => {
          if (key.startsWith(prefix)) onEvent(structuredClone(event) as WatchEvent<T>);
        };
        for (const past of history) if (past.version > from) deliver(past.key, past.event);
        await new Promise<void>((resolve, reject) => {
          const watch: Watch = {
            deliver,
            end(error) {
              allWatches.delete(watch);
              watches.delete(watch);
              if (error === undefined) resolve();
              else reject(error);
            },
          };
          const stop = () => watch.end();
          allWatches.add(watch);
          watches.add(watch);
          options.signal.addEventListener('abort', stop, { once: true });
          if (options.signal.aborted) stop();
        });
      },
      async create<T>(type: ResourceType, namespace: string | undefined, body: object) {
        const { name } = (body as Stored).metadata;
        await enter('create', type, namespace, name);
        if (objects.has(keyOf(type, namespace, name)))
          throw new KubernetesError(409, 'AlreadyExists', `${name} exists`);
        return store(type, namespace, body, undefined) as T;
      },
      async replace<T>(type: ResourceType, body: object) {
        const { name, namespace, resourceVersion } = (body as Stored).metadata;
        await enter('replace', type, namespace, name);
        const before = find(type, namespace, name);
        refuseStale(before, resourceVersion);
        return store(type, namespace, body, before) as T;
      },
      async apply<T>(type: ResourceType, body: object, options: { subresource?: string }) {
        const { name, namespace, uid, resourceVersion } = (body as Stored).metadata;
        await enter('apply', type, namespace, name);
        const before = objects.get(keyOf(type, namespace, name));
        if (before === undefined && options.subresource)
          throw new KubernetesError(404, 'NotFound', `${name} not found`);
        if (before !== undefined) refuseStale(before, resourceVersion);
        // Of a subresource the server ignores it.
        if (before !== undefined && uid !== undefined && uid !== before.metadata.uid && !options.subresource) {
          throw new KubernetesError(422, 'Invalid', 'metadata.uid: field is immutable');
        }
        return store(type, namespace, merge(before ?? {}, body) as object, before) as T;
      },
      async mergePatch<T>(type: ResourceType, namespace: string | undefined, name: string, patch: object) {
        await enter('mergePatch', type, namespace, name);
        const before = find(type, namespace, name);
        refuseStale(before, (patch as Partial<Stored>).metadata?.resourceVersion);
        return store(type, namespace, merge(before, patch) as object, before) as T;
      },
      async jsonPatch<T>(
        type: ResourceType,
        namespace: string | undefined,
        name: string,
        operations: readonly JsonPatchOperation[],
      ) {
        await enter('jsonPatch', type, namespace, name);
        const before = find(type, namespace, name);
        return store(type, namespace, operations.reduce(operate, before) as object, before) as T;
      },
      async delete(type, namespace, name) {
        await enter('delete', type, namespace, name);
        const before = find(type, namespace, name);
        version += 1;
        const key = keyOf(type, namespace, name);
        objects.delete(key);
        const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
        publish(key, { type: 'DELETED', object });
      },
      async typeOf(apiVersion, kind) {
        throw new KubernetesError(404, 'NotFound', `${apiVersion} has no kind ${kind}`);
      },
      async getPath(path) {
        await reach('GET', path);
        throw new KubernetesError(404, 'NotFound', `${path} not found`);
      },
    };
    return {
      api,
      calls,
      endWatches: () => endWatches(),
      setDown(next) {
        isDown = next;
        if (isDown) endWatches(new KubernetesError(0, 'Unreachable', 'WATCH: aborted'));
      },
    };
  };
  return {
    connect,
    compact() {
      history = [];
      oldestVersion = version;
    },
  };
}

/** RFC 6902, of objects only. */
function operate(target: unknown, { op, path, value }: JsonPatchOperation): unknown {
  const keys = path.split('/').slice(1);
  if (op === 'test') {
    const found = keys.reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], target);
    if (isDeepStrictEqual(found, value)) return target;
    throw new KubernetesError(422, 'Invalid', `testing value ${path} failed`);
  }
  return merge(
    target,
    keys.reduceRight<unknown>((part, key) => ({ [key]: part }), value),
  );
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
