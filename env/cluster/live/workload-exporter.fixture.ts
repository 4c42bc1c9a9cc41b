/** What Istio, ingress-nginx or OpenTelemetry, cAdvisor and kube-state-metrics would expose of made-up workloads. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MetricPreset } from './metric-queries.ts';

export interface ExportedWorkload {
  readonly namespace: string;
  readonly name: string;
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly pods: number;
  /** Further ones that are starting: they use CPU and are not ready. */
  readonly startingPods?: number;
  /** Of each ready pod. */
  readonly requestsPerSecond: number;
  readonly cpuCores: number;
}

/** Of every pod: cores requested, bytes used and allowed. */
export const podRequestCores = 0.5;
export const podMemoryBytes = 200e6;
export const podMemoryLimitBytes = 800e6;

/** Upper bounds of the buckets, milliseconds: as many as Istio has. */
const boundsMilliseconds = [
  0.5, 1, 2.5, 5, 10, 20, 40, 80, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000,
];
/** Share of the requests by the bucket's bound: the p95 is halfway through the last of them. */
const shares = new Map([
  [10, 0.5],
  [20, 0.4],
  [40, 0.1],
]);
export const exportedP95Milliseconds = 30;

export interface WorkloadExporter {
  /** `host:port`, as a scrape configuration names it. */
  readonly target: string;
  /** Applied to the text of every scrape from now on. */
  tamper(change: (text: string) => string): void;
  /** All containers restart: their counters begin anew. */
  restart(): void;
  close(): Promise<void>;
}

type RequestPreset = Exclude<MetricPreset, 'custom'>;

export async function startWorkloadExporter(
  workloads: readonly ExportedWorkload[],
  preset: RequestPreset,
): Promise<WorkloadExporter> {
  let change = (text: string) => text;
  // Counters that have run for a while, so that a restart shows.
  let startedMilliseconds = performance.now() - 1_000_000;
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(change(exposition(workloads, preset, (performance.now() - startedMilliseconds) / 1000)));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    tamper(next) {
      change = next;
    },
    restart() {
      startedMilliseconds = performance.now();
    },
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

/** Labels of a request series of a pod, its metrics' base name, and what a millisecond is in the buckets' unit. */
const requestFormats: Record<
  RequestPreset,
  { counter: string; histogram: string; unit: number; labels: (workload: ExportedWorkload, pod: string) => string }
> = {
  istio: {
    counter: 'istio_requests_total',
    histogram: 'istio_request_duration_milliseconds',
    unit: 1,
    labels: ({ namespace, name }, pod) =>
      `reporter="destination",destination_workload="${name}",destination_workload_namespace="${namespace}",namespace="${namespace}",pod="${pod}"`,
  },
  'nginx-ingress': {
    counter: 'nginx_ingress_controller_requests',
    histogram: 'nginx_ingress_controller_request_duration_seconds',
    unit: 1000,
    labels: ({ namespace, name }, pod) =>
      `namespace="ingress",service="metrics",exported_namespace="${namespace}",exported_service="${name}",path="/${pod}"`,
  },
  opentelemetry: {
    counter: 'http_server_request_duration_seconds_count',
    histogram: 'http_server_request_duration_seconds',
    unit: 1000,
    labels: ({ namespace, name, kind }, pod) =>
      kind === 'Deployment'
        ? `k8s_namespace_name="${namespace}",k8s_deployment_name="${name}",job="other/${name}",instance="${pod}"`
        : `job="${namespace}/${name}",instance="${pod}"`,
  },
  'online-boutique': {
    counter: 'rpc_server_duration_milliseconds_count',
    histogram: 'rpc_server_duration_milliseconds',
    unit: 1,
    labels: ({ namespace, name }, pod) => `service_namespace="${namespace}",service_name="${name}",instance="${pod}"`,
  },
};

function exposition(workloads: readonly ExportedWorkload[], preset: RequestPreset, second: number): string {
  const { counter, histogram, unit, labels } = requestFormats[preset];
  const lines: string[] = [];
  for (const workload of workloads) {
    const { namespace, name, kind, pods, startingPods = 0, requestsPerSecond, cpuCores } = workload;
    const owner = kind === 'Deployment' ? `${name}-5d9c7f` : name;
    for (let i = 0; i < pods + startingPods; i++) {
      const pod = `${owner}-${i}`;
      const ready = i < pods;
      const ofPod = `namespace="${namespace}",pod="${pod}"`;
      const ofContainer = `${ofPod},container="server"`;
      if (ready) {
        const requests = requestsPerSecond * second;
        lines.push(`${counter}{${labels(workload, pod)}} ${requests}`);
        let below = 0;
        for (const bound of [...boundsMilliseconds, Number.POSITIVE_INFINITY]) {
          below += shares.get(bound) ?? 0;
          const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound / unit);
          lines.push(`${histogram}_bucket{${labels(workload, pod)},le="${le}"} ${requests * below}`);
        }
      }
      const owningKind = kind === 'Deployment' ? 'ReplicaSet' : kind;
      lines.push(
        `container_cpu_usage_seconds_total{${ofContainer},image="app"} ${cpuCores * (ready ? 1 : 5) * second}`,
        // The sandbox and the sum of the pod, as cAdvisor has them.
        `container_cpu_usage_seconds_total{${ofPod},container="POD"} ${second}`,
        `container_cpu_usage_seconds_total{${ofPod}} ${2 * second}`,
        `container_memory_working_set_bytes{${ofContainer},image="app"} ${podMemoryBytes}`,
        `kube_pod_container_resource_requests{${ofContainer},resource="cpu",unit="core"} ${podRequestCores}`,
        `kube_pod_container_resource_limits{${ofContainer},resource="memory",unit="byte"} ${podMemoryLimitBytes}`,
        `kube_pod_owner{${ofPod},owner_kind="${owningKind}",owner_name="${owner}",owner_is_controller="true"} 1`,
        `kube_pod_status_ready{${ofPod},condition="true"} ${ready ? 1 : 0}`,
        `kube_pod_status_ready{${ofPod},condition="false"} ${ready ? 0 : 1}`,
      );
    }
    const object = `namespace="${namespace}",${kind.toLowerCase()}="${name}"`;
    const [readyReplicas, wantedReplicas] =
      kind === 'Deployment'
        ? ['kube_deployment_status_replicas_ready', 'kube_deployment_spec_replicas']
        : ['kube_statefulset_status_replicas_ready', 'kube_statefulset_replicas'];
    lines.push(`${readyReplicas}{${object}} ${pods}`, `${wantedReplicas}{${object}} ${pods + startingPods}`);
  }
  return `${lines.join('\n')}\n`;
}
