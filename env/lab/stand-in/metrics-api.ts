/** The resource metrics API (metrics.k8s.io/v1beta1) as metrics-server serves it: to HPAs, `kubectl top` and loops. */
import type { FastifyInstance } from 'fastify';
import { type Labels, parseLabelSelector } from './label-selector.ts';
import type { PodUsage } from './pod-counters.ts';

export interface PodMetrics {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly node: string;
  readonly container: string;
  readonly usage: PodUsage;
}

/** What a request asks for; what does not belong to it is taken out of the answer afterwards. */
export interface PodMetricsQuery {
  /** Undefined: all. */
  readonly namespace: string | undefined;
  /** Empty: all. */
  readonly labelSelector: string;
}

/** Where the figures come from; asked at each request. Pods without a measurement are left out. */
export type PodMetricsSource = (query: PodMetricsQuery) => readonly PodMetrics[] | Promise<readonly PodMetrics[]>;

const groupVersion = 'metrics.k8s.io/v1beta1';
const version = { groupVersion, version: 'v1beta1' };
const verbs = ['get', 'list'];

interface PodPath {
  namespace?: string;
  name?: string;
}
interface ListQuery {
  labelSelector?: string;
}

export function serveMetricsApi(server: FastifyInstance, podMetrics: PodMetricsSource): void {
  server.get('/apis', () => ({ kind: 'APIGroupList', apiVersion: 'v1', groups: [group] }));
  server.get('/apis/metrics.k8s.io', () => group);
  server.get(`/apis/${groupVersion}`, () => ({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs },
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs },
    ],
  }));

  const listPods = async (namespace: string | undefined, { labelSelector = '' }: ListQuery) => {
    const selects = parseLabelSelector(labelSelector);
    const items = (await podMetrics({ namespace, labelSelector }))
      .filter((pod) => (namespace === undefined || pod.namespace === namespace) && selects(pod.labels))
      .map(podObject);
    return { kind: 'PodMetricsList', apiVersion: groupVersion, metadata: {}, items };
  };
  server.get<{ Querystring: ListQuery }>(`/apis/${groupVersion}/pods`, ({ query }) => listPods(undefined, query));
  server.get<{ Params: PodPath; Querystring: ListQuery }>(
    `/apis/${groupVersion}/namespaces/:namespace/pods`,
    ({ params, query }) => listPods(params.namespace, query),
  );
  server.get<{ Params: PodPath }>(
    `/apis/${groupVersion}/namespaces/:namespace/pods/:name`,
    async ({ params }, reply) => {
      const inNamespace = await podMetrics({ namespace: params.namespace, labelSelector: '' });
      const found = inNamespace.find(({ namespace, name }) => namespace === params.namespace && name === params.name);
      return found === undefined ? reply.code(404).send(notFound('pods', params.name)) : podObject(found);
    },
  );
  const listNodes = async () => nodeObjects(await podMetrics({ namespace: undefined, labelSelector: '' }));
  server.get(`/apis/${groupVersion}/nodes`, async () => ({
    kind: 'NodeMetricsList',
    apiVersion: groupVersion,
    metadata: {},
    items: await listNodes(),
  }));
  server.get<{ Params: PodPath }>(`/apis/${groupVersion}/nodes/:name`, async ({ params }, reply) => {
    const found = (await listNodes()).find(({ metadata }) => metadata.name === params.name);
    return found ?? reply.code(404).send(notFound('nodes', params.name));
  });
  server.setErrorHandler((error, _request, reply) => {
    const wrongSelector = error instanceof RangeError;
    const message = error instanceof Error ? error.message : String(error);
    const reason = wrongSelector ? 'BadRequest' : 'InternalError';
    return reply.code(wrongSelector ? 400 : 500).send(failure(wrongSelector ? 400 : 500, reason, message));
  });
}

const group = {
  kind: 'APIGroup',
  apiVersion: 'v1',
  name: 'metrics.k8s.io',
  versions: [version],
  preferredVersion: version,
};

function podObject({ namespace, name, labels, container, usage }: PodMetrics) {
  return {
    kind: 'PodMetrics',
    apiVersion: groupVersion,
    metadata: { name, namespace, labels },
    ...windowOf(usage),
    containers: [{ name: container, usage: quantities(usage.cpuCores, usage.memoryBytes) }],
  };
}

/** A node uses what its pods use. */
function nodeObjects(pods: readonly PodMetrics[]) {
  const byNode = new Map<string, PodMetrics[]>();
  for (const pod of pods) byNode.set(pod.node, [...(byNode.get(pod.node) ?? []), pod]);
  return [...byNode].map(([name, onNode]) => {
    const total = (quantity: 'cpuCores' | 'memoryBytes') => onNode.reduce((sum, { usage }) => sum + usage[quantity], 0);
    return {
      kind: 'NodeMetrics',
      apiVersion: groupVersion,
      metadata: { name },
      ...windowOf(onNode[0].usage),
      usage: quantities(total('cpuCores'), total('memoryBytes')),
    };
  });
}

function windowOf({ second, windowSeconds }: PodUsage) {
  return { timestamp: new Date(second * 1000).toISOString(), window: `${Math.round(windowSeconds * 1000)}ms` };
}

/** Nanocores, as metrics-server writes them, so that nothing is rounded before the HPA does it. */
function quantities(cpuCores: number, memoryBytes: number) {
  return { cpu: `${Math.round(cpuCores * 1e9)}n`, memory: `${Math.round(memoryBytes / 1024)}Ki` };
}

function notFound(resource: string, name: string | undefined) {
  return failure(404, 'NotFound', `${resource}.metrics.k8s.io "${name}" not found`);
}

function failure(code: number, reason: string, message: string) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, message, code };
}
