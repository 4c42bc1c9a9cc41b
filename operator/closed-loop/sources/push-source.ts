/** Numbers that managed systems pushed: the last message of each loop, and what of it is fresh. */
import { LRUCache } from 'lru-cache';
import type { MetricRequest, PushedMessage, PushStore } from '../contract.ts';
import { missing, type Source } from './source.ts';

export interface PushStoreOptions {
  /** Loops whose message is kept. Beyond it, the loop that has not been pushed or read for longest is forgotten. */
  readonly maxLoops: number;
}

export function createPushStore({ maxLoops }: PushStoreOptions): PushStore {
  const messages = new LRUCache<string, PushedMessage>({ max: maxLoops });
  const keyOf = (namespace: string, loop: string) => `${namespace}/${loop}`;
  return {
    put: (namespace, loop, message) => void messages.set(keyOf(namespace, loop), message),
    get: (namespace, loop) => messages.get(keyOf(namespace, loop)),
    forget: (namespace, loop) => void messages.delete(keyOf(namespace, loop)),
  };
}

/** @param now Unix seconds */
export function createPushSource(store: PushStore, now: () => number): Source {
  function read({ namespace, loop, metric, source }: MetricRequest) {
    const { field = metric, maxAgeSeconds = 60 } = source.push ?? {};
    const message = store.get(namespace, loop);
    if (message === undefined) return missing('nothing was pushed yet');
    if (!Object.hasOwn(message.values, field)) return missing(`the last push has no field ${field}`);
    if (now() - message.time > maxAgeSeconds) return missing(`the last push is older than ${maxAgeSeconds} s`);
    return { value: message.values[field], time: message.time };
  }
  return { read: async (requests) => requests.map(read) };
}
