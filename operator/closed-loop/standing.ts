/** Whether a loop may scale its target now. Asked in every tick, so that an HPA made a moment ago is respected. */
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { ResourceCache } from '../runtime/contract.ts';
import type { Owner, Workload, Workloads } from '../workloads/contract.ts';
import type { RunningLoop } from './contract.ts';
import type { SizeBounds } from './loop-spec-of.ts';
import type { OwnedLoopTable } from './loop-table.ts';

export interface Refusal {
  readonly reason:
    | 'TargetMissing'
    | 'TargetUnreadable'
    | 'OwnedByAnother'
    | 'AnotherClosedLoop'
    | 'ScaledToZero'
    | 'TargetPaused';
  /** What is wrong and what to do. */
  readonly message: string;
}

export type Standing =
  | {
      readonly workload: Workload;
      readonly bounds: SizeBounds | undefined;
      /** What scales the target while the loop is paused; undefined: nothing else does. */
      readonly owner: Owner | undefined;
    }
  | { readonly refusal: Refusal };

export interface StandingOptions {
  readonly table: OwnedLoopTable;
  readonly workloads: Workloads;
  readonly scalingGroups: ResourceCache<ScalingGroup> | undefined;
}

export type Assess = (loop: RunningLoop, signal: AbortSignal) => Promise<Standing>;

/** Never rejects. */
export function createAssess({ table, workloads, scalingGroups }: StandingOptions): Assess {
  return async (loop, signal) => {
    const namespace = loop.object.metadata.namespace ?? '';
    const { targetRef, behavior } = loop.spec;
    const target = `${targetRef.kind} ${targetRef.name}`;
    const refused = (reason: Refusal['reason'], message: string): Standing => ({ refusal: { reason, message } });

    const first = table.firstOn(namespace, targetRef);
    if (first !== undefined && first.key !== loop.key) {
      const { name } = first.object.metadata;
      return refused(
        'AnotherClosedLoop',
        `${target} is scaled by ClosedLoop ${name}, which was there first: delete one of the two, or name another target.`,
      );
    }
    // ClosedLoops on the same target are told apart above, by age: the first one goes on.
    const owner = workloads.ownerOf(namespace, targetRef, { kind: 'ClosedLoop', name: loop.object.metadata.name });
    const rival = owner?.kind === 'ClosedLoop' ? undefined : owner;
    // A paused loop carries nothing out: it measures and decides beside whatever scales its target.
    if (rival !== undefined && !loop.spec.paused) {
      const advice =
        rival.kind === 'ScalingGroup'
          ? 'name the group as the target'
          : `delete that ${rival.kind} or this loop, or set spec.paused to watch beside it`;
      return refused('OwnedByAnother', `${target} is scaled by ${rival.kind} ${rival.name} already: ${advice}.`);
    }
    const group = targetRef.kind === 'ScalingGroup' ? scalingGroups?.get(namespace, targetRef.name) : undefined;
    if (group?.spec.paused && !loop.spec.paused) {
      return refused(
        'TargetPaused',
        `${target} is paused, so that its size follows its members: set its spec.paused to false first, or pause this loop.`,
      );
    }
    let workload: Workload | undefined;
    try {
      workload = await workloads.read(namespace, targetRef, signal);
    } catch (error) {
      return refused('TargetUnreadable', `${target} cannot be read: ${(error as Error).message}`);
    }
    if (workload === undefined) {
      return refused(
        'TargetMissing',
        `There is no ${target} (${targetRef.apiVersion}) in namespace ${namespace}: create it, or correct spec.targetRef.`,
      );
    }
    if (workload.replicas === 0 && behavior.minReplicas > 0) {
      return refused(
        'ScaledToZero',
        `${target} was scaled to 0, below the loop's minReplicas ${behavior.minReplicas}, which switches the loop off as it does an HPA: scale it to 1 or more to go on.`,
      );
    }
    return { workload, bounds: boundsOf(group), owner: rival };
  };
}

function boundsOf(group: ScalingGroup | undefined): SizeBounds | undefined {
  return group && { minReplicas: group.spec.minReplicas ?? 0, maxReplicas: group.spec.maxReplicas ?? 100 };
}

/** Key of a ClosedLoop: namespace/name. */
export function keyOf({ metadata }: Pick<ClosedLoop, 'metadata'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
