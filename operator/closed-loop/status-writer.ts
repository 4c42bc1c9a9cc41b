/** Writes a ClosedLoop's status when it says something new, and tells of what changed in it by events. */
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { LoopState } from '../../policies/reactive/loop-state.ts';
import type { ClosedLoop, ClosedLoopStatus, DecisionRecord } from '../../policies/resources/closed-loop.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import { createStatusWriter } from '../runtime/status-writer.ts';
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

export interface LoopStatusWriter {
  /** Never rejects: what could not be written is tried again with the next report, which finds it still unwritten. */
  report(report: StatusReport): Promise<void>;
}

export function createLoopStatusWriter(
  context: Pick<OperatorContext, 'api' | 'events' | 'logger' | 'mayAct' | 'metrics'>,
  metrics: Pick<ClosedLoopMetrics, 'conditions'>,
): LoopStatusWriter {
  const { events, logger, mayAct } = context;
  const writer = createStatusWriter<ClosedLoopStatus>({ type: resourceTypes.closedLoop, context });

  async function write(object: ClosedLoop, memory: LoopMemory, status: ClosedLoopStatus): Promise<void> {
    try {
      const outcome = await writer.write(object, status);
      if (outcome !== 'not leader') memory.written = status;
    } catch (error) {
      const closedLoop = `${object.metadata.namespace}/${object.metadata.name}`;
      logger.warn({ err: error, closedLoop }, 'status not written; the next tick tries again');
    }
  }

  return {
    async report({ object, memory, target, now, findings, dropped, decided }) {
      const before = memory.written?.conditions ?? [];
      const { generation } = object.metadata;
      const conditions = withFindings(before, findings, now, generation, dropped);
      if (mayAct()) metrics.conditions(`${object.metadata.namespace}/${object.metadata.name}`, conditions);
      const next =
        decided === undefined
          ? unrememberedStatus(memory.written, generation, target, conditions)
          : nextStatus(memory.written, { generation, target, conditions, ...decided });
      if (!isWorthWriting(memory.written, next) || !mayAct()) return;
      // A refusal shows in several conditions and is one event.
      const changed = new Map(changedFindings(before, findings).map((finding) => [finding.reason, finding]));
      for (const finding of changed.values()) recordFinding(events, object, finding, before.length === 0);
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
