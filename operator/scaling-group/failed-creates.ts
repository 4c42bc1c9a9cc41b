/**
 * Why a StatefulSet gets no pods. A Deployment has a ReplicaFailure condition for that; a StatefulSet tells it by events
 * alone, which are looked at only for a member that lags.
 */
import { LRUCache } from 'lru-cache';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Workload } from '../workloads/contract.ts';

interface EventObject {
  readonly regarding?: { readonly uid?: string };
  readonly note?: string;
  readonly eventTime?: string | null;
  readonly deprecatedLastTimestamp?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
}

export interface FailedCreates {
  /** The latest complaint since then (Unix seconds); undefined when there is none. @throws KubernetesError */
  find(workload: Workload, since: number, signal?: AbortSignal): Promise<string | undefined>;
}

/** A member's events are listed again after that. */
const rememberedMilliseconds = 2_000;

export function createFailedCreates(api: Pick<KubernetesApi, 'list'>): FailedCreates {
  const answers = new LRUCache<string, { readonly note: string | undefined }>({
    max: 1_000,
    ttl: rememberedMilliseconds,
  });
  return {
    async find({ namespace, uid, ref }, since, signal) {
      const known = answers.get(uid);
      if (known !== undefined) return known.note;
      const fieldSelector = `reason=FailedCreate,regarding.kind=${ref.kind},regarding.name=${ref.name}`;
      const { items } = await api.list<EventObject>(resourceTypes.event, { namespace, fieldSelector, signal });
      // Event times may be whole seconds.
      const recent = items
        .filter((event) => event.regarding?.uid === uid && lastSeen(event) >= Math.floor(since))
        .sort((a, b) => lastSeen(b) - lastSeen(a));
      const answer = { note: recent[0]?.note };
      answers.set(uid, answer);
      return answer.note;
    },
  };
}

function lastSeen({ series, deprecatedLastTimestamp, eventTime }: EventObject): number {
  const time = series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime;
  return time ? Date.parse(time) / 1000 : 0;
}
