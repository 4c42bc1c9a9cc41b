/** Which ScalingGroups a workload is a member of, kept up to date by the cache's changes instead of searched. */

import { byAge } from '../../policies/resources/age.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { ResourceCache } from '../runtime/contract.ts';
import { targetKey } from './target-key.ts';

type Labels = Readonly<Record<string, string>>;

export interface GroupMembership {
  /** Groups that name it or whose selector takes it in, oldest first. */
  groupsOf(namespace: string, ref: TargetRef, labels: Labels | undefined): ScalingGroup[];
}

export function carriesLabels(labels: Labels | undefined, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
}

/** References of a group as it is stored: defaults apply although nobody has parsed it. */
export function memberRefs(group: ScalingGroup): TargetRef[] {
  const members = Array.isArray(group.spec?.members) ? group.spec.members : [];
  return members.flatMap(({ targetRef }) =>
    typeof targetRef?.name === 'string'
      ? [{ apiVersion: targetRef.apiVersion ?? 'apps/v1', kind: targetRef.kind ?? 'Deployment', name: targetRef.name }]
      : [],
  );
}

export function createGroupMembership(groups: ResourceCache<ScalingGroup>): GroupMembership {
  const byTarget = new Map<string, Set<string>>();
  const selecting = new Map<string, Set<string>>();

  function change(index: Map<string, Set<string>>, key: string, name: string, present: boolean): void {
    const names = index.get(key) ?? new Set();
    if (present) index.set(key, names.add(name));
    else if (names.delete(name) && names.size === 0) index.delete(key);
  }

  function enter(group: ScalingGroup, present: boolean): void {
    const { namespace = '', name } = group.metadata;
    for (const ref of memberRefs(group)) change(byTarget, targetKey(namespace, ref), name, present);
    if (group.spec?.memberSelector) change(selecting, namespace, name, present);
  }

  groups.onChange((kind, group, previous) => {
    if (previous) enter(previous, false);
    enter(group, kind !== 'deleted');
  });
  for (const group of groups.list()) enter(group, true);

  return {
    groupsOf(namespace, ref, labels) {
      const found: ScalingGroup[] = [];
      for (const name of byTarget.get(targetKey(namespace, ref)) ?? []) {
        const group = groups.get(namespace, name);
        if (group) found.push(group);
      }
      for (const name of selecting.get(namespace) ?? []) {
        const group = groups.get(namespace, name);
        const selector = group?.spec.memberSelector;
        if (!group || !selector || (selector.kind ?? 'Deployment') !== ref.kind) continue;
        if (carriesLabels(labels, selector.matchLabels)) found.push(group);
      }
      return found.sort(byAge);
    },
  };
}
