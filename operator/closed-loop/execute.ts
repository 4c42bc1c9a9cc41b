/** Decide, act, report: the one path from measurements to a workload, whatever the topology. */
import { decide, type LoopDecision, type LoopObservation, readMetrics } from '../../policies/reactive/decide.ts';
import type { LoopState } from '../../policies/reactive/loop-state.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import type { Owner, Workload } from '../workloads/contract.ts';
import type { Actuator } from './actuate.ts';
import type { DecisionExecutor, Measured, RunningLoop } from './contract.ts';
import { decisionFindings, droppedConditions, type Outcome, refusalFindings, verticalFinding } from './findings.ts';
import type { LoopMemories, LoopMemory } from './loop-memory.ts';
import { loopSpecOf } from './loop-spec-of.ts';
import type { OwnedLoopTable } from './loop-table.ts';
import { isNothingNew } from './measured.ts';
import type { ClosedLoopMetrics } from './metrics.ts';
import { planResize } from './resize-plan.ts';
import type { Assess, Refusal } from './standing.ts';
import { decisionRecord } from './status.ts';
import type { LoopStatusWriter } from './status-writer.ts';
import { undone, withoutHistory } from './undone.ts';
import type { VerticalView, ViewPods } from './vertical-view.ts';

export interface ExecutorOptions {
  readonly context: Pick<OperatorContext, 'events' | 'logger' | 'mayAct'>;
  readonly table: OwnedLoopTable;
  readonly memories: LoopMemories;
  readonly assess: Assess;
  readonly viewPods: ViewPods;
  readonly actuator: Actuator;
  readonly statusWriter: LoopStatusWriter;
  readonly metrics: ClosedLoopMetrics;
  /** Aborted when the controller stops. */
  readonly signal: () => AbortSignal;
}

export interface Executor extends Pick<DecisionExecutor, 'executeDecision'> {
  /** Says in conditions, event and metric why the target is not scaled. */
  refuse(loop: RunningLoop, refusal: Refusal, now: number): Promise<void>;
  /** The loop as it is now; undefined when it is gone or was changed since. */
  current(loop: RunningLoop): RunningLoop | undefined;
}

