/** What a reference points at, as a key: two references to one workload give the same key. */
import type { TargetRef } from '../../policies/resources/resource.ts';

/** The group alone counts: apps/v1 and apps/v1beta1 are the same object. */
function apiGroupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function targetKey(namespace: string, { apiVersion, kind, name }: TargetRef): string {
  return `${namespace}/${apiGroupOf(apiVersion)}/${kind}/${name}`;
}
