/** Which HorizontalPodAutoscaler or ScaledObject scales a workload, indexed by target as the caches change. */
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { ResourceCache } from '../runtime/contract.ts';
import type { AutoscalerObject } from './cached-objects.ts';
import { targetKey } from './target-key.ts';

/** What it scales; undefined for one that names nothing. */
export function autoscalerTarget(autoscaler: AutoscalerObject): TargetRef | undefined {
  const { apiVersion = 'apps/v1', kind = 'Deployment', name } = autoscaler.spec?.scaleTargetRef ?? {};
  return name === undefined ? undefined : { apiVersion, kind, name };
}

/** A lookup of the names of the autoscalers of one cache, in order of the alphabet. */
export function createAutoscalerTargets(
  cache: ResourceCache<AutoscalerObject>,
): (namespace: string, ref: TargetRef) => readonly string[] {
  const byTarget = new Map<string, string[]>();

  function enter(autoscaler: AutoscalerObject, present: boolean): void {
    const ref = autoscalerTarget(autoscaler);
    if (ref === undefined) return;
    const { namespace = '', name } = autoscaler.metadata;
    const key = targetKey(namespace, ref);
    const others = (byTarget.get(key) ?? []).filter((other) => other !== name);
    const names = present ? [...others, name].sort() : others;
    if (names.length > 0) byTarget.set(key, names);
    else byTarget.delete(key);
  }

  cache.onChange((kind, autoscaler, previous) => {
    if (previous) enter(previous, false);
    enter(autoscaler, kind !== 'deleted');
  });
  for (const autoscaler of cache.list()) enter(autoscaler, true);
  return (namespace, ref) => byTarget.get(targetKey(namespace, ref)) ?? [];
}
