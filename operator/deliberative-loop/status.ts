/** The operator's part of a DeliberativeLoop's status: applied under our own name, and only when it says something new. */
import { isDeepStrictEqual } from 'node:util';
import { isNotFound, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import { fieldManager, type OperatorContext } from '../runtime/contract.ts';
import { conditionsOf, type Finding } from './conditions.ts';
import { type Entry, policyName, runsHere, type WrittenStatus } from './entries.ts';

/** The status to be written; undefined when there is nothing new. */
export function nextWritten(entry: Entry, findings: readonly Finding[], now: number): WrittenStatus | undefined {
  const { object, spec, ownProposals, written } = entry;
  const stored = object.status;
  const previous = written?.conditions ?? stored?.conditions ?? [];
  const conditions = conditionsOf(findings, previous, now, object.metadata.generation);
  const byName = [...ownProposals.values()].sort((a, b) => (a.closedLoop < b.closedLoop ? -1 : 1));
  const proposals = runsHere(spec) ? byName : undefined;
  // Not read back after the first time: what the cache has may be older than what was written.
  const before = written ?? {
    conditions: ours(stored?.conditions, findings),
    proposals: proposals && stored?.proposals,
  };
  return isDeepStrictEqual(inOneForm(before), inOneForm({ conditions, proposals }))
    ? undefined
    : { conditions, proposals };
}

function ours(stored: readonly Condition[] = [], findings: readonly Finding[]): Condition[] {
  return findings.flatMap(({ type }) => stored.find((condition) => condition.type === type) ?? []);
}

/** Key order and absent fields aside. */
function inOneForm({ conditions, proposals }: WrittenStatus): unknown {
  return JSON.parse(JSON.stringify({ conditions, proposals }));
}

/** @throws KubernetesError unless the object is gone */
export async function writeStatus(
  { api }: Pick<OperatorContext, 'api'>,
  entry: Entry,
  written: WrittenStatus,
  signal: AbortSignal,
): Promise<void> {
  const { object, spec } = entry;
  const { apiVersion, kind } = resourceTypes.deliberativeLoop;
  const { name, namespace, generation, uid } = object.metadata;
  const { conditions, proposals } = written;
  const status = {
    conditions,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    // A checkpoint's are the agent's to write.
    ...(proposals === undefined ? {} : { proposals, policy: { name: policyName(spec) } }),
  };
  try {
    await api.apply<DeliberativeLoop>(
      resourceTypes.deliberativeLoop,
      // With the uid as precondition nothing is written to one that was made anew, and a deleted one is not made again.
      { apiVersion, kind, metadata: { name, namespace, uid }, status },
      { fieldManager, subresource: 'status', signal },
    );
    entry.written = written;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
