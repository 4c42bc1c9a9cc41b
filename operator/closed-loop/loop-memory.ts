/** What the controller keeps of a ClosedLoop beside its place in the table: also for those whose spec is not usable. */
import {
  type ClosedLoop,
  type ClosedLoopStatus,
  closedLoopStatusSchema,
} from '../../policies/resources/closed-loop.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { Finding } from './conditions.ts';

export interface LoopMemory {
  readonly uid: string | undefined;
  /** The status as the API server has it; undefined before the first. */
  written: ClosedLoopStatus | undefined;
  /** Unix seconds: identity of the last pushed message that was decided on. */
  handledMessageTime: number | undefined;
  /** Of the target last seen: another one under the same name has no history. */
  targetUid: string | undefined;
  /** What is known of the policy engine since it was asked last. */
  policyEngine: Finding | undefined;
}

export interface LoopMemories {
  get(key: string): LoopMemory | undefined;
  /** The memory of this very object; starts from its status when the object is new (or new under its name). */
  of(key: string, object: ClosedLoop): LoopMemory;
  forget(key: string): void;
}

export function createLoopMemories(): LoopMemories {
  const memories = new Map<string, LoopMemory>();
  return {
    get: (key) => memories.get(key),
    of(key, object) {
      const known = memories.get(key);
      if (known !== undefined && known.uid === object.metadata.uid) return known;
      const status = storedStatus(object);
      const decided = status?.lastDecision?.time;
      const memory: LoopMemory = {
        uid: object.metadata.uid,
        written: status,
        // The time of a decision on a pushed message is that message's.
        handledMessageTime: decided === undefined ? undefined : fromTimestamp(decided),
        targetUid: undefined,
        policyEngine: undefined,
      };
      memories.set(key, memory);
      return memory;
    },
    forget: (key) => void memories.delete(key),
  };
}

/** A status that another version wrote, or somebody by hand, may not be usable: then it is as if there were none. */
function storedStatus(object: ClosedLoop): ClosedLoopStatus | undefined {
  const parsed = closedLoopStatusSchema.safeParse(object.status);
  return parsed.success ? parsed.data : undefined;
}
