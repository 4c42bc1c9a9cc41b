/** Brings the members of one group to what the group asks for. Safe to repeat; level-based. */
import type PQueue from 'p-queue';
import { KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import {
  type ScalingGroup,
  type ScalingGroupStatus,
  scalingGroupSpecSchema,
} from '../../policies/resources/scaling-group.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { OperatorContext, Reconcile, ReconcileResult, ResourceCache } from '../runtime/contract.ts';
import type { NamespaceObject } from '../workloads/cached-objects.ts';
import { targetKey } from '../workloads/target-key.ts';
import { scalingGroupWorkload } from '../workloads/workload-views.ts';
import type { GroupMemories, GroupMemory } from './group-memory.ts';
import { happenings } from './happenings.ts';
import type { ScalingGroupMetrics } from './metrics.ts';
import { type MemberReader, mostMembers, observeMembers, patienceSeconds } from './observe.ts';
import { type GroupPlan, type PlannedMember, planGroup } from './plan.ts';
import { statusOf, unusableStatus } from './status.ts';
import type { GroupStatusWriter } from './status-writer.ts';

export interface GroupReconcileOptions {
  readonly context: OperatorContext;
  readonly reader: MemberReader;
  readonly memories: GroupMemories;
  readonly statusWriter: GroupStatusWriter;
  readonly metrics: ScalingGroupMetrics;
  /** Bounds the member patches under way, of all groups together. */
  readonly patches: PQueue;
  readonly namespaces: ResourceCache<NamespaceObject> | undefined;
  /** When that generation of a group's spec was first seen, Unix seconds; undefined: not by this process. */
  readonly requestTime: (key: string, generation: number | undefined) => number | undefined;
}

const watchedKinds = new Set(['Deployment', 'StatefulSet', 'ScalingGroup']);
/** A member without a cache tells nothing of its changes: how often to look at it, while scaling and in between. */
const unwatchedSeconds = { scaling: 2, settled: 30 } as const;
/** A write that was refused for good reasons may be allowed later. */
const refusedSeconds = 30;

export function createGroupReconcile(options: GroupReconcileOptions): Reconcile {
  const { context, reader, memories, statusWriter, metrics } = options;
  const { groups, workloads } = reader;

  return async (key, signal) => {
    const [namespace, name] = key.split('/');
    const group = groups.get(namespace, name);
    if (group === undefined || isEnding(group)) {
      memories.forget(key);
      metrics.forget(namespace, name);
      return undefined;
    }
    if (!context.mayAct()) return undefined;
    const memory = memories.of(key, group);
    const now = context.now();
    const parsed = scalingGroupSpecSchema.safeParse(group.spec);
    if (!parsed.success) {
      const issues = parsed.error.issues.map((issue) => `spec.${issue.path.join('.')}: ${issue.message}`);
      return refuse(group, memory, 'InvalidSpec', issues.join('; '), now);
    }
    const spec = parsed.data;
    const lastScaling = memory.status?.lastScaling;
    const { refusedWrites } = memory;
    const subject = { namespace, name, spec, lastScaling, refusedWrites, now };
    const members = await observeMembers(reader, subject, signal);
    if (members.length > mostMembers) {
      const message = `spec.memberSelector takes in ${members.length} workloads, a group has at most ${mostMembers}: narrow it`;
      return refuse(group, memory, 'TooManyMembers', message, now);
    }
    const { generation } = group.metadata;
    const edited = memory.status?.observedGeneration !== generation;
    const requestedAt = (edited ? options.requestTime(key, generation) : undefined) ?? now;
    const plan = planGroup({ spec, members, lastScaling, edited, requestedAt, now });

    // Patches first: the status then waits behind them for a free connection, not the other way round.
    const refusedBefore = new Map(refusedWrites);
    const patching = patchMembers(group, plan, memory, signal);
    const status = statusOf(spec, plan, memory.status, now, generation);
    const waitSeconds = report(group, memory, status, plan.size);
    const failures = [...(await patching), ...(await follow(group, plan))];
    if (
      plan.lastScaling !== undefined &&
      plan.lastScaling !== lastScaling &&
      plan.lastScaling.outcome === 'InProgress'
    ) {
      if (failures.length === 0) metrics.patched(context.now() - fromTimestamp(plan.lastScaling.startedAt));
    }
    const retryable = failures.find((failure) => !(failure instanceof KubernetesError) || failure.retryable);
    if (retryable !== undefined && !signal.aborted) throw retryable;
    const wait = requeue(plan, waitSeconds);
    const isNewlyRefused = [...refusedWrites].some(([member, reason]) => refusedBefore.get(member) !== reason);
    // At once for the status to say so, then now and then, since what refuses may be changed.
    if (isNewlyRefused) return { requeueAfterMilliseconds: 0 };
    return refusedWrites.size > 0 ? earlier(wait, refusedSeconds * 1000) : wait;
  };

  /** Being deleted, itself or with its namespace: its members are no longer ours to touch. */
  function isEnding({ metadata }: ScalingGroup): boolean {
    if (metadata.deletionTimestamp !== undefined) return true;
    const namespace = options.namespaces?.get('', metadata.namespace ?? '');
    return namespace?.metadata.deletionTimestamp !== undefined;
  }

  function refuse(group: ScalingGroup, memory: GroupMemory, reason: string, message: string, now: number): undefined {
    const before = memory.status?.conditions?.find(({ type }) => type === 'Ready');
    if (before?.reason !== reason) context.events.record(group, 'Warning', reason, message);
    metrics.refused(reason);
    statusWriter.submit(group, memory, unusableStatus(reason, message, memory.status, now, group.metadata.generation));
    return undefined;
  }

  function report(
    group: ScalingGroup,
    memory: GroupMemory,
    status: ScalingGroupStatus,
    size: number,
  ): number | undefined {
    for (const happening of happenings(memory.status, status)) {
      context.events.record(group, happening.type, happening.reason, happening.note);
      metrics.count(happening);
    }
    const { lastScaling } = status;
    const hasCompleted = lastScaling?.outcome === 'Complete' && memory.status?.lastScaling?.outcome !== 'Complete';
    if (hasCompleted && lastScaling.seconds !== undefined) metrics.completed(lastScaling.seconds);
    metrics.show(group.metadata.namespace ?? '', group.metadata.name, status, size);
    return statusWriter.submit(group, memory, status);
  }

  /** A paused group has the size that its members have. @returns what went wrong */
  async function follow(group: ScalingGroup, { follows }: GroupPlan): Promise<unknown[]> {
    if (follows === undefined || follows === (group.spec.replicas ?? 1) || !context.mayAct()) return [];
    try {
      await workloads.scale(scalingGroupWorkload(group), follows, {});
      return [];
    } catch (error) {
      return [error];
    }
  }

  /** @returns what went wrong, at most one error a member */
  async function patchMembers(
    group: ScalingGroup,
    plan: GroupPlan,
    memory: GroupMemory,
    signal: AbortSignal,
  ): Promise<unknown[]> {
    const { namespace = '', name, generation } = group.metadata;
    // A newer request makes what is not written yet pointless; its own reconcile comes next.
    const isCurrent = () => groups.get(namespace, name)?.metadata.generation === generation;

    async function patch({ observed, desired }: PlannedMember): Promise<void> {
      const { ref, workload } = observed;
      if (workload === undefined || signal.aborted || !context.mayAct() || !isCurrent()) return;
      const key = targetKey(namespace, ref);
      try {
        const written = await workloads.scale(workload, desired, { stillWanted: isCurrent, signal });
        memory.refusedWrites.delete(key);
        metrics.memberWritten(written ? 'written' : 'unneeded');
      } catch (error) {
        metrics.memberWritten('failed');
        memory.refusedWrites.set(key, `its replicas could not be set: ${(error as Error).message}`);
        throw error;
      }
    }

    for (const { patch: isOff, observed } of plan.members) {
      if (!isOff) memory.refusedWrites.delete(targetKey(namespace, observed.ref));
    }
    const wanted = plan.members.filter((member) => member.patch);
    const outcomes = await Promise.allSettled(wanted.map((member) => options.patches.add(() => patch(member))));
    return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  }

  function requeue(plan: GroupPlan, statusWaitSeconds: number | undefined): ReconcileResult | undefined {
    const now = context.now();
    const waits: number[] = [];
    if (statusWaitSeconds !== undefined) waits.push(statusWaitSeconds);
    if (plan.deadline !== undefined) waits.push(plan.deadline - now);
    if (plan.members.some(({ kind }) => !watchedKinds.has(kind))) {
      waits.push(plan.whole ? unwatchedSeconds.settled : unwatchedSeconds.scaling);
    }
    const { lastScaling } = plan;
    const awaitsReasons = plan.members.some(({ kind, state }) => kind === 'StatefulSet' && state === 'Scaling');
    if (awaitsReasons && lastScaling?.outcome === 'InProgress') {
      // The longer it takes, the rarer: such a look lists the namespace's events.
      const age = now - fromTimestamp(lastScaling.startedAt);
      waits.push(age < patienceSeconds ? patienceSeconds - age : age);
    }
    // A few milliseconds late rather than early: an early look finds nothing due.
    return waits.length === 0
      ? undefined
      : { requeueAfterMilliseconds: Math.max(0, Math.ceil(Math.min(...waits) * 1000)) + 5 };
  }
}

function earlier(result: ReconcileResult | undefined, milliseconds: number): ReconcileResult {
  return { requeueAfterMilliseconds: Math.min(result?.requeueAfterMilliseconds ?? milliseconds, milliseconds) };
}
