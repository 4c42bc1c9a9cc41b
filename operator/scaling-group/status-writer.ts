/**
 * Writes the status of groups beside the reconcile, never within it: a slow status write must not hold up the patches of a
 * request that comes meanwhile. A group has one write under way, and the newest status wins.
 */
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { ScalingGroup, ScalingGroupStatus } from '../../policies/resources/scaling-group.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import { createStatusWriter } from '../runtime/status-writer.ts';
import type { GroupMemory } from './group-memory.ts';
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
  readonly context: Pick<OperatorContext, 'api' | 'logger' | 'metrics' | 'mayAct' | 'now'>;
  /** Asks to reconcile a group again whose status could not be written, or changed while it was written. */
  readonly again: (key: string, afterMilliseconds: number) => void;
}

export function createGroupStatusWriter({ context, again }: GroupStatusWriterOptions): GroupStatusWriter {
  const { logger, now } = context;
  const writer = createStatusWriter<ScalingGroupStatus>({ type: resourceTypes.scalingGroup, context });
  const underWay = new Set<Promise<void>>();

  async function write(group: ScalingGroup, memory: GroupMemory): Promise<void> {
    const key = `${group.metadata.namespace}/${group.metadata.name}`;
    try {
      do {
        if (memory.status === undefined) return;
        const status = memory.status;
        memory.urgent = false;
        const outcome = await writer.write(group, status);
        if (outcome === 'gone' || outcome === 'not leader') return;
        memory.written = status;
        memory.writtenAt = now();
      } while (memory.urgent);
    } catch (error) {
      logger.warn({ scalingGroup: key, error: (error as Error).message }, 'status not written; trying again');
    }
    const leftOver = memory.status !== undefined && !sameStatus(memory.written, memory.status);
    if (leftOver) again(key, progressIntervalSeconds * 1000);
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
