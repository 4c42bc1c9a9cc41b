/** The operator's part of a DeliberativeLoop's status; the agent writes the rest under a name of its own. Pure. */
import { findCondition, nextCondition } from '../../policies/resources/conditions.ts';
import type { DeliberativeLoopStatus, Proposal } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { Finding } from './conditions.ts';
import { type Entry, policyName, runsHere } from './entries.ts';

/** `proposals` and `policy` only of the policies that run in the operator. */
export type OperatorStatus = Pick<DeliberativeLoopStatus, 'observedGeneration' | 'conditions'> &
  Partial<Pick<DeliberativeLoopStatus, 'proposals' | 'policy'>>;

export function statusOf(entry: Entry, findings: readonly Finding[], now: number): OperatorStatus {
  const { object, spec, ownProposals } = entry;
  const { generation } = object.metadata;
  // What was said last, since the cache may be behind it.
  const previous = entry.conditions ?? object.status?.conditions ?? [];
  const conditions = findings.map((finding): Condition => {
    const change = { ...finding, ...(generation === undefined ? {} : { observedGeneration: generation }) };
    return nextCondition(findCondition(previous, finding.type), change, now);
  });
  const proposals: Proposal[] = [...ownProposals.values()].sort((a, b) => (a.closedLoop < b.closedLoop ? -1 : 1));
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions,
    ...(runsHere(spec) ? { proposals, policy: { name: policyName(spec) } } : {}),
  };
}

/** The same part of what is stored, to see whether it is up to date. */
export function operatorPart(
  stored: DeliberativeLoopStatus | undefined,
  wanted: OperatorStatus,
): OperatorStatus | undefined {
  if (stored === undefined) return undefined;
  const { observedGeneration, proposals, policy } = stored;
  const conditions = wanted.conditions.flatMap(({ type }) => findCondition(stored.conditions, type) ?? []);
  return {
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    conditions,
    ...(wanted.proposals && { proposals, policy }),
  };
}
