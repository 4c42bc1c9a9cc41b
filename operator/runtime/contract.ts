/** What controllers are made of and what they are given. Made in this folder, used by every kind's folder. */

import type { Registry } from 'prom-client';
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';
import type { Logger } from '../../env/service/logger.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';

export type ChangeKind = 'added' | 'updated' | 'deleted';

/** An informer: the objects of one type as last seen. What it gives must not be changed. */
export interface ResourceCache<T extends StoredObject> {
  /** Lists, watches, and starts again on every kind of failure, until aborted; then settles. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves after the first complete list. */
  synced(signal: AbortSignal): Promise<void>;
  get(namespace: string, name: string): T | undefined;
  list(namespace?: string): T[];
  /** Listeners only enqueue: one that throws is logged, the cache goes on. `previous` is absent when added. */
  onChange(listener: (kind: ChangeKind, object: T, previous: T | undefined) => void): void;
}

/** Nothing that a retry would mend: the object waits until it is changed. */
export class TerminalError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TerminalError';
    this.code = code;
  }
}

export interface ReconcileResult {
  readonly requeueAfterMilliseconds?: number;
}

/** `namespace/name`. Gets an identity, reads the object anew, is safe to repeat. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<ReconcileResult | undefined>;

/**
 * Keys waiting for their reconcile: a key waits once however often it was added, never runs twice at a time, and runs once
 * more when it was added while running. Failures come back with exponential back-off and jitter; a TerminalError does not.
 */
export interface WorkQueue {
  add(key: string, afterMilliseconds?: number): void;
  /** Works until aborted, then lets the reconciles under way end. */
  run(signal: AbortSignal): Promise<void>;
  /** Keys waiting or under way (delayed ones not counted). */
  readonly size: number;
}

export interface EventRecorder {
  /** Never throws and never waits; the same event again within some minutes raises a count instead of making a new one. */
  record(regarding: StoredObject, type: 'Normal' | 'Warning', reason: string, note: string): void;
}

export interface LeaderElector {
  /** Whether this process may act at this very moment: it holds the lease and could renew it in time. Checked before each write. */
  isLeader(): boolean;
  /** The holder's identity as last seen; undefined when nobody holds it. */
  holder(): string | undefined;
  /**
   * Competes for the lease; `onLeading` runs while it is held and its signal is aborted before another could take over.
   * Releases the lease when `signal` is aborted and `onLeading` has settled.
   */
  run(signal: AbortSignal, onLeading: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

/** What every controller gets. */
export interface OperatorContext {
  readonly api: KubernetesApi;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** False once leadership may be lost: nothing may be written any more. */
  readonly mayAct: () => boolean;
  /** Unix time in seconds. */
  readonly now: () => number;
  /** Namespaces that this operator serves; undefined for all. */
  readonly namespaces: readonly string[] | undefined;
}

/** Our name in managedFields. */
export const fieldManager = 'duoloop-operator';
