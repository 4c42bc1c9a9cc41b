/** Which DeliberativeLoop tunes which ClosedLoop. Pure. */

import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import type { ObjectMeta } from '../../policies/resources/resource.ts';
import { byAge } from '../workloads/age.ts';
import { appliesProposals } from './guard.ts';

type Named = Pick<ObjectMeta, 'name' | 'creationTimestamp' | 'labels'>;

export interface Candidate {
  readonly metadata: Named;
  readonly spec: Pick<DeliberativeLoopSpec, 'closedLoops' | 'mode'>;
}

export interface Selection {
  /** Names of the closed loops that it may tune, or in Observe and Recommend watch. */
  readonly closedLoops: readonly string[];
  /** Selected, but kept by an older DeliberativeLoop. */
  readonly conflicts: readonly { readonly closedLoop: string; readonly keptBy: string }[];
  /** Named, but not there. */
  readonly absent: readonly string[];
}

export function selects({ names, matchLabels }: Candidate['spec']['closedLoops'], { name, labels }: Named): boolean {
  if (names !== undefined) return names.includes(name);
  return Object.entries(matchLabels ?? {}).every(([key, value]) => labels?.[key] === value);
}

/**
 * What one DeliberativeLoop has of its namespace. Of several that act on one closed loop the oldest keeps it (of one second,
 * the first by name); those in Observe and Recommend do nothing to it, so they neither keep it nor conflict.
 */
export function selectClosedLoops(
  self: Candidate,
  all: readonly Candidate[],
  closedLoops: readonly { readonly metadata: Named }[],
): Selection {
  const selected = closedLoops.map(({ metadata }) => metadata).filter((loop) => selects(self.spec.closedLoops, loop));
  const present = new Set(closedLoops.map(({ metadata }) => metadata.name));
  const absent = (self.spec.closedLoops.names ?? []).filter((name) => !present.has(name));
  const older = appliesProposals(self.spec.mode)
    ? all.filter((other) => appliesProposals(other.spec.mode) && byAge(other, self) < 0).sort(byAge)
    : [];
  const mine: string[] = [];
  const conflicts: { closedLoop: string; keptBy: string }[] = [];
  for (const loop of selected) {
    const keeper = older.find((other) => selects(other.spec.closedLoops, loop));
    if (keeper === undefined) mine.push(loop.name);
    else conflicts.push({ closedLoop: loop.name, keptBy: keeper.metadata.name });
  }
  return { closedLoops: mine.sort(), conflicts, absent };
}
