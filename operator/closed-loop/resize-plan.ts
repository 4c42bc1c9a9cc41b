/** Pod sizes relative to the template's, and what to write to reach another. Pure. */
import {
  type ContainerResources,
  type ResizableContainer,
  type ResizablePod,
  type ResourceList,
  resizeProblem,
} from '../../env/cluster/pod-resize.ts';
import type { VerticalResource } from '../../policies/reactive/loop-spec.ts';
import { parseQuantity } from '../workloads/quantity.ts';

/** One workload whose pods are resized: the target, or a member of the group that is the target. */
export interface ResizableWorkload {
  /** "Deployment/web". */
  readonly name: string;
  readonly template: readonly ResizableContainer[];
  readonly pods: readonly ResizablePod[];
}

export interface PodSizes {
  /** Relative to the template, over all pods. */
  readonly smallest: number;
  readonly largest: number;
}

export interface PodResize {
  readonly pod: ResizablePod;
  readonly container: string;
  readonly resources: ContainerResources;
}

/** What a container asks for: its request, or else its limit, which the API server takes for the request of a pod. */
function requestOf({ resources }: Pick<ResizableContainer, 'resources'>, resource: VerticalResource): number {
  const quantity = resources?.requests?.[resource] ?? resources?.limits?.[resource];
  return (quantity === undefined ? undefined : parseQuantity(quantity)) ?? 0;
}

/** The container that is resized: the one with the largest request; undefined when none has one. */
export function resizedContainer(
  template: readonly ResizableContainer[],
  resource: VerticalResource,
): ResizableContainer | undefined {
  const [largest] = [...template].sort((a, b) => requestOf(b, resource) - requestOf(a, resource));
  return largest !== undefined && requestOf(largest, resource) > 0 ? largest : undefined;
}

function sizeOf(pod: ResizablePod, standard: ResizableContainer, resource: VerticalResource): number {
  const container = pod.spec.containers.find(({ name }) => name === standard.name);
  // The standard of a pod of an older template is not known; 1 leaves it to the roll-out.
  return container === undefined ? 1 : requestOf(container, resource) / requestOf(standard, resource);
}

/** Undefined when no workload has a request to be relative to, or no pod runs. */
export function podSizes(workloads: readonly ResizableWorkload[], resource: VerticalResource): PodSizes | undefined {
  const sizes = workloads.flatMap(({ template, pods }) => {
    const standard = resizedContainer(template, resource);
    return standard === undefined ? [] : pods.map((pod) => sizeOf(pod, standard, resource));
  });
  return sizes.length === 0 ? undefined : { smallest: Math.min(...sizes), largest: Math.max(...sizes) };
}

/**
 * Every pod that is not there yet. Going up no pod is made smaller, going down none larger: pods made since the last resize
 * have the template's size.
 * @param size relative to the template's requests and limits
 */
export function planResize(
  workloads: readonly ResizableWorkload[],
  resource: VerticalResource,
  size: number,
  goesUp: boolean,
): PodResize[] {
  return workloads.flatMap(({ template, pods }) => {
    const standard = resizedContainer(template, resource);
    if (standard === undefined) return [];
    const resources = scaledResources(standard, resource, size);
    const wanted = requestOf({ resources }, resource);
    return pods.flatMap((pod) => {
      const container = pod.spec.containers.find(({ name }) => name === standard.name);
      if (container === undefined) return [];
      const current = requestOf(container, resource);
      return (goesUp ? current < wanted : current > wanted) ? [{ pod, container: standard.name, resources }] : [];
    });
  });
}

/** Both by one factor, so that the pod's quality-of-service class stays what it is: a resize may not change it. */
function scaledResources(standard: ResizableContainer, resource: VerticalResource, size: number): ContainerResources {
  const scaled = (list: ResourceList | undefined) => {
    const amount = list?.[resource] === undefined ? undefined : parseQuantity(list[resource]);
    return amount === undefined ? undefined : { [resource]: quantityText(amount * size, resource) };
  };
  const limits = scaled(standard.resources?.limits);
  const requests = scaled(standard.resources?.requests) ?? limits;
  return { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) };
}

/** Rounded up to what the kubelet can set: thousandths of a core, whole KiB. */
function quantityText(amount: number, resource: VerticalResource): string {
  const rounding = 1e-6;
  return resource === 'cpu' ? `${Math.ceil(amount * 1000 - rounding)}m` : `${Math.ceil(amount / 1024 - rounding)}Ki`;
}

/** The first pod whose node has not carried out its last resize, in words. */
export function pendingResize(
  workloads: readonly ResizableWorkload[],
): { reason: string; message: string } | undefined {
  for (const { name, pods } of workloads) {
    for (const pod of pods) {
      const problem = resizeProblem(pod);
      if (problem === undefined) continue;
      const { reason, message } = problem;
      return { reason, message: `${name}: pod ${pod.metadata.name} is not resized yet: ${message || reason}` };
    }
  }
  return undefined;
}
