/** Writes a ClosedLoop's status when it says something new, and tells of what changed in it by events. */
import { isNotFound, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { LoopState } from '../../policies/reactive/loop-state.ts';
import type { ClosedLoop, ClosedLoopStatus, DecisionRecord } from '../../policies/resources/closed-loop.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import { fieldManager, type OperatorContext } from '../runtime/contract.ts';
import { type ConditionType, changedFindings, type Finding, withFindings } from './conditions.ts';
import type { LoopMemory } from './loop-memory.ts';
import type { ClosedLoopMetrics } from './metrics.ts';
import { isWorthWriting, nextStatus, unrememberedStatus } from './status.ts';

export interface StatusReport {
  readonly object: ClosedLoop;
  readonly memory: LoopMemory;
  readonly target: TargetRef;
  readonly now: number;
  readonly findings: readonly Finding[];
  /** Conditions that no longer apply. */
  readonly dropped: readonly ConditionType[];
  /** Undefined: what the status says of it stays. */
  readonly decided?: {
    readonly state: LoopState;
    /** Undefined: nothing new was decided. */
    readonly record: DecisionRecord | undefined;
    readonly isAct: boolean;
    readonly replicas: number;
  };
}

export interface StatusWriter {
  /** Never rejects: what could not be written is tried again with the next report, which finds it still unwritten. */
  report(report: StatusReport): Promise<void>;
}

export interface StatusWriterOptions {
  readonly context: Pick<OperatorContext, 'api' | 'events' | 'logger' | 'mayAct'>;
  readonly metrics: ClosedLoopMetrics;
}

export function createStatusWriter({ context, metrics }: StatusWriterOptions): StatusWriter {
  const { api, events, logger, mayAct } = context;

  async function write(object: ClosedLoop, memory: LoopMemory, status: ClosedLoopStatus): Promise<void> {
    const { name, namespace, uid } = object.metadata;
    // With the uid, a status meant for a deleted object does not end on another of its name. By apply, so that fields that
    // are no longer there are removed, and no resource version is needed: the status has one writer.
    const body = { apiVersion: object.apiVersion, kind: object.kind, metadata: { name, namespace, uid }, status };
    try {
      await api.apply(resourceTypes.closedLoop, body, { fieldManager, subresource: 'status' });
      memory.written = status;
      metrics.statusWrites.inc({ result: 'written' });
    } catch (error) {
      if (isNotFound(error) || isOfAnotherObject(error)) return;
      metrics.statusWrites.inc({ result: 'failed' });
      logger.warn({ err: error, closedLoop: `${namespace}/${name}` }, 'status not written; the next tick tries again');
    }
  }

  return {
    async report({ object, memory, target, now, findings, dropped, decided }) {
      const before = memory.written?.conditions ?? [];
      const { generation } = object.metadata;
      const conditions = withFindings(before, findings, now, generation, dropped);
      const next =
        decided === undefined
          ? unrememberedStatus(memory.written, generation, target, conditions)
          : nextStatus(memory.written, { generation, target, conditions, ...decided });
      if (!isWorthWriting(memory.written, next) || !mayAct()) return;
      for (const finding of changedFindings(before, findings))
        recordFinding(events, object, finding, before.length === 0);
      await write(object, memory, next);
    },
  };
}

/** The first conditions of a loop that is well are no news. */
function recordFinding(
  events: OperatorContext['events'],
  object: ClosedLoop,
  finding: Finding,
  isFirst: boolean,
): void {
  const { type, status, reason, message } = finding;
  const isWell = (status === 'True') === (type !== 'ScalingLimited');
  if (isWell && isFirst) return;
  // A limit, a pause and a roll-out are the rules at work, not faults.
  const isFault = !isWell && type !== 'ScalingLimited' && reason !== 'Paused' && reason !== 'RollingOut';
  events.record(object, isFault ? 'Warning' : 'Normal', reason, message);
}

function isOfAnotherObject(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 409;
}