export function createExecutor(options: ExecutorOptions): Executor {
  const { context, table, memories, assess, viewPods, actuator, statusWriter, metrics } = options;

  function current(loop: RunningLoop): RunningLoop | undefined {
    const now = table.get(loop.key);
    const isSame =
      now?.object.metadata.uid === loop.object.metadata.uid &&
      now?.object.metadata.generation === loop.object.metadata.generation;
    return isSame ? now : undefined;
  }

  async function refuse(loop: RunningLoop, refusal: Refusal, now: number): Promise<void> {
    metrics.standing(loop.key, 'refused');
    metrics.refused(refusal.reason);
    await statusWriter.report({
      object: loop.object,
      memory: memories.of(loop.key, loop.object),
      target: loop.spec.targetRef,
      now,
      findings: refusalFindings(refusal),
      dropped: droppedConditions(loop.spec),
    });
  }

  async function act(loop: RunningLoop, decision: LoopDecision, workload: Workload, pods: VerticalView | undefined) {
    const why = `${decision.action} (${decision.message})`;
    const stillWanted = () => current(loop) !== undefined;
    const scaling = await actuator.scale(loop, workload, decision.groupSize, why, stillWanted);
    const { vertical } = decision;
    const changes =
      vertical === null || pods === undefined
        ? []
        : planResize(pods.workloads, vertical.resource, vertical.size, pods.goesUp(vertical.resource));
    const resizing = await actuator.resize(loop, changes, why, stillWanted);
    return { scaling, resizing };
  }

  async function execute(
    loop: RunningLoop,
    measured: Measured,
    chosen: string | null | undefined,
    now: number,
  ): Promise<LoopDecision | undefined> {
    const signal = options.signal();
    if (current(loop) === undefined || !context.mayAct()) return undefined;
    const standing = await assess(loop, signal);
    if ('refusal' in standing) {
      const refused = current(loop);
      if (refused !== undefined) await refuse(refused, standing.refusal, now);
      return undefined;
    }
    const { workload, bounds, owner } = standing;
    const observation: LoopObservation = {
      groupSize: workload.replicas,
      metrics: measured.metrics,
      incomplete: measured.incomplete ?? [],
      settled: measured.settled ?? [],
      rollingOut: workload.rollingOut,
    };
    const pods = await viewPods(
      readMetrics(loopSpecOf(loop.spec, bounds, loop.guardrails), observation),
      workload,
      signal,
    );

    // From here to the commit nothing waits: what others changed of the loop's state meanwhile is in it.
    const latest = current(loop);
    if (latest === undefined || !context.mayAct()) return undefined;
    const memory = memories.of(latest.key, latest.object);
    const before = ofTarget(latest.state, memory, workload);
    const spec = loopSpecOf(latest.spec, bounds, latest.guardrails);
    const decision = decide(spec, before, pods === undefined ? observation : pods.into(observation), now, chosen);
    table.change(latest.key, { state: decision.state });

    const { scaling, resizing } = await act(latest, decision, workload, pods);
    const carriedOut = settled(scaling) && settled(resizing);
    const present = table.get(latest.key);
    if (!carriedOut && present !== undefined && present.object.metadata.uid === latest.object.metadata.uid) {
      table.change(present.key, { state: undone(present.state, before, decision.state, settled(scaling)) });
    }
    const after = current(latest);
    if (after === undefined) return undefined;
    const isNews = !isNothingNew(latest.spec, measured);
    // A message that was held back, or whose reaction failed, is decided on once more.
    const isHeld = decision.clampedBy.includes('paused') || decision.clampedBy.includes('rollingOut');
    if (carriedOut && !isHeld && measured.messageTime !== undefined) memory.handledMessageTime = measured.messageTime;

    await report({ loop: after, memory, workload, owner, measured, decision, pods, scaling, resizing, isNews, now });
    const changed = scaling.kind === 'done' || resizing.kind === 'done';
    metrics.standing(after.key, 'running');
    metrics.decided(after, decision, workload.replicas, measured, changed);
    metrics.missing(missingSources(after, measured));
    if (carriedOut) table.announce(table.get(after.key) ?? after, decision);
    return carriedOut ? decision : undefined;
  }

  async function report(done: {
    loop: RunningLoop;
    memory: LoopMemory;
    workload: Workload;
    owner: Owner | undefined;
    measured: Measured;
    decision: LoopDecision;
    pods: VerticalView | undefined;
    scaling: Outcome;
    resizing: Outcome;
    isNews: boolean;
    now: number;
  }): Promise<void> {
    const { loop, memory, workload, owner, measured, decision, pods, scaling, resizing, isNews, now } = done;
    const findings = decisionFindings(workload, measured, decision, scaling, isNews, owner);
    if (pods !== undefined) findings.push(verticalFinding(pods.obstacle, resizing));
    if (memory.policyEngine !== undefined && loop.spec.decision.opa !== undefined) findings.push(memory.policyEngine);
    const isAct = scaling.kind === 'done' || resizing.kind === 'done';
    await statusWriter.report({
      object: loop.object,
      memory,
      target: loop.spec.targetRef,
      now,
      findings,
      dropped: droppedConditions(loop.spec),
      decided: {
        state: table.get(loop.key)?.state ?? loop.state,
        // With nothing new the last decision stays the one to show, unless something was done (a set-point, a fallback);
        // one that was overtaken never came to be.
        record:
          (isNews || isAct) && scaling.kind !== 'overtaken'
            ? decisionRecord(decision, measured, workload.replicas)
            : undefined,
        isAct,
        replicas: scaling.kind === 'done' ? decision.groupSize : workload.replicas,
      },
    });
  }

  return {
    current,
    refuse,
    async executeDecision(loop, measured, chosen, now) {
      try {
        return await execute(loop, measured, chosen, now);
      } catch (error) {
        const message = `The tick failed: ${error instanceof Error ? error.message : String(error)}`;
        metrics.scalingFailed('Unexpected');
        context.events.record(loop.object, 'Warning', 'TickFailed', message);
        context.logger.error({ err: error, closedLoop: loop.key }, 'tick failed');
        return undefined;
      }
    },
  };
}

function settled({ kind }: Outcome): boolean {
  return kind === 'done' || kind === 'unchanged';
}

/** A target that was deleted and made anew has no history of sizes. */
function ofTarget(state: LoopState, memory: LoopMemory, { uid }: Workload): LoopState {
  const isAnother = memory.targetUid !== undefined && memory.targetUid !== uid;
  memory.targetUid = uid;
  return isAnother ? withoutHistory(state) : state;
}

function missingSources({ spec }: RunningLoop, { missing = [] }: Measured): string[] {
  return missing.map(({ name }) => {
    const source = spec.metrics.find((metric) => metric.name === name)?.source ?? {};
    return Object.entries(source).find(([, value]) => value !== undefined)?.[0] ?? 'unknown';
  });
}
