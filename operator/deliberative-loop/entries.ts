/** What the controller knows of each DeliberativeLoop between reconciles. */
import type { DeliberativeLoop, DeliberativeLoopSpec, Proposal } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { ProposedRaise } from './operator-policies.ts';
import type { Outcome } from './outcomes.ts';

export interface Entry {
  readonly key: string;
  readonly namespace: string;
  readonly uid: string | undefined;
  object: DeliberativeLoop;
  spec: DeliberativeLoopSpec;
  /** Keys of the closed loops that it tunes, or in Observe and Recommend watches. */
  closedLoops: readonly string[];
  /** Keys of those that are not run yet: it wants to hear of their first decision. */
  waiting: ReadonlySet<string>;
  /** By name of the closed loop: what the policies that run here proposed last. */
  readonly ownProposals: Map<string, Proposal>;
  readonly proposedRaises: Map<string, ProposedRaise>;
  readonly outcomes: Map<string, Outcome>;
  /** Names whose conflict was told already. */
  readonly toldConflicts: Set<string>;
  /** What the operator said last; undefined before. */
  conditions: readonly Condition[] | undefined;
}

/** Whether its policy runs in the operator, which then writes its proposals. */
export function runsHere({ policy }: DeliberativeLoopSpec): boolean {
  return policy.lastTen !== undefined || policy.randomGroup !== undefined;
}

export function policyName({ policy }: DeliberativeLoopSpec): string {
  return Object.entries(policy).find(([, value]) => value !== undefined)?.[0] ?? 'none';
}

/** A new entry goes on from what the status shows, so that a restart proposes nothing a second time. */
export function createEntry(key: string, object: DeliberativeLoop, spec: DeliberativeLoopSpec): Entry {
  const shown =
    runsHere(spec) && object.status?.policy?.name === policyName(spec) ? object.status.proposals : undefined;
  return {
    key,
    namespace: object.metadata.namespace ?? '',
    uid: object.metadata.uid,
    object,
    spec,
    closedLoops: [],
    waiting: new Set(),
    ownProposals: new Map((shown ?? []).map((proposal) => [proposal.closedLoop, proposal])),
    proposedRaises: new Map(),
    outcomes: new Map(),
    toldConflicts: new Set(),
    conditions: undefined,
  };
}

export interface EntryTable {
  get(key: string): Entry | undefined;
  keys(): string[];
  put(entry: Entry): void;
  remove(key: string): void;
  /** @param loopKeys of the closed loops that an entry tunes or watches */
  assign(entry: Entry, loopKeys: readonly string[]): void;
  /** The entries that tune or watch a closed loop. */
  of(loopKey: string): Entry[];
}

export function createEntryTable(): EntryTable {
  const entries = new Map<string, Entry>();
  const byLoop = new Map<string, Set<string>>();

  function unassign(key: string): void {
    for (const loopKey of entries.get(key)?.closedLoops ?? []) {
      const keys = byLoop.get(loopKey);
      keys?.delete(key);
      if (keys?.size === 0) byLoop.delete(loopKey);
    }
  }

  return {
    get: (key) => entries.get(key),
    keys: () => [...entries.keys()],
    put(entry) {
      if (entries.get(entry.key) !== entry) unassign(entry.key);
      entries.set(entry.key, entry);
    },
    remove(key) {
      unassign(key);
      entries.delete(key);
    },
    assign(entry, loopKeys) {
      unassign(entry.key);
      entry.closedLoops = loopKeys;
      for (const loopKey of loopKeys) {
        const keys = byLoop.get(loopKey) ?? new Set();
        byLoop.set(loopKey, keys.add(entry.key));
      }
    },
    of: (loopKey) =>
      [...(byLoop.get(loopKey) ?? [])].map((key) => entries.get(key)).filter((entry) => entry !== undefined),
  };
}
