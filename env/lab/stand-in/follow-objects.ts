/** The objects of a namespace, as they come, change and go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubernetesApi, KubernetesError, type ResourceType } from '../../cluster/kubernetes-api.ts';

/** What is needed to tell objects apart. */
interface IdentifiedObject {
  readonly metadata: { readonly uid: string };
}

export interface FollowObjectsOptions<T extends IdentifiedObject> {
  readonly api: KubernetesApi;
  readonly type: ResourceType;
  readonly namespace: string;
  /** An object has appeared or changed. */
  readonly put: (object: T) => void;
  readonly remove: (uid: string) => void;
  readonly signal: AbortSignal;
  /** Told of every failure that is tried again. */
  readonly onFailure?: (error: KubernetesError) => void;
}

const retrySeconds = 0.5;

/** Lists and watches until aborted, again after every failure; then settles. Rejects on nothing else than a defect. */
export async function followObjects<T extends IdentifiedObject>(options: FollowObjectsOptions<T>): Promise<void> {
  const { api, type, namespace, signal, onFailure } = options;
  const known = new Set<string>();
  const put = (object: T) => {
    known.add(object.metadata.uid);
    options.put(object);
  };
  const remove = (uid: string) => {
    if (known.delete(uid)) options.remove(uid);
  };
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await api.list<T>(type, { namespace, signal });
      const listed = new Set(items.map(({ metadata }) => metadata.uid));
      for (const uid of [...known]) if (!listed.has(uid)) remove(uid);
      items.forEach(put);
      await api.watch<T>(type, { namespace, resourceVersion, signal }, (event) => {
        if (event.type === 'DELETED') remove(event.object.metadata.uid);
        else if (event.type !== 'BOOKMARK') put(event.object);
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof KubernetesError)) throw error;
      onFailure?.(error);
      await sleep(retrySeconds * 1000, undefined, { signal }).catch(() => undefined);
    }
  }
}
