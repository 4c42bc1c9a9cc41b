/** The pods as a decision needs them: how large they are, and whether they can be resized at all. */

import { breachCode, type MetricReading } from '../../policies/reactive/breaches.ts';
import type { LoopObservation } from '../../policies/reactive/decide.ts';
import type { VerticalResource } from '../../policies/reactive/loop-spec.ts';
import type { Workload } from '../workloads/contract.ts';
import type { ResizeObstacle } from './findings.ts';
import type { PodSizing } from './pod-sizing.ts';
import { pendingResize, podSizes, type ResizableWorkload } from './resize-plan.ts';

export interface VerticalView {
  readonly workloads: readonly ResizableWorkload[];
  /** Whether the pods are asked to grow in that resource. */
  goesUp(resource: VerticalResource): boolean;
  readonly obstacle: ResizeObstacle | undefined;
  /** The observation with the pods' sizes; metrics whose reaction is not possible now are not reacted to. */
  into(observation: LoopObservation): LoopObservation;
}

/** Undefined when no vertical reaction is in question: then no pod is read. */
export type ViewPods = (
  readings: readonly MetricReading[],
  workload: Workload,
  signal: AbortSignal,
) => Promise<VerticalView | undefined>;

export function createViewPods(podSizing: PodSizing): ViewPods {
  return async (readings, workload, signal) => {
    const wanted = readings.flatMap(({ name, breach, reaction }) =>
      breach !== breachCode.none && reaction?.vertical ? [{ name, ...reaction.vertical }] : [],
    );
    if (wanted.length === 0) return undefined;
    let workloads: ResizableWorkload[] = [];
    let unreadable: ResizeObstacle | undefined;
    try {
      workloads = await podSizing.read(workload, signal);
    } catch (error) {
      unreadable = { reason: 'PodsUnreadable', message: `The pods cannot be read: ${(error as Error).message}` };
    }
    const goesUp = (resource: VerticalResource) => wanted.some((each) => each.resource === resource && each.by > 0);
    const sizes = { cpu: podSizes(workloads, 'cpu'), memory: podSizes(workloads, 'memory') };
    const pending = pendingResize(workloads);
    const obstacles = wanted.map(({ name, resource, by }) => ({
      name,
      obstacle: unreadable ?? (sizes[resource] === undefined ? unsized(resource) : by > 0 ? pending : undefined),
    }));
    const verticalSize: Partial<Record<VerticalResource, number>> = {};
    for (const { resource } of wanted) {
      // Going up, the pods that lag behind (made since the last resize) come first; going down, the largest.
      const size = goesUp(resource) ? sizes[resource]?.smallest : sizes[resource]?.largest;
      if (size !== undefined) verticalSize[resource] = size;
    }
    return {
      workloads,
      goesUp,
      obstacle: obstacles.find(({ obstacle }) => obstacle !== undefined)?.obstacle,
      into: (observation) => ({
        ...observation,
        verticalSize,
        settled: [
          ...(observation.settled ?? []),
          ...obstacles.filter(({ obstacle }) => obstacle !== undefined).map(({ name }) => name),
        ],
      }),
    };
  };
}

function unsized(resource: VerticalResource): ResizeObstacle {
  return {
    reason: 'NoRequest',
    message: `No pod runs whose template requests ${resource}: a resize is relative to that request, so add one to the template.`,
  };
}
