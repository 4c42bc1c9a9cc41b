/** The agent's part of a DeliberativeLoop's status. Pure. */
import { findCondition, nextCondition } from '../../policies/resources/conditions.ts';
import type { Proposal, RewardSummary } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import type { CanarySummary } from '../rounds/canary.ts';
import type { Readiness } from '../rounds/readiness.ts';
import type { Tuner } from '../rounds/tuner.ts';
import type { AgentStatus } from './status-writer.ts';

export interface StatusParts {
  readonly identity: string;
  readonly proposals: readonly Proposal[];
  readonly readiness: Readiness;
  /** Undefined without a canary. */
  readonly canaryReadiness: Readiness | undefined;
  readonly reward: RewardSummary | undefined;
  readonly canary: CanarySummary | undefined;
}

const maxNameLength = 253;

/** @param now Unix seconds */
export function statusOf(tuner: Tuner, parts: StatusParts, now: number): AgentStatus {
  const { policy, loadedAt } = tuner.incumbent;
  const { readiness, canaryReadiness, reward, canary } = parts;
  return {
    proposals: [...parts.proposals].sort((a, b) => (a.closedLoop < b.closedLoop ? -1 : 1)),
    ...(policy && {
      policy: {
        name: `${policy.checkpoint.document.algorithm} ${policy.app.name}`.slice(0, maxNameLength),
        sha256: policy.sha256,
        ...(loadedAt && { loadedAt }),
      },
    }),
    agent: { identity: parts.identity, renewTime: toTimestamp(now) },
    ...(reward && { reward }),
    ...(canary && { canary }),
    conditions: [
      conditionOf(tuner, 'Ready', readiness, now),
      ...(canaryReadiness ? [conditionOf(tuner, 'CanaryReady', canaryReadiness, now)] : []),
    ],
  };
}

/** The same as it was written last, without the claim, so that another agent takes over at once. */
export function releasedStatus({ written, ...tuner }: Tuner, now: number): AgentStatus {
  const { agent: _, conditions = [], ...rest } = written ?? {};
  const message = 'The agent was stopped: proposals run out, then the reactive loop goes on alone.';
  const stopped = conditionOf(tuner, 'Ready', { status: 'Unknown', reason: 'AgentStopped', message }, now);
  return { ...rest, conditions: [stopped, ...conditions.filter(({ type }) => type !== 'Ready')] };
}

function conditionOf(tuner: Pick<Tuner, 'object'>, type: string, readiness: Readiness, now: number): Condition {
  const { metadata, status } = tuner.object;
  const { generation } = metadata;
  const change = { type, ...readiness, ...(generation === undefined ? {} : { observedGeneration: generation }) };
  return nextCondition(findCondition(status?.conditions, type), change, now);
}
