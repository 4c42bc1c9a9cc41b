/** Sorts the pods of a workload into the classes that the HPA treats differently (`groupPods` of Kubernetes v1.36). */
import type { PodClasses } from './replica-calculator.ts';

/** What the HPA reads of a pod; times in seconds on one clock. */
export interface HpaPod {
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  deleting?: boolean;
  startSecond?: number;
  /** The pod's Ready condition; absent when the kubelet has not written one. */
  ready?: { status: boolean; lastTransitionSecond: number };
  /** The pod's metric with the end and length of the window it was taken over; absent when there is none. */
  metric?: { value: number; second: number; windowSeconds: number };
}

/** Flags of kube-controller-manager. */
export interface PodReadinessOptions {
  /** `--horizontal-pod-autoscaler-cpu-initialization-period` (default 300). */
  cpuInitializationSeconds: number;
  /** `--horizontal-pod-autoscaler-initial-readiness-delay` (default 30). */
  initialReadinessDelaySeconds: number;
}

export const defaultPodReadinessOptions: PodReadinessOptions = {
  cpuInitializationSeconds: 300,
  initialReadinessDelaySeconds: 30,
};

/**
 * Counts pods by class; `average` is NaN when no pod is measured. Only for CPU does readiness matter: a starting pod
 * burns CPU that says nothing about load.
 */
export function groupPods(
  pods: readonly HpaPod[],
  resource: 'cpu' | 'other',
  nowSecond: number,
  options: PodReadinessOptions = defaultPodReadinessOptions,
): PodClasses {
  const classes = { measured: 0, average: Number.NaN, unready: 0, missing: 0 };
  let total = 0;
  for (const pod of pods) {
    if (pod.deleting || pod.phase === 'Failed') continue;
    if (pod.phase === 'Pending') classes.unready += 1;
    else if (!pod.metric) classes.missing += 1;
    else if (resource === 'cpu' && isCpuUnready(pod, pod.metric, nowSecond, options)) classes.unready += 1;
    else {
      classes.measured += 1;
      total += pod.metric.value;
    }
  }
  if (classes.measured > 0) classes.average = total / classes.measured;
  return classes;
}

function isCpuUnready(
  pod: HpaPod,
  metric: { second: number; windowSeconds: number },
  nowSecond: number,
  options: PodReadinessOptions,
): boolean {
  if (!pod.ready || pod.startSecond === undefined) return true;
  const { status, lastTransitionSecond } = pod.ready;
  if (pod.startSecond + options.cpuInitializationSeconds > nowSecond) {
    // Young pods count once a whole window was measured since they became ready.
    return !status || metric.second < lastTransitionSecond + metric.windowSeconds;
  }
  // Later only a pod that has never been ready is left out: its condition last changed as it started.
  return !status && pod.startSecond + options.initialReadinessDelaySeconds > lastTransitionSecond;
}
