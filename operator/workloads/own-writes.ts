/** What this process wrote and its caches have not seen yet, so that it reads its own writes. */
import { LRUCache } from 'lru-cache';
import type { Workload } from './contract.ts';

interface Write {
  /** Version in the cache when it was written. */
  readonly over: string;
  readonly resourceVersion: string;
  readonly replicas: number;
}

// Only writes whose watch event is still under way matter; each entry takes some 200 bytes.
const remembered = 10_000;

export interface OwnWrites {
  remember(uid: string, write: Write): void;
  /** The workload as it is after our write, as long as the cache holds the version from before it. */
  apply(workload: Workload): Workload;
}

export function createOwnWrites(): OwnWrites {
  const writes = new LRUCache<string, Write>({ max: remembered });
  return {
    remember: (uid, write) => void writes.set(uid, write),
    apply(workload) {
      const write = writes.get(workload.uid);
      if (write === undefined) return workload;
      // Any change in the cache ends it. A change from before our write does too: then the precondition of the next
      // write fails, which costs a call and does no harm.
      if (write.over !== workload.resourceVersion) {
        writes.delete(workload.uid);
        return workload;
      }
      return { ...workload, resourceVersion: write.resourceVersion, replicas: write.replicas, observed: false };
    },
  };
}
