/**
 * Writes the agent's part of a DeliberativeLoop's status: server-side apply of that subresource under a name of our own, on
 * condition that nobody else claimed the object meanwhile.
 */
import { isNotFound, type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { DeliberativeLoop, DeliberativeLoopStatus } from '../../policies/resources/deliberative-loop.ts';
import { fieldManager } from '../contract.ts';

/** Conditions: our own only. What is left out is given up. */
export type AgentStatus = Partial<Omit<DeliberativeLoopStatus, 'observedGeneration'>>;

export type WriteOutcome = 'written' | 'foreign' | 'gone';

export interface StatusWriter {
  /**
   * @param object as it was read; its resourceVersion is the condition of the write
   * @param mayWrite asked with the object as it is by then, when somebody wrote in between
   * @returns the new resourceVersion with `written`; `gone` when the object was deleted or made anew, `foreign` when it may
   * not be written any more
   * @throws KubernetesError
   */
  write(
    object: DeliberativeLoop,
    status: AgentStatus,
    mayWrite: (current: DeliberativeLoop) => boolean,
    signal: AbortSignal,
  ): Promise<{ readonly outcome: WriteOutcome; readonly resourceVersion?: string }>;
}

/** The operator writes to the same object when it takes in what we propose. */
const maxAttempts = 5;
const type = resourceTypes.deliberativeLoop;

export function createStatusWriter(api: KubernetesApi): StatusWriter {
  return {
    async write(object, status, mayWrite, signal) {
      const { namespace, name, uid } = object.metadata;
      let { resourceVersion } = object.metadata;
      for (let attempt = 1; ; attempt++) {
        const metadata = { name, namespace, resourceVersion };
        const body = { apiVersion: type.apiVersion, kind: type.kind, metadata, status };
        try {
          const stored = await api.apply<DeliberativeLoop>(type, body, { fieldManager, subresource: 'status', signal });
          return { outcome: 'written', resourceVersion: stored.metadata.resourceVersion };
        } catch (error) {
          if (isNotFound(error)) return { outcome: 'gone' };
          const isConflict = error instanceof KubernetesError && error.status === 409;
          if (!isConflict || attempt === maxAttempts) throw error;
        }
        const current = await api.get<DeliberativeLoop>(type, namespace, name, { signal }).catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        });
        if (current?.metadata.uid !== uid) return { outcome: 'gone' };
        if (!mayWrite(current as DeliberativeLoop)) return { outcome: 'foreign' };
        resourceVersion = current?.metadata.resourceVersion;
      }
    },
  };
}
