/** A decision as a status, and whether it says anything new. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { LoopDecision } from '../../policies/reactive/decide.ts';
import type { LoopState } from '../../policies/reactive/loop-state.ts';
import type { ClosedLoopStatus, DecisionRecord } from '../../policies/resources/closed-loop.ts';
import type { Condition, TargetRef } from '../../policies/resources/resource.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import { withoutNumbers } from './conditions.ts';
import type { Measured } from './contract.ts';
import { rememberedStatus } from './restore.ts';

/** Decisions that a status shows; the schema's bound. */
const shownDecisions = 10;
// The schema's bounds of texts.
const messageLength = 1024;
const reasonLength = 512;

/** @param from size that was in force when it was decided; `to` is the size wanted. */
export function decisionRecord(decision: LoopDecision, measured: Measured, from: number): DecisionRecord {
  const { message, winner, losers, clampedBy, action, vertical, groupSize } = decision;
  const finite = Object.entries(measured.metrics).filter(([, value]) => Number.isFinite(value)) as [string, number][];
  return {
    // A message keeps its time as its identity from end to end.
    time: toTimestamp(measured.messageTime ?? decision.second),
    message: message.slice(0, messageLength),
    ...(winner === null ? {} : { winner }),
    losers: [...losers],
    clampedBy: [...clampedBy],
    action,
    from,
    to: groupSize,
    missing: (measured.missing ?? []).map(({ name, reason }) => ({ name, reason: reason.slice(0, reasonLength) })),
    values: Object.fromEntries(finite),
    ...(vertical === null ? {} : { vertical: { resource: vertical.resource, to: vertical.size } }),
  };
}

/** Whether two ticks wanted the same: only measured numbers differ. What was carried out is new every time. */
export function isSameDecision(before: DecisionRecord | undefined, after: DecisionRecord, isAct: boolean): boolean {
  return before !== undefined && !isAct && before.to === after.to && isDeepStrictEqual(gist(before), gist(after));
}

function gist({ message, winner, losers, clampedBy, action, missing }: DecisionRecord) {
  return {
    message,
    winner,
    losers,
    clampedBy,
    action,
    missing: missing.map(({ name, reason }) => [name, withoutNumbers(reason)]),
  };
}

/** What a status is made of. */
export interface StatusParts {
  readonly generation: number | undefined;
  readonly target: TargetRef;
  /** Size in force after the decision; undefined when the target could not be read. */
  readonly replicas: number | undefined;
  readonly state: LoopState;
  /** Undefined: nothing was decided, the last decision stays. */
  readonly record: DecisionRecord | undefined;
  /** Whether the target was changed by it. */
  readonly isAct: boolean;
  readonly conditions: readonly Condition[];
}

export function nextStatus(previous: ClosedLoopStatus | undefined, parts: StatusParts): ClosedLoopStatus {
  const { generation, target, replicas, state, record, isAct, conditions } = parts;
  const recorded = previous?.recentDecisions ?? [];
  const isNew = record !== undefined && !isSameDecision(previous?.lastDecision, record, isAct);
  const lastDecision = isNew ? record : previous?.lastDecision;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...rememberedStatus(state),
    target: targetText(target),
    ...(replicas === undefined ? {} : { replicas }),
    ...(lastDecision === undefined ? {} : { lastDecision }),
    recentDecisions: isNew ? [record, ...recorded].slice(0, shownDecisions) : recorded,
    conditions: [...conditions],
  };
}

/** The status of a loop of which nothing is known but its conditions: what it remembered before stays. */
export function unrememberedStatus(
  previous: ClosedLoopStatus | undefined,
  generation: number | undefined,
  target: TargetRef,
  conditions: readonly Condition[],
): ClosedLoopStatus {
  const empty = { ranks: {}, ranking: '', recentDecisions: [], reactionEpochs: {}, recentReactions: [] };
  return {
    ...empty,
    rankChanges: [],
    recentChanges: [],
    ...previous,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    target: targetText(target),
    conditions: [...conditions],
  };
}

export function targetText({ kind, name }: TargetRef): string {
  return `${kind}/${name}`;
}

/**
 * Whether a status is worth a write: not when only measured numbers, reaction epochs or what ages by itself (rank changes of
 * the hour, size changes of the rate limits' periods) differ.
 */
export function isWorthWriting(written: ClosedLoopStatus | undefined, next: ClosedLoopStatus): boolean {
  return written === undefined || !isDeepStrictEqual(significant(written), significant(next));
}

function significant({ observedGeneration, ranks, target, replicas, increaseRank, ...status }: ClosedLoopStatus) {
  return {
    observedGeneration,
    ranks: { ...ranks },
    target,
    replicas,
    increaseRank,
    increaseTime: milliseconds(status.increaseTime),
    decided: milliseconds(status.lastDecision?.time),
    decision: status.lastDecision && gist(status.lastDecision),
    setPoint: status.setPoint && { ...status.setPoint, time: milliseconds(status.setPoint.time) },
    conditions: status.conditions.map(({ type, status: value, reason, message, observedGeneration: generation }) => [
      type,
      value,
      reason,
      withoutNumbers(message),
      generation,
    ]),
  };
}

/** Others may write the same moment in other words. */
function milliseconds(timestamp: string | undefined): number | undefined {
  return timestamp === undefined ? undefined : Date.parse(timestamp);
}
