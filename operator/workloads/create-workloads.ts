/** Workloads read from caches and scaled through the scale subresource. */
import { isNotFound, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { byAge } from '../../policies/resources/age.ts';
import type { StoredObject, TargetRef } from '../../policies/resources/resource.ts';
import { fieldManager, type OperatorContext, type ResourceCache } from '../runtime/contract.ts';
import { createAutoscalerTargets } from './autoscaler-targets.ts';
import { createCachedKinds, type WorkloadCaches } from './cached-kinds.ts';
import type { AutoscalerObject } from './cached-objects.ts';
import type { Owner, Workload, Workloads } from './contract.ts';
import { carriesLabels, createGroupMembership } from './group-members.ts';
import { createOwnWrites } from './own-writes.ts';
import { targetTypeOf } from './target-type.ts';
import { deploymentWorkload, type ScaleObject, scaleWorkload, statefulSetWorkload } from './workload-views.ts';

export interface WorkloadsOptions extends WorkloadCaches {
  readonly context: Pick<OperatorContext, 'api' | 'mayAct'>;
  readonly horizontalPodAutoscalers: ResourceCache<AutoscalerObject>;
  /** Where KEDA is installed. */
  readonly scaledObjects?: ResourceCache<AutoscalerObject>;
}

interface PodObject extends StoredObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

// More failures in a row than that: the caller's back-off is the place to wait.
const attempts = 5;
/**
 * So often a write depends on the version that was read, which says that nothing changed at all. A writer that is faster than
 * the way to the API server changes it every time; then the write depends on what was decided about, replicas and uid.
 */
const versionedAttempts = 2;

/** `scale` writes nothing while `context.mayAct()` is false. */
export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { context, deployments, statefulSets, scalingGroups, scaledObjects } = options;
  const { api } = context;
  const cachedKind = createCachedKinds(options);
  const membership = createGroupMembership(scalingGroups);
  const autoscalersOf = createAutoscalerTargets(options.horizontalPodAutoscalers);
  const scaledObjectsOf = scaledObjects && createAutoscalerTargets(scaledObjects);
  const ownWrites = createOwnWrites();

  /** A kind without a cache: its scale, and its pods since a scale does not say how many are ready. */
  async function readScale(namespace: string, ref: TargetRef, signal?: AbortSignal): Promise<Workload | undefined> {
    try {
      const type = await targetTypeOf(api, ref);
      const scale = await api.get<ScaleObject>(type, namespace, ref.name, { subresource: 'scale', signal });
      const labelSelector = scale.status?.selector;
      if (!labelSelector) return scaleWorkload(namespace, ref, scale, scale.status?.replicas ?? 0);
      const pods = await api.list<PodObject>(resourceTypes.pod, { namespace, labelSelector, signal });
      return scaleWorkload(namespace, ref, scale, pods.items.filter(isReady).length);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  function owningGroup(namespace: string, ref: TargetRef, except: Owner | undefined): Owner | undefined {
    const labels = cachedKind(ref)?.get(namespace, ref.name)?.labels;
    const claiming = membership.groupsOf(namespace, ref, labels);
    const own = except?.kind === 'ScalingGroup' ? except.name : undefined;
    const self = own === undefined ? undefined : claiming.find(({ metadata }) => metadata.name === own);
    // Of two groups with one member the older has it: with each yielding to the other, nobody would scale it.
    const owner = claiming.find(
      (group) => group.metadata.name !== own && (self === undefined || byAge(group, self) < 0),
    );
    return owner && { kind: 'ScalingGroup', name: owner.metadata.name };
  }

  return {
    async read(namespace, ref, signal) {
      const kind = cachedKind(ref);
      if (kind === undefined) return readScale(namespace, ref, signal);
      const workload = kind.get(namespace, ref.name);
      return workload && ownWrites.apply(workload);
    },

    select(namespace, kind, matchLabels) {
      const carrying = ({ metadata }: StoredObject) => carriesLabels(metadata.labels, matchLabels);
      const found =
        kind === 'Deployment'
          ? deployments.list(namespace).filter(carrying).map(deploymentWorkload)
          : statefulSets.list(namespace).filter(carrying).map(statefulSetWorkload);
      return found.map(ownWrites.apply).sort((a, b) => (a.ref.name < b.ref.name ? -1 : 1));
    },

    ownerOf(namespace, ref, except) {
      const other = (kind: Owner['kind'], names: readonly string[] = []): Owner | undefined => {
        const name = names.find((candidate) => except?.kind !== kind || except.name !== candidate);
        return name === undefined ? undefined : { kind, name };
      };
      // A ScaledObject first: the HPA that KEDA makes for it is not what its user knows.
      return (
        other('ScaledObject', scaledObjectsOf?.(namespace, ref)) ??
        other('HorizontalPodAutoscaler', autoscalersOf(namespace, ref)) ??
        owningGroup(namespace, ref, except)
      );
    },

    async scale(workload, replicas, { stillWanted, signal }) {
      const { namespace, ref, uid } = workload;
      const kind = cachedKind(ref);
      const type = kind?.type ?? (await targetTypeOf(api, ref));
      const over = kind?.get(namespace, ref.name)?.resourceVersion;
      const options = { subresource: 'scale', fieldManager, signal } as const;
      let seen = { resourceVersion: workload.resourceVersion, replicas: workload.replicas };
      const write = (attempt: number) => {
        const { resourceVersion } = seen;
        // Of none a Scale has no field that could be tested.
        if (attempt <= versionedAttempts || seen.replicas === 0) {
          const patch = { metadata: { resourceVersion }, spec: { replicas } };
          return api.mergePatch<ScaleObject>(type, namespace, ref.name, patch, options);
        }
        const operations = [
          { op: 'test', path: '/metadata/uid', value: uid },
          { op: 'test', path: '/spec/replicas', value: seen.replicas },
          { op: 'replace', path: '/spec/replicas', value: replicas },
        ] as const;
        return api.jsonPatch<ScaleObject>(type, namespace, ref.name, operations, options);
      };
      for (let attempt = 1; ; attempt++) {
        if (!context.mayAct()) return false;
        try {
          const { metadata } = await write(attempt);
          if (over !== undefined && metadata.resourceVersion !== undefined) {
            ownWrites.remember(uid, { over, resourceVersion: metadata.resourceVersion, replicas });
          }
          return true;
        } catch (error) {
          if (!isOvertaken(error, attempt) || attempt === attempts) throw error;
        }
        const found = await api.get<ScaleObject>(type, namespace, ref.name, { subresource: 'scale', signal });
        // Made anew under the same name, it is a workload that nobody has decided about.
        if (found.metadata.uid !== uid) return false;
        const current = found.spec?.replicas ?? 0;
        const wanted = stillWanted?.(current) ?? current === workload.replicas;
        if (current === replicas || !wanted) return false;
        seen = { resourceVersion: found.metadata.resourceVersion ?? '', replicas: current };
      }
    },
  };
}

/** Somebody wrote in between; 422 is the answer to a test that does not hold. */
function isOvertaken(error: unknown, attempt: number): boolean {
  if (!(error instanceof KubernetesError)) return false;
  return error.status === 409 || (error.status === 422 && attempt > versionedAttempts);
}

function isReady({ metadata, status }: PodObject): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}
