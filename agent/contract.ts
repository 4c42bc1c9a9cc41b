/** What the parts of the agent are given. */
import type { Registry } from 'prom-client';
import type { KubernetesApi } from '../env/cluster/kubernetes-api.ts';
import type { Logger } from '../env/service/logger.ts';
import type { StoredObject } from '../policies/resources/resource.ts';

/** Our name in managedFields: everything that the agent writes, it writes under it. */
export const fieldManager = 'duoloop-agent';

export interface EventWriter {
  /** Never throws and never waits; the same again on one object is told once in ten minutes. */
  record(regarding: StoredObject, type: 'Normal' | 'Warning', reason: string, note: string): void;
}

export interface AgentContext {
  readonly api: KubernetesApi;
  readonly events: EventWriter;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** Unix seconds. */
  readonly now: () => number;
  /** Of this process in claims. */
  readonly identity: string;
  /** Namespaces that it serves; undefined for all. */
  readonly namespaces: readonly string[] | undefined;
}
