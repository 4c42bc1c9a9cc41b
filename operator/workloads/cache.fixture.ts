/** A cache for tests that is filled by hand and tells its listeners as an informer does. */
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ChangeKind, ResourceCache } from '../runtime/contract.ts';

export interface HandFilledCache<T extends StoredObject> extends ResourceCache<T> {
  put(object: T): void;
  remove(namespace: string, name: string): void;
}

export function createHandFilledCache<T extends StoredObject>(initial: readonly T[] = []): HandFilledCache<T> {
  const objects = new Map<string, T>();
  const listeners: ((kind: ChangeKind, object: T, previous: T | undefined) => void)[] = [];
  const keyOf = ({ metadata }: StoredObject) => `${metadata.namespace ?? ''}/${metadata.name}`;
  const tell = (kind: ChangeKind, object: T, previous: T | undefined) => {
    for (const listener of listeners) listener(kind, object, previous);
  };
  const cache: HandFilledCache<T> = {
    async run() {},
    async synced() {},
    get: (namespace, name) => objects.get(`${namespace}/${name}`),
    list: (namespace) =>
      [...objects.values()].filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
    onChange: (listener) => void listeners.push(listener),
    put(object) {
      const previous = objects.get(keyOf(object));
      objects.set(keyOf(object), object);
      tell(previous ? 'updated' : 'added', object, previous);
    },
    remove(namespace, name) {
      const object = objects.get(`${namespace}/${name}`);
      if (object === undefined) return;
      objects.delete(`${namespace}/${name}`);
      tell('deleted', object, object);
    },
  };
  for (const object of initial) cache.put(object);
  return cache;
}
