/** The closed loop that stands for an autoscaler. Pure. */
import { apiVersion } from '../../policies/resources/resource.ts';
import type { ClosedLoopManifest, ClosedLoopSpecInput } from './contract.ts';

/** kube-controller-manager's `--horizontal-pod-autoscaler-sync-period`. */
const syncPeriodSeconds = 15;

interface Metadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

type Converted = Pick<ClosedLoopSpecInput, 'targetRef' | 'metrics' | 'behavior' | 'onMissingMetrics'>;

/** Paused: it can be applied while the autoscaler is still there, and shows what it would do. */
export function closedLoopManifest({ name, namespace, labels }: Metadata, spec: Converted): ClosedLoopManifest {
  const { apiVersion: targetVersion, kind, name: targetName } = spec.targetRef;
  return {
    apiVersion,
    kind: 'ClosedLoop',
    metadata: { name, ...(namespace && { namespace }), ...(labels && { labels }) },
    spec: {
      targetRef: { apiVersion: targetVersion, kind, name: targetName },
      intervalSeconds: syncPeriodSeconds,
      paused: true,
      metrics: spec.metrics,
      behavior: spec.behavior,
      ...(spec.onMissingMetrics && { onMissingMetrics: spec.onMissingMetrics }),
      // An autoscaler does not wait for a roll-out.
      whileRollingOut: 'React',
    },
  };
}
