/**
 * Pods that change their resources in place, by the `resize` subresource (Kubernetes 1.33 and later). The kubelet answers
 * later, by conditions of the pod.
 */
import { type KubernetesApi, type ResourceType, resourceTypes } from './kubernetes-api.ts';

export type ResourceList = Readonly<Record<string, string | number>>;

export interface ContainerResources {
  readonly requests?: ResourceList;
  readonly limits?: ResourceList;
}

/** As far as resizing goes; the API gives more, and all of it is sent back. */
export interface ResizableContainer {
  readonly name: string;
  readonly resources?: ContainerResources;
}

export interface ResizablePod {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly containers: readonly ResizableContainer[] };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

/** Running pods that are not on their way out. @throws KubernetesError */
export async function listRunningPods(
  api: KubernetesApi,
  namespace: string,
  labelSelector: string,
  signal?: AbortSignal,
): Promise<ResizablePod[]> {
  const { items } = await api.list<ResizablePod>(resourceTypes.pod, {
    namespace,
    labelSelector,
    fieldSelector: 'status.phase=Running',
    ...(signal ? { signal } : {}),
  });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The containers of a workload's pod template; undefined when its kind has none. @throws KubernetesError */
export async function readTemplateContainers(
  api: KubernetesApi,
  type: ResourceType,
  namespace: string,
  name: string,
  signal?: AbortSignal,
): Promise<readonly ResizableContainer[] | undefined> {
  const workload = await api.get<{
    spec?: { template?: { spec?: { containers?: readonly ResizableContainer[] } } };
  }>(type, namespace, name, signal ? { signal } : {});
  return workload.spec?.template?.spec?.containers;
}

/**
 * Sets the resources of one container; what `resources` leaves out stays.
 * @throws KubernetesError 409 when the pod was written since it was read, 422 when the change is not possible in place
 */
export async function resizePod(
  api: KubernetesApi,
  pod: ResizablePod,
  container: string,
  resources: ContainerResources,
  options: { readonly fieldManager: string; readonly signal?: AbortSignal },
): Promise<void> {
  const containers = pod.spec.containers.map((each) =>
    each.name === container ? { ...each, resources: merged(each.resources, resources) } : each,
  );
  const { name, namespace, resourceVersion } = pod.metadata;
  // A merge patch replaces lists as a whole, so all containers are in it, and the version keeps it from undoing others' writes.
  const patch = { metadata: { resourceVersion }, spec: { containers } };
  await api.mergePatch(resourceTypes.pod, namespace, name, patch, { ...options, subresource: 'resize' });
}

function merged(before: ContainerResources | undefined, change: ContainerResources): ContainerResources {
  return {
    ...before,
    ...(change.requests ? { requests: { ...before?.requests, ...change.requests } } : {}),
    ...(change.limits ? { limits: { ...before?.limits, ...change.limits } } : {}),
  };
}

/** Why the node has not carried out the last resize; undefined when it has, or is about to. */
export function resizeProblem(pod: ResizablePod): { readonly reason: string; readonly message: string } | undefined {
  for (const { type, status, reason = '', message = '' } of pod.status?.conditions ?? []) {
    if (status !== 'True') continue;
    if (type === 'PodResizePending') return { reason: reason || 'Pending', message };
    if (type === 'PodResizeInProgress' && reason === 'Error') return { reason: 'Error', message };
  }
  return undefined;
}
