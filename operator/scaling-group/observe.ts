/** The members of a group as they are now. */
import { isNotFound, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { LastScaling, ScalingGroup, ScalingGroupSpec } from '../../policies/resources/scaling-group.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { ResourceCache } from '../runtime/contract.ts';
import type { Workload, Workloads } from '../workloads/contract.ts';
import { memberRefs } from '../workloads/group-members.ts';
import { targetKey } from '../workloads/target-key.ts';
import type { MemberShape } from './complete-sets.ts';
import type { FailedCreates } from './failed-creates.ts';
import type { ObservedMember } from './plan.ts';

/** As the CRD allows in status.members. */
export const mostMembers = 256;
/** A StatefulSet that takes no longer than that is not asked for reasons. */
export const patienceSeconds = 3;

export interface MemberReader {
  readonly workloads: Workloads;
  readonly groups: ResourceCache<ScalingGroup>;
  readonly failedCreates: FailedCreates;
}

/** The group whose members are looked at. */
export interface Subject {
  readonly namespace: string;
  readonly name: string;
  readonly spec: ScalingGroupSpec;
  readonly lastScaling: LastScaling | undefined;
  /** By member: why the last write of its replicas was refused. */
  readonly refusedWrites: ReadonlyMap<string, string>;
  /** Unix seconds. */
  readonly now: number;
}

/** Never rejects because of one member: what cannot be read is an obstacle of that member. */
export function observeMembers(reader: MemberReader, subject: Subject, signal: AbortSignal): Promise<ObservedMember[]> {
  const { namespace, spec } = subject;
  const { memberSelector } = spec;
  if (memberSelector === undefined) {
    return Promise.all(spec.members.map((member) => observe(member.targetRef, member)));
  }
  const selected = reader.workloads.select(namespace, memberSelector.kind, memberSelector.matchLabels);
  return Promise.all(selected.map((workload) => observe(workload.ref, memberSelector)));

  async function observe(ref: TargetRef, { ratio, min, max }: MemberShape): Promise<ObservedMember> {
    const { workloads, groups } = reader;
    const owner = workloads.ownerOf(namespace, ref, { kind: 'ScalingGroup', name: subject.name });
    const member = { ref, ratio, min, max, owner };
    if (contains(groups, namespace, ref, subject.name)) {
      const obstacle = `${ref.name} is, or has among its members, this very group: take it out of spec.members`;
      return { ...member, workload: undefined, obstacle };
    }
    try {
      const workload = await workloads.read(namespace, ref, signal);
      if (workload === undefined) return { ...member, workload };
      const refused = subject.refusedWrites.get(targetKey(namespace, ref));
      return { ...member, workload, failure: refused ?? (await reasonForLag(reader, subject, workload, signal)) };
    } catch (error) {
      signal.throwIfAborted();
      const obstacle = `cannot read its scale: ${(error as Error).message}`;
      return { ...member, workload: undefined, ...(isNotFound(error) ? {} : { obstacle }) };
    }
  }
}

async function reasonForLag(
  { failedCreates }: MemberReader,
  { lastScaling, now }: Subject,
  workload: Workload,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (workload.ref.kind !== 'StatefulSet' || workload.ready >= workload.replicas) return undefined;
  if (lastScaling === undefined || lastScaling.outcome === 'Complete') return undefined;
  const since = fromTimestamp(lastScaling.startedAt);
  if (now - since < patienceSeconds) return undefined;
  // Without the right to read events the reason is missing, the scaling goes on.
  return failedCreates.find(workload, since, signal).catch(() => undefined);
}

/** Whether a member is the group itself, or a group that has it as a member, however deep. */
function contains(groups: ResourceCache<ScalingGroup>, namespace: string, ref: TargetRef, name: string): boolean {
  const searched = new Set<string>();
  const search = (candidate: TargetRef): boolean => {
    if (candidate.kind !== resourceTypes.scalingGroup.kind) return false;
    if (candidate.name === name) return true;
    if (searched.has(candidate.name)) return false;
    searched.add(candidate.name);
    const group = groups.get(namespace, candidate.name);
    return group !== undefined && memberRefs(group).some(search);
  };
  return search(ref);
}
