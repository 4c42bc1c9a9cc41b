/** What of a ScalingGroup only other objects can tell. Pure. */
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { memberRefs } from '../workloads/group-members.ts';
import { targetKey } from '../workloads/target-key.ts';
import { createFindings, describeRef, type Findings, ownedMessage, type World } from './world.ts';

/** @param object as stored: the API server has applied the defaults and checked the schema */
export function problemsOfScalingGroup(object: ScalingGroup, world: World): Findings {
  const findings = createFindings();
  const { problem, warn } = findings;
  const { spec, metadata } = object;
  const { namespace = '' } = metadata;
  const refs = memberRefs(object);
  for (const [i, ref] of refs.entries()) {
    const field = `spec.members[${i}].targetRef`;
    const owned = autoscalerProblem(object, ref, world);
    // Paused, it watches, and is checked again when it is to go on.
    if (owned !== undefined) {
      if (spec.paused) warn(field, `${owned}, before the group goes on`);
      else problem(field, owned);
    }
    const wrong = memberProblem(object, ref, world) ?? circleProblem(object, ref, world);
    if (wrong !== undefined) problem(field, wrong);
    if (world.exists(namespace, ref) === false) {
      warn(
        field,
        `there is no ${describeRef(ref)} (${ref.apiVersion}) in ${namespace}: create it, or correct the name`,
      );
    }
  }
  if (spec.memberSelector) {
    const { kind, matchLabels } = spec.memberSelector;
    const selected = world.select(namespace, kind, matchLabels).map(({ ref }) => ref);
    for (const ref of selected) {
      const wrong = memberProblem(object, ref, world);
      if (wrong !== undefined) problem('spec.memberSelector', wrong);
      const owned = autoscalerProblem(object, ref, world);
      if (owned !== undefined && spec.paused) warn('spec.memberSelector', `${owned}, before the group goes on`);
      else if (owned !== undefined) problem('spec.memberSelector', owned);
    }
    if (selected.length === 0) {
      warn('spec.memberSelector', `takes in no ${kind} of ${namespace} now: label the members, or correct matchLabels`);
    }
  }
  if (spec.replicas < spec.minReplicas || spec.replicas > spec.maxReplicas) {
    const used = Math.min(Math.max(spec.replicas, spec.minReplicas), spec.maxReplicas);
    warn('spec.replicas', `is outside of minReplicas and maxReplicas, so that the group has size ${used}`);
  }
  return findings;
}

function memberProblem({ metadata }: ScalingGroup, ref: TargetRef, world: World): string | undefined {
  const { name, namespace = '' } = metadata;
  const owner = world.ownerOf(namespace, ref, { kind: 'ScalingGroup', name });
  if (owner?.kind === 'ScalingGroup') {
    return `${describeRef(ref)} is in ScalingGroup ${owner.name} already: remove it from one of the two`;
  }
  const key = targetKey(namespace, ref);
  const loop = world.closedLoops(namespace).find(({ spec }) => targetKey(namespace, spec.targetRef) === key);
  if (loop === undefined) return undefined;
  const mend = `replace that loop by one whose target is ScalingGroup ${name}, or leave the workload out of the group`;
  return ownedMessage(ref, { kind: 'ClosedLoop', name: loop.metadata.name }, mend);
}

/** That it is the target of an HPA or a ScaledObject. */
function autoscalerProblem({ metadata }: ScalingGroup, ref: TargetRef, world: World): string | undefined {
  const { name, namespace = '' } = metadata;
  const owner = world.ownerOf(namespace, ref, { kind: 'ScalingGroup', name });
  if (owner?.kind !== 'HorizontalPodAutoscaler' && owner?.kind !== 'ScaledObject') return undefined;
  const mend = `let that ${owner.kind} scale ScalingGroup ${name} (it has a scale subresource), or delete it`;
  return ownedMessage(ref, owner, mend);
}

/** A group within itself would scale without end. */
function circleProblem(group: ScalingGroup, member: TargetRef, world: World): string | undefined {
  const { name, namespace = '' } = group.metadata;
  const keyOf = (groupName: string) =>
    targetKey(namespace, { apiVersion: group.apiVersion, kind: 'ScalingGroup', name: groupName });
  const others = new Map(world.scalingGroups(namespace).map((other) => [keyOf(other.metadata.name), other]));
  const seen = new Set<string>();
  const open = [targetKey(namespace, member)];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (key === keyOf(name))
      return `${describeRef(member)} contains this group: a group cannot be within itself, remove it`;
    const other = others.get(key);
    if (other === undefined || seen.has(key)) continue;
    seen.add(key);
    open.push(...memberRefs(other).map((ref) => targetKey(namespace, ref)));
  }
  return undefined;
}
