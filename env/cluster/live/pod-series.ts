/**
 * What cAdvisor and kube-state-metrics tell of workloads' pods, by `$namespaces` and `$window`. The joins are those of
 * kubernetes-mixin; duplicates (two kube-state-metrics, a container's series before and after a restart, a kubelet scraped
 * twice) are made one by max, so that no match becomes many-to-many.
 */

/** Which pods a query is about: label matchers with `$namespaces`, and the workloads' names (a regular expression). */
export interface PodScope {
  readonly namespaceMatcher: string;
  /** Undefined: all of the namespaces, which is cheaper than a long expression. */
  readonly workloads?: string;
}
export const allWorkloads: PodScope = { namespaceMatcher: 'namespace=~"$namespaces"' };

const ofContainer = 'container!="",container!="POD"';

/** 1 per pod of a Deployment (by its ReplicaSet, whose name ends in a hash) or StatefulSet: {namespace, pod, workload}. */
function podOwners({ namespaceMatcher, workloads = '.+' }: PodScope): string {
  const ownedBy = (kind: string, name: string) =>
    `label_replace(kube_pod_owner{${namespaceMatcher},owner_kind="${kind}",owner_name=~"${name}"},"workload","$1","owner_name","${name}")`;
  return (
    `max by (namespace,pod,workload) (${ownedBy('ReplicaSet', `(${workloads})-[^-]+`)}` +
    ` or ${ownedBy('StatefulSet', `(${workloads})`)})`
  );
}

const isReady = ({ namespaceMatcher }: PodScope, offset = '') =>
  `max by (namespace,pod) (kube_pod_status_ready{${namespaceMatcher},condition="true"}${offset}) == 1`;

const readyPods = (scope: PodScope) => `(${podOwners(scope)} and on (namespace,pod) (${isReady(scope)}))`;

/** Ready for the whole window: a pod that just came up has used little in it, and would pull the average down. */
const measuredPods = (scope: PodScope) =>
  `(${podOwners(scope)} and on (namespace,pod) (${isReady(scope)})` +
  ` and on (namespace,pod) (${isReady(scope, ' offset $window')}))`;

/** As an HPA has it: percent of what the pod's containers ask for, averaged over pods. Containers that ask nothing are left out. */
function averagePercent(scope: PodScope, usage: string, asked: string): string {
  const perContainer = (series: string) => `max by (namespace,pod,container) (${series})`;
  return (
    `avg by (namespace,workload) (100 * ` +
    `sum by (namespace,pod) (${perContainer(usage)} and on (namespace,pod,container) (${asked} > 0)) / on (namespace,pod) ` +
    `sum by (namespace,pod) (${perContainer(asked)}) * on (namespace,pod) group_left (workload) ${measuredPods(scope)})`
  );
}

export function cpuPercentQuery(scope: PodScope): string {
  return averagePercent(
    scope,
    `rate(container_cpu_usage_seconds_total{${scope.namespaceMatcher},${ofContainer}}[$window])`,
    `kube_pod_container_resource_requests{${scope.namespaceMatcher},resource="cpu"}`,
  );
}

export function memoryPercentQuery(scope: PodScope): string {
  return averagePercent(
    scope,
    `avg_over_time(container_memory_working_set_bytes{${scope.namespaceMatcher},${ofContainer}}[$window])`,
    `kube_pod_container_resource_limits{${scope.namespaceMatcher},resource="memory"}`,
  );
}

/** Ready pods that cAdvisor sees by now: those that the newest of what was measured is of. */
export function measuredPodsQuery(scope: PodScope): string {
  return (
    `count by (namespace,workload) (${readyPods(scope)} and on (namespace,pod) ` +
    `container_cpu_usage_seconds_total{${scope.namespaceMatcher},${ofContainer}})`
  );
}

/** A number per Deployment and StatefulSet; a name that both have is one workload. */
function ofWorkloads(deployments: string, statefulSets: string, aggregation = 'sum'): string {
  const named = (label: string, series: string) =>
    `label_replace(max by (namespace,${label}) (${series}),"workload","$1","${label}","(.*)")`;
  return `${aggregation} by (namespace,workload) (${named('deployment', deployments)} or ${named('statefulset', statefulSets)})`;
}

export function readyPodsQuery({ namespaceMatcher }: PodScope): string {
  return ofWorkloads(
    `kube_deployment_status_replicas_ready{${namespaceMatcher}}`,
    `kube_statefulset_status_replicas_ready{${namespaceMatcher}}`,
  );
}

export function desiredPodsQuery({ namespaceMatcher }: PodScope): string {
  return ofWorkloads(
    `kube_deployment_spec_replicas{${namespaceMatcher}}`,
    `kube_statefulset_replicas{${namespaceMatcher}}`,
  );
}

/** Unix time of the newest sample of each pod that has the oldest one. Gauges live on for 5 minutes after their source. */
export function podSampleSecondQueries(scope: PodScope): { cpu: string; pods: string } {
  const { namespaceMatcher } = scope;
  return {
    cpu:
      `min by (namespace,workload) (max by (namespace,pod) ` +
      `(timestamp(container_cpu_usage_seconds_total{${namespaceMatcher},${ofContainer}}))` +
      ` * on (namespace,pod) group_left (workload) ${readyPods(scope)})`,
    pods: ofWorkloads(
      `timestamp(kube_deployment_status_replicas_ready{${namespaceMatcher}})`,
      `timestamp(kube_statefulset_status_replicas_ready{${namespaceMatcher}})`,
      'min',
    ),
  };
}

/** Metrics that the queries of each kind are made of, to say which of them is not there. */
export const podMetricNames = {
  cpuPercent: [
    'container_cpu_usage_seconds_total',
    'kube_pod_container_resource_requests',
    'kube_pod_owner',
    'kube_pod_status_ready',
  ],
  memoryPercent: [
    'container_memory_working_set_bytes',
    'kube_pod_container_resource_limits',
    'kube_pod_owner',
    'kube_pod_status_ready',
  ],
  measuredPods: ['container_cpu_usage_seconds_total', 'kube_pod_owner', 'kube_pod_status_ready'],
  readyPods: ['kube_deployment_status_replicas_ready'],
  desiredPods: ['kube_deployment_spec_replicas'],
} as const;
