/** Status by server-side apply, and only when it says something new. */
import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import { isNotFound, KubernetesError, type ResourceType } from '../../env/cluster/kubernetes-api.ts';
import type { CustomResource } from '../../policies/resources/resource.ts';
import { fieldManager, type OperatorContext } from './contract.ts';
import { perRegistry } from './metrics.ts';

export type StatusOutcome = 'written' | 'unchanged' | 'gone' | 'not leader';

export interface StatusWriter<Status extends object> {
  /**
   * @param object as the cache has it
   * @returns `gone` when the object was deleted or replaced by another of its name
   * @throws KubernetesError when it could not be written; the next call finds it unwritten
   */
  write(object: CustomResource<unknown, Status>, status: Status, signal?: AbortSignal): Promise<StatusOutcome>;
}

export interface StatusWriterOptions {
  readonly type: ResourceType;
  readonly context: Pick<OperatorContext, 'api' | 'metrics' | 'mayAct'>;
  readonly fieldManager?: string;
}

const writerMetrics = perRegistry((registry) => ({
  writes: new Counter({
    name: 'duoloop_status_writes_total',
    help: 'Statuses by outcome: written, unchanged (no call), gone or failed',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
  }),
}));

/** Remembered statuses; of a forgotten one the cache tells whether it is new. */
const maxRemembered = 10_000;

interface Written {
  readonly status: unknown;
  readonly resourceVersion: string;
}

export function createStatusWriter<Status extends object>(options: StatusWriterOptions): StatusWriter<Status> {
  const { type, context, fieldManager: manager = fieldManager } = options;
  const metrics = writerMetrics(context.metrics);
  const { kind } = type;
  /** By uid: the cache may still show what was there before our last write. */
  const lastWritten = new LRUCache<string, Written>({ max: maxRemembered });

  const isUnchanged = (object: CustomResource<unknown, Status>, status: Status): boolean => {
    const wanted = withoutEmpty(status);
    const last = lastWritten.get(object.metadata.uid ?? '');
    // After a restart: only a status that is the same in all is known to need nothing.
    if (last === undefined)
      return object.status !== undefined && isDeepStrictEqual(wanted, withoutEmpty(object.status));
    if (!isDeepStrictEqual(wanted, last.status)) return false;
    // Ours are there still, unless somebody wrote after us; what others added beside them is theirs.
    return !isNewer(object.metadata.resourceVersion, last.resourceVersion) || contains(object.status, wanted);
  };

  const apply = (object: CustomResource<unknown, Status>, status: Status, version?: string, signal?: AbortSignal) => {
    const { name, namespace } = object.metadata;
    const body = { apiVersion: type.apiVersion, kind, metadata: { name, namespace, resourceVersion: version }, status };
    const options = { fieldManager: manager, subresource: 'status', signal } as const;
    return context.api.apply<typeof object>(type, body, options);
  };

  /** Undefined when the object is gone. */
  const applyToSame = async (object: CustomResource<unknown, Status>, status: Status, signal?: AbortSignal) => {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const last = lastWritten.get(uid ?? '')?.resourceVersion;
    try {
      // The version stands for the object: of the status subresource the server does not look at the uid.
      return await apply(object, status, last && isNewer(last, resourceVersion) ? last : resourceVersion, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!(error instanceof KubernetesError) || error.status !== 409) throw error;
    }
    // Somebody wrote in between, perhaps all the time: it is enough that it is the same object still.
    try {
      const current = await context.api.get<typeof object>(type, namespace, name, { signal });
      return current.metadata.uid === uid ? await apply(object, status, undefined, signal) : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };

  return {
    async write(object, status, signal) {
      const outcome = await (async (): Promise<StatusOutcome> => {
        if (isUnchanged(object, status)) return 'unchanged';
        if (!context.mayAct()) return 'not leader';
        const uid = object.metadata.uid ?? '';
        let stored: CustomResource<unknown, Status> | undefined;
        try {
          stored = await applyToSame(object, status, signal);
        } catch (error) {
          // It may have been written all the same: what the cache will show decides.
          lastWritten.delete(uid);
          metrics.writes.inc({ kind, outcome: 'failed' });
          throw error;
        }
        if (stored === undefined) {
          lastWritten.delete(uid);
          return 'gone';
        }
        lastWritten.set(uid, {
          status: withoutEmpty(status),
          resourceVersion: stored.metadata.resourceVersion ?? '',
        });
        return 'written';
      })();
      metrics.writes.inc({ kind, outcome });
      return outcome;
    },
  };
}

/** What the API server keeps of it: no fields without a value, no empty lists and records. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, withoutEmpty(item)] as const);
  const kept = entries.filter(([, item]) => item !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** Whether every field of `part` is in `whole` with the same value. */
function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return (
      Array.isArray(whole) && whole.length === part.length && part.every((item, index) => contains(whole[index], item))
    );
  }
  if (typeof part !== 'object' || part === null) return whole === part;
  if (typeof whole !== 'object' || whole === null) return false;
  return Object.entries(part).every(([key, value]) => contains((whole as Record<string, unknown>)[key], value));
}

/** Resource versions are decimal numbers of any length (comparable by the API's definition since 1.35). */
function isNewer(version: string | undefined, than = '0'): boolean {
  if (version === undefined) return false;
  return version.length === than.length ? version > than : version.length > than.length;
}
