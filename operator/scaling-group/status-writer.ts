/**
 * Writes the status of groups beside the reconcile, never within it: a slow status write must not hold up the patches of a
 * request that comes meanwhile. A group has one write under way, and the newest status wins.
 */
import { isNotFound, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { apiVersion } from '../../policies/resources/resource.ts';
import type { ScalingGroup, ScalingGroupStatus } from '../../policies/resources/scaling-group.ts';
import { fieldManager, type OperatorContext } from '../runtime/contract.ts';
import type { GroupMemory } from './group-memory.ts';
import type { ScalingGroupMetrics } from './metrics.ts';
import { isUrgent, sameStatus } from './status.ts';

/** Time between two writes of mere progress of a group. */
export const progressIntervalSeconds = 1;

export interface GroupStatusWriter {
  /**
   * Takes over `status` as the group's newest and writes it, if it is new, at once or when it is due.
   * @returns seconds after which to ask again, when it has to wait
   */
  submit(group: ScalingGroup, memory: GroupMemory, status: ScalingGroupStatus): number | undefined;
  /** Resolves when no write is under way. */
  idle(): Promise<void>;
}

export interface GroupStatusWriterOptions {
  readonly context: Pick<OperatorContext, 'api' | 'logger' | 'mayAct' | 'now'>;
  readonly metrics: ScalingGroupMetrics;
  /** Asks to reconcile a group again whose status could not be written, or changed while it was written. */
  readonly again: (key: string, afterMilliseconds: number) => void;
}

export function createGroupStatusWriter({ context, metrics, again }: GroupStatusWriterOptions): GroupStatusWriter {
  const { api, logger, mayAct, now } = context;
  const underWay = new Set<Promise<void>>();

  async function write({ metadata }: ScalingGroup, memory: GroupMemory): Promise<void> {
    const { namespace, name, uid } = metadata;
    try {
      do {
        if (!mayAct() || memory.status === undefined) return;
        const status = memory.status;
        memory.urgent = false;
        // The uid keeps a deleted group's status off another of its name. By apply, so that what is left out is removed.
        const body = { apiVersion, kind: 'ScalingGroup', metadata: { namespace, name, uid }, status };
        await api.apply(resourceTypes.scalingGroup, body, { fieldManager, subresource: 'status' });
        memory.written = status;
        memory.writtenAt = now();
        metrics.statusWritten('written');
      } while (memory.urgent);
    } catch (error) {
      if (isNotFound(error) || (error instanceof KubernetesError && error.status === 409)) return;
      metrics.statusWritten('failed');
      logger.warn({ err: error, scalingGroup: `${namespace}/${name}` }, 'status not written; trying again');
    }
    const leftOver = memory.status !== undefined && !sameStatus(memory.written, memory.status);
    if (leftOver) again(`${namespace}/${name}`, progressIntervalSeconds * 1000);
  }

  return {
    submit(group, memory, status) {
      memory.status = status;
      if (sameStatus(memory.written, status)) return undefined;
      const urgent = isUrgent(memory.written, status);
      if (memory.writing) {
        memory.urgent ||= urgent;
        return undefined;
      }
      const wait = memory.writtenAt + progressIntervalSeconds - now();
      if (!urgent && wait > 0) return wait;
      memory.writing = true;
      const done = write(group, memory).finally(() => {
        memory.writing = false;
        underWay.delete(done);
      });
      underWay.add(done);
      return undefined;
    },
    async idle() {
      await Promise.all(underWay);
    },
  };
}
