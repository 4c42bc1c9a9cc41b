/** Reads the use of pods from metrics.k8s.io: one GET per namespace and tick, whatever the number of loops in it. */
import { type KubernetesApi, KubernetesError, resourceTypes } from '../../../env/cluster/kubernetes-api.ts';
import type { MetricAnswer, MetricRequest } from '../contract.ts';
import { parseLabelSelector } from './label-selector.ts';
import { answerFromPods, type MeasurablePod, type PodMetrics } from './pod-usage.ts';
import { groupIndexes, lateResource, messageOf, missing, type Source, type SourceMetrics } from './source.ts';

/** The pods of a namespace. @throws KubernetesError */
export type PodLister = (namespace: string, signal: AbortSignal) => Promise<readonly MeasurablePod[]>;

export interface ResourceSourceOptions {
  readonly api: Pick<KubernetesApi, 'getPath'>;
  /** From a cache where there is one, else `listPodsOf`. */
  readonly listPods: PodLister;
  /** Unix seconds. */
  readonly now: () => number;
  readonly metrics: SourceMetrics;
}

/** Lists the pods from the API server: only of namespaces whose loops ask for resources, when they ask. */
export function listPodsOf(api: Pick<KubernetesApi, 'list'>): PodLister {
  return async (namespace, signal) => (await api.list<MeasurablePod>(resourceTypes.pod, { namespace, signal })).items;
}

export function createResourceSource({ api, listPods, now, metrics }: ResourceSourceOptions): Source {
  async function measure(namespace: string, signal: AbortSignal) {
    const started = performance.now();
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${encodeURIComponent(namespace)}/pods`;
    const done = (result: 'ok' | 'failed') =>
      metrics.asked('resource', 'pods', result, (performance.now() - started) / 1000);
    try {
      const [list, pods] = await Promise.all([
        api.getPath<{ items: readonly PodMetrics[] }>(path, signal),
        listPods(namespace, signal),
      ]);
      done('ok');
      return { pods, metrics: new Map(list.items.map((item) => [item.metadata.name, item])) };
    } catch (error) {
      done('failed');
      throw error;
    }
  }

  async function readNamespace(namespace: string, requests: readonly MetricRequest[], signal: AbortSignal) {
    try {
      const measured = await measure(namespace, signal);
      return requests.map(({ podSelector, source }) => {
        const selects = parseLabelSelector(podSelector);
        if (selects === undefined) return missing("the label selector of the target's pods is not known");
        const pods = measured.pods.filter(({ metadata }) => selects(metadata.labels ?? {}));
        return answerFromPods(pods, measured.metrics, source.resource ?? { name: 'cpu', type: 'Utilization' }, now());
      });
    } catch (error) {
      const reason = reasonOf(error, signal);
      return requests.map(() => missing(reason));
    }
  }

  return {
    async read(requests, deadline) {
      const answers: MetricAnswer[] = [];
      const byNamespace = groupIndexes(requests, ({ namespace }) => namespace);
      await Promise.all(
        [...byNamespace].map(async ([namespace, indexes]) => {
          const wanted = indexes.map((index) => requests[index]);
          const given = await readNamespace(namespace, wanted, deadline);
          indexes.forEach((index, place) => {
            answers[index] = given[place];
          });
        }),
      );
      return answers;
    },
  };
}

function reasonOf(error: unknown, deadline: AbortSignal): string {
  if (deadline.aborted) return lateResource;
  if (error instanceof KubernetesError && error.status === 404) {
    return 'the API server has no metrics.k8s.io; install metrics-server';
  }
  return `metrics.k8s.io failed: ${messageOf(error)}`;
}
