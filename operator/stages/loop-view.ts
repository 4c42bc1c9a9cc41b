/** A loop and its target as a decision sees them, for the stages that decide nothing by themselves. */
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';
import { type LoopObservation, readMetrics } from '../../policies/reactive/decide.ts';
import type { LoopSpec } from '../../policies/reactive/loop-spec.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { Measured, RunningLoop } from '../closed-loop/contract.ts';
import { loopSpecOf } from '../closed-loop/loop-spec-of.ts';
import { createPodSizing } from '../closed-loop/pod-sizing.ts';
import { createViewPods } from '../closed-loop/vertical-view.ts';
import type { ResourceCache } from '../runtime/contract.ts';
import type { Workloads } from '../workloads/contract.ts';

export interface LoopView {
  readonly spec: LoopSpec;
  readonly observation: LoopObservation;
}

/** Undefined when the target does not exist. @throws KubernetesError when it cannot be read */
export type ViewLoop = (loop: RunningLoop, measured: Measured, signal: AbortSignal) => Promise<LoopView | undefined>;

export interface LoopViewOptions {
  readonly api: KubernetesApi;
  readonly workloads: Workloads;
  readonly scalingGroups: ResourceCache<ScalingGroup> | undefined;
}

export function createViewLoop({ api, workloads, scalingGroups }: LoopViewOptions): ViewLoop {
  const viewPods = createViewPods(createPodSizing({ api, workloads, scalingGroups }));
  return async ({ object, spec: { targetRef }, spec: own, guardrails }, measured, signal) => {
    const namespace = object.metadata.namespace ?? '';
    const workload = await workloads.read(namespace, targetRef, signal);
    if (workload === undefined) return undefined;
    const group = targetRef.kind === 'ScalingGroup' ? scalingGroups?.get(namespace, targetRef.name)?.spec : undefined;
    const spec = loopSpecOf(
      own,
      group && { minReplicas: group.minReplicas ?? 0, maxReplicas: group.maxReplicas ?? 100 },
      guardrails,
    );
    const observation: LoopObservation = {
      groupSize: workload.replicas,
      metrics: measured.metrics,
      incomplete: measured.incomplete ?? [],
      settled: measured.settled ?? [],
      rollingOut: workload.rollingOut,
    };
    const pods = await viewPods(readMetrics(spec, observation), workload, signal);
    return { spec, observation: pods === undefined ? observation : pods.into(observation) };
  };
}
