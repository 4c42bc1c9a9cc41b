/** Vertical reactions on the real pods: read when such a reaction is in question, resized in place. */
import { isNotFound, type KubernetesApi, KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import { listRunningPods, readTemplateContainers, resizePod } from '../../env/cluster/pod-resize.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { fieldManager, type ResourceCache } from '../runtime/contract.ts';
import type { Workload, Workloads } from '../workloads/contract.ts';
import { targetTypeOf } from '../workloads/target-type.ts';
import type { PodResize, ResizableWorkload } from './resize-plan.ts';

export interface PodSizing {
  /** The target and its pods; of a ScalingGroup, its members and theirs. @throws KubernetesError */
  read(target: Workload, signal: AbortSignal): Promise<ResizableWorkload[]>;
  /** Whether it was written; a pod that somebody wrote or deleted since it was read is not. @throws KubernetesError */
  resize(change: PodResize): Promise<boolean>;
}

export interface PodSizingOptions {
  readonly api: KubernetesApi;
  readonly workloads: Workloads;
  readonly scalingGroups: ResourceCache<ScalingGroup> | undefined;
}

export function createPodSizing({ api, workloads, scalingGroups }: PodSizingOptions): PodSizing {
  async function readOne(workload: Workload, signal: AbortSignal): Promise<ResizableWorkload | undefined> {
    const { namespace, ref, podSelector } = workload;
    // Without a selector the list would be that of the whole namespace.
    if (podSelector === '') return undefined;
    const type = await targetTypeOf(api, ref);
    const template = await readTemplateContainers(api, type, namespace, ref.name, signal);
    if (template === undefined) return undefined;
    const pods = await listRunningPods(api, namespace, podSelector, signal);
    return { name: `${ref.kind}/${ref.name}`, template, pods };
  }

  async function membersOf({ namespace, ref }: Workload, signal: AbortSignal): Promise<Workload[]> {
    const members: readonly TargetRef[] = scalingGroups?.get(namespace, ref.name)?.status?.members ?? [];
    const read = await Promise.all(
      members.map(({ apiVersion, kind, name }) => workloads.read(namespace, { apiVersion, kind, name }, signal)),
    );
    return read.filter((member) => member !== undefined);
  }

  return {
    async read(target, signal) {
      const targets = target.ref.kind === 'ScalingGroup' ? await membersOf(target, signal) : [target];
      const read = await Promise.all(targets.map((each) => readOne(each, signal)));
      return read.filter((workload) => workload !== undefined);
    },
    async resize({ pod, container, resources }) {
      try {
        await resizePod(api, pod, container, resources, { fieldManager });
        return true;
      } catch (error) {
        if (isNotFound(error) || (error instanceof KubernetesError && error.status === 409)) return false;
        throw error;
      }
    },
  };
}
