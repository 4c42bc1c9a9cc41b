/** The objects of one type as last seen, by namespace and name, and who wants to know of changes. */
import type { Logger } from '../../env/service/logger.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ChangeKind } from './contract.ts';

export type ChangeListener<T> = (kind: ChangeKind, object: T, previous: T | undefined) => void;

export interface ObjectStore<T extends StoredObject> {
  readonly size: number;
  get(namespace: string, name: string): T | undefined;
  list(namespace?: string): T[];
  /** Nothing happens when it is the version that is there. */
  put(object: T): void;
  remove(object: T): void;
  /** Makes `objects` all there is in `namespace` (undefined: anywhere) and tells of the differences. */
  replaceAll(objects: readonly T[], namespace: string | undefined): void;
  /** Tells of what is there already as added. */
  onChange(listener: ChangeListener<T>): void;
}

export function createObjectStore<T extends StoredObject>(logger: Logger): ObjectStore<T> {
  const byNamespace = new Map<string, Map<string, T>>();
  const listeners: ChangeListener<T>[] = [];
  let size = 0;

  const call = (listener: ChangeListener<T>, kind: ChangeKind, object: T, previous: T | undefined) => {
    try {
      listener(kind, object, previous);
    } catch (error) {
      logger.error({ err: error, kind: object.kind, name: object.metadata.name }, 'a listener of the cache threw');
    }
  };
  const tell = (kind: ChangeKind, object: T, previous: T | undefined) => {
    for (const listener of listeners) call(listener, kind, object, previous);
  };

  const store: ObjectStore<T> = {
    get size() {
      return size;
    },
    get: (namespace, name) => byNamespace.get(namespace)?.get(name),
    list(namespace) {
      if (namespace !== undefined) return [...(byNamespace.get(namespace)?.values() ?? [])];
      return [...byNamespace.values()].flatMap((objects) => [...objects.values()]);
    },
    put(object) {
      const { namespace = '', name, uid, resourceVersion } = object.metadata;
      let previous = byNamespace.get(namespace)?.get(name);
      if (previous !== undefined && previous.metadata.resourceVersion === resourceVersion) return;
      if (previous !== undefined && previous.metadata.uid !== uid) {
        // Deleted and made anew while nobody watched: two objects of one name.
        store.remove(previous);
        previous = undefined;
      }
      let objects = byNamespace.get(namespace);
      if (objects === undefined) {
        objects = new Map();
        byNamespace.set(namespace, objects);
      }
      objects.set(name, object);
      if (previous === undefined) size += 1;
      tell(previous === undefined ? 'added' : 'updated', object, previous);
    },
    remove(object) {
      const { namespace = '', name } = object.metadata;
      const objects = byNamespace.get(namespace);
      const previous = objects?.get(name);
      if (objects === undefined || previous === undefined) return;
      objects.delete(name);
      if (objects.size === 0) byNamespace.delete(namespace);
      size -= 1;
      tell('deleted', object, previous);
    },
    replaceAll(objects, namespace) {
      const kept = new Set(objects.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`));
      for (const object of store.list(namespace)) {
        if (!kept.has(`${object.metadata.namespace ?? ''}/${object.metadata.name}`)) store.remove(object);
      }
      for (const object of objects) store.put(object);
    },
    onChange(listener) {
      for (const object of store.list()) call(listener, 'added', object, undefined);
      listeners.push(listener);
    },
  };
  return store;
}
