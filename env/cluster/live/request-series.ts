/** The metrics that count and time the requests of workloads, by who measures them. */
import type { MetricPreset } from './metric-queries.ts';

/** How the labels of a series tell whose requests it counts. */
export interface RequestLabels {
  /** Label matchers, with `$namespaces` and `$workloads` for what is asked about. */
  readonly matchers: string;
  /** Label, and the part of its value that is the namespace's or workload's name (default: all of it). */
  readonly namespace: readonly [label: string, pattern?: string];
  readonly workload: readonly [label: string, pattern?: string];
}

export interface RequestSeries {
  /** Counter of requests, and the buckets of their durations. */
  readonly counter: string;
  readonly bucket: string;
  /** Of the buckets' bounds. */
  readonly millisecondsPerUnit: number;
  /** Where series of both are found: what an earlier one tells of a workload, a later one does not change. */
  readonly labels: readonly RequestLabels[];
}

/** Labels that are named so and hold the two names as they are. */
function plainLabels(namespace: string, workload: string, extra = ''): RequestLabels {
  const matchers = `${extra}${namespace}=~"$namespaces",${workload}=~"$workloads"`;
  return { matchers, namespace: [namespace], workload: [workload] };
}

/** Standard metrics of Istio; of the two proxies that see a request, the destination's knows the workload. */
const istio: RequestSeries = {
  counter: 'istio_requests_total',
  bucket: 'istio_request_duration_milliseconds_bucket',
  millisecondsPerUnit: 1,
  labels: [plainLabels('destination_workload_namespace', 'destination_workload', 'reporter="destination",')],
};

/**
 * ingress-nginx knows the Service behind an Ingress, taken here for the workload of that name. Its labels namespace and
 * service become exported_… where the scrape adds its own (no honor_labels).
 */
const nginxIngress: RequestSeries = {
  counter: 'nginx_ingress_controller_requests',
  bucket: 'nginx_ingress_controller_request_duration_seconds_bucket',
  millisecondsPerUnit: 1000,
  labels: [plainLabels('exported_namespace', 'exported_service'), plainLabels('namespace', 'service')],
};

/**
 * Resource attributes as Prometheus shows them: promoted to labels (k8s.* from the collector's k8sattributes processor, else
 * service.*), and in any case as job = service.namespace/service.name, by OpenTelemetry's Prometheus compatibility
 * specification.
 */
const promotedLabels: readonly RequestLabels[] = [
  plainLabels('k8s_namespace_name', 'k8s_deployment_name'),
  plainLabels('k8s_namespace_name', 'k8s_statefulset_name'),
  plainLabels('service_namespace', 'service_name'),
];
const jobLabel: RequestLabels = {
  matchers: 'job=~"($namespaces)/($workloads)"',
  namespace: ['job', '([^/]+)/.+'],
  workload: ['job', '[^/]+/(.+)'],
};

/** http.server.request.duration, stable since semantic conventions 1.23. */
const openTelemetryHttp: RequestSeries = {
  counter: 'http_server_request_duration_seconds_count',
  bucket: 'http_server_request_duration_seconds_bucket',
  millisecondsPerUnit: 1000,
  labels: [...promotedLabels, jobLabel],
};

/** rpc.server.duration, until semantic conventions 1.37 and still what most gRPC instrumentation emits. */
const openTelemetryGrpc: RequestSeries = {
  counter: 'rpc_server_duration_milliseconds_count',
  bucket: 'rpc_server_duration_milliseconds_bucket',
  millisecondsPerUnit: 1,
  labels: [...promotedLabels, jobLabel],
};

/** rpc.server.call.duration, since then. */
const openTelemetryGrpcCalls: RequestSeries = {
  counter: 'rpc_server_call_duration_seconds_count',
  bucket: 'rpc_server_call_duration_seconds_bucket',
  millisecondsPerUnit: 1000,
  labels: [...promotedLabels, jobLabel],
};

/**
 * Per preset, the first that tells something of a workload. Online Boutique itself has no request metrics
 * (GoogleCloudPlatform/microservices-demo#2351): it is measured through Istio, its usual mesh, or by OpenTelemetry's
 * instrumentation of gRPC and of the frontend's HTTP.
 */
export const requestSeries: Readonly<Record<Exclude<MetricPreset, 'custom'>, readonly RequestSeries[]>> = {
  istio: [istio],
  'nginx-ingress': [nginxIngress],
  opentelemetry: [openTelemetryHttp],
  'online-boutique': [istio, openTelemetryGrpc, openTelemetryGrpcCalls, openTelemetryHttp],
};
