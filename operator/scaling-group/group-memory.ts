/** What the controller knows of a group before its caches show it: its own status writes, and when a request came. */
import type { ScalingGroup, ScalingGroupStatus } from '../../policies/resources/scaling-group.ts';

export interface GroupMemory {
  readonly uid: string | undefined;
  /** The newest, written or about to be. */
  status: ScalingGroupStatus | undefined;
  /** As the API server has it. */
  written: ScalingGroupStatus | undefined;
  /** Unix seconds of the last status write. */
  writtenAt: number;
  /** A status write is under way. */
  writing: boolean;
  /** The newest status may not wait. */
  urgent: boolean;
  /** By member key: why the last write of its replicas was refused. */
  readonly refusedWrites: Map<string, string>;
}

export interface GroupMemories {
  /** A group made anew under the same name begins afresh; one that another leader served, with its stored status. */
  of(key: string, group: ScalingGroup): GroupMemory;
  forget(key: string): void;
}

export function createGroupMemories(): GroupMemories {
  const memories = new Map<string, GroupMemory>();
  return {
    of(key, { metadata: { uid }, status }) {
      const known = memories.get(key);
      if (known !== undefined && known.uid === uid) return known;
      const fresh: GroupMemory = {
        uid,
        status,
        written: status,
        writtenAt: 0,
        writing: false,
        urgent: false,
        refusedWrites: new Map(),
      };
      memories.set(key, fresh);
      return fresh;
    },
    forget: (key) => void memories.delete(key),
  };
}
