/** The controllers, wired to the caches and to each other. They run while this process leads. */
import type { PrometheusClient } from '../env/cluster/prometheus.ts';
import type { Runnable } from '../env/service/run-all.ts';
import type { OperatorCaches } from './caches.ts';
import type { LoopTable, PushStore } from './closed-loop/contract.ts';
import { createClosedLoopController } from './closed-loop/controller.ts';
import { createMetricReader } from './closed-loop/sources/metric-reader.ts';
import { createDeliberativeLoopController } from './deliberative-loop/controller.ts';
import type { OperatorContext, Reconcile } from './runtime/contract.ts';
import { createWorkQueue } from './runtime/work-queue.ts';
import { createScalingGroupController } from './scaling-group/controller.ts';
import { createStages, type Stages } from './stages/stages.ts';
import type { Workloads } from './workloads/contract.ts';

export interface ControllersOptions {
  readonly context: OperatorContext;
  readonly caches: OperatorCaches;
  readonly workloads: Workloads;
  /** Without it, metrics of Prometheus are missing. */
  readonly prometheus: PrometheusClient | undefined;
  /** That keeps a loop's own PromQL to its namespace; undefined: it reads whatever the operator may. */
  readonly namespaceLabel?: string | undefined;
  readonly pushStore: PushStore;
  readonly httpSourceHosts: readonly RegExp[];
  readonly policyHosts: readonly RegExp[];
}

export interface Controllers {
  readonly controllers: readonly Runnable[];
  readonly table: LoopTable;
}

export function createControllers(options: ControllersOptions): Controllers {
  const { context, caches, workloads, prometheus, namespaceLabel, pushStore, httpSourceHosts, policyHosts } = options;
  const { closedLoops, scalingGroups } = caches;
  const queueNamed = (name: string) => (reconcile: Reconcile) =>
    createWorkQueue({ name, reconcile, context, random: Math.random });
  const reader = createMetricReader({
    prometheus,
    namespaceLabel,
    api: context.api,
    pushStore,
    httpSourceHosts,
    now: context.now,
    metrics: context.metrics,
  });
  closedLoops.onChange((kind, { metadata }) => {
    if (kind === 'deleted') reader.forgetLoop(metadata.namespace ?? '', metadata.name);
  });

  // The reactive loop hands measurements to the stages, which execute through the reactive loop.
  let stages: Stages | undefined;
  const closedLoop = createClosedLoopController({
    context,
    cache: closedLoops,
    workloads,
    reader,
    createQueue: queueNamed('closed-loop'),
    scalingGroups,
    stages: { publish: async (loop, answers, time) => stages?.publish(loop, answers, time) },
    policyHosts,
  });
  const deliberativeLoop = createDeliberativeLoopController({
    context,
    cache: caches.deliberativeLoops,
    closedLoops,
    table: closedLoop.table,
    workloads,
    createQueue: queueNamed('deliberative-loop'),
  });
  stages = createStages({
    context,
    closedLoops,
    caches: caches.stages,
    table: closedLoop.table,
    executor: closedLoop,
    workloads,
    scalingGroups,
    deliberation: deliberativeLoop,
    createQueue: queueNamed('stages'),
  });
  const scalingGroup = createScalingGroupController({
    context,
    cache: scalingGroups,
    workloads,
    deployments: caches.deployments,
    statefulSets: caches.statefulSets,
    horizontalPodAutoscalers: caches.horizontalPodAutoscalers,
    scaledObjects: caches.scaledObjects,
    ...(caches.namespaces === undefined ? {} : { namespaces: caches.namespaces }),
  });
  return { controllers: [closedLoop, deliberativeLoop, stages, scalingGroup], table: closedLoop.table };
}
