/** The ScalingGroup controller: what makes a group be looked at, and the reconcile that then runs. */
import PQueue from 'p-queue';
import type { Runnable } from '../../env/service/run-all.ts';
import type { StoredObject, TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { OperatorContext, ResourceCache, WorkQueue } from '../runtime/contract.ts';
import { createWorkQueue } from '../runtime/work-queue.ts';
import { autoscalerTarget } from '../workloads/autoscaler-targets.ts';
import type {
  AutoscalerObject,
  DeploymentObject,
  NamespaceObject,
  StatefulSetObject,
} from '../workloads/cached-objects.ts';
import type { Workloads } from '../workloads/contract.ts';
import { createGroupMembership, memberRefs } from '../workloads/group-members.ts';
import { createFailedCreates } from './failed-creates.ts';
import { createGroupMemories } from './group-memory.ts';
import { createScalingGroupMetrics } from './metrics.ts';
import { createGroupReconcile } from './reconcile.ts';
import { createGroupStatusWriter } from './status-writer.ts';

export interface ScalingGroupControllerOptions {
  readonly context: OperatorContext;
  /** The ScalingGroups. */
  readonly cache: ResourceCache<ScalingGroup>;
  readonly workloads: Workloads;
  readonly deployments: ResourceCache<DeploymentObject>;
  readonly statefulSets: ResourceCache<StatefulSetObject>;
  readonly horizontalPodAutoscalers: ResourceCache<AutoscalerObject>;
  readonly scaledObjects?: ResourceCache<AutoscalerObject>;
  /** With it, the groups of a terminating namespace stop at once instead of when they are deleted. */
  readonly namespaces?: ResourceCache<NamespaceObject>;
  /** Member patches under way at a time, of all groups together. Default 10: beyond, the API server gains nothing. */
  readonly concurrentPatches?: number;
  /** Groups reconciled at a time. Default 16. */
  readonly concurrentGroups?: number;
}

/**
 * Its `run` is for one term of leadership, with caches that are synced; what it remembers ends with the term, since
 * another leader may act in between.
 */
export function createScalingGroupController(options: ScalingGroupControllerOptions): Runnable {
  const { context, cache, concurrentPatches = 10, concurrentGroups = 16 } = options;
  const metrics = createScalingGroupMetrics(context.metrics);
  const membership = createGroupMembership(cache);
  /** When the newest spec of a group was seen; of which generation. */
  const requestTimes = new Map<string, { readonly generation: number | undefined; readonly seconds: number }>();
  let queue: WorkQueue | undefined;

  const keyOf = ({ metadata }: StoredObject) => `${metadata.namespace}/${metadata.name}`;

  const groupsOfObject = ({ kind, apiVersion, metadata }: StoredObject): string[] =>
    groupsOf(metadata.namespace ?? '', { apiVersion, kind, name: metadata.name }, metadata.labels);

  function groupsOf(namespace: string, ref: TargetRef, labels?: Readonly<Record<string, string>>): string[] {
    return membership.groupsOf(namespace, ref, labels).map(keyOf);
  }

  /** Of its target, which may be a member by labels alone. */
  function labelsOf({ metadata }: AutoscalerObject, { kind, name }: TargetRef) {
    const cacheOfKind = kind === 'StatefulSet' ? options.statefulSets : options.deployments;
    return cacheOfKind.get(metadata.namespace ?? '', name)?.metadata.labels;
  }

  /** Each once: a key that is added a second time may be under way by then and would run twice. */
  function add(keys: readonly string[]): void {
    for (const key of new Set(keys)) queue?.add(key);
  }

  // Listeners stay for the life of the process; without a term they do nothing.
  cache.onChange((kind, group, previous) => {
    const parents = groupsOfObject(group);
    const isNews =
      kind !== 'updated' ||
      previous?.metadata.generation !== group.metadata.generation ||
      previous?.metadata.uid !== group.metadata.uid ||
      previous?.metadata.deletionTimestamp !== group.metadata.deletionTimestamp;
    // Our own status writes are no news.
    if (!isNews) return add(parents);
    if (kind === 'deleted') requestTimes.delete(keyOf(group));
    else if (queue !== undefined && previous?.spec.replicas !== group.spec.replicas) {
      requestTimes.set(keyOf(group), { generation: group.metadata.generation, seconds: context.now() });
    }
    // Another group may now have, or no longer have, the better claim to a member.
    const rivals = (previous ? [previous, group] : [group]).flatMap((changed) =>
      memberRefs(changed).flatMap((ref) => groupsOf(changed.metadata.namespace ?? '', ref)),
    );
    add([keyOf(group), ...parents, ...rivals]);
  });
  const onWorkload = (_kind: unknown, workload: StoredObject, previous: StoredObject | undefined) => {
    // It may just have lost the label that made it a member.
    add([...groupsOfObject(workload), ...(previous ? groupsOfObject(previous) : [])]);
  };
  options.deployments.onChange(onWorkload);
  options.statefulSets.onChange(onWorkload);
  const onAutoscaler = (_kind: unknown, autoscaler: AutoscalerObject, previous: AutoscalerObject | undefined) => {
    const changed = previous ? [previous, autoscaler] : [autoscaler];
    add(
      changed.flatMap((one) => {
        const ref = autoscalerTarget(one);
        return ref === undefined ? [] : groupsOf(one.metadata.namespace ?? '', ref, labelsOf(one, ref));
      }),
    );
  };
  options.horizontalPodAutoscalers.onChange(onAutoscaler);
  options.scaledObjects?.onChange(onAutoscaler);

  return {
    async run(signal) {
      const statusWriter = createGroupStatusWriter({
        context,
        again: (key, afterMilliseconds) => queue?.add(key, afterMilliseconds),
      });
      const reconcile = createGroupReconcile({
        context,
        reader: { workloads: options.workloads, groups: cache, failedCreates: createFailedCreates(context.api) },
        memories: createGroupMemories(),
        statusWriter,
        metrics,
        patches: new PQueue({ concurrency: concurrentPatches }),
        namespaces: options.namespaces,
        requestTime(key, generation) {
          const request = requestTimes.get(key);
          return request?.generation === generation ? request?.seconds : undefined;
        },
      });
      requestTimes.clear();
      const term = createWorkQueue({ name: 'scaling-group', reconcile, concurrency: concurrentGroups, context });
      queue = term;
      for (const group of cache.list()) term.add(keyOf(group));
      await term.run(signal);
      queue = undefined;
      await statusWriter.idle();
      metrics.forgetAll();
    },
  };
}
