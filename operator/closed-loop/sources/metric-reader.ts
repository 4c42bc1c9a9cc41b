/** The metrics of a tick from all their sources. */
import { setMaxListeners } from 'node:events';
import type { Registry } from 'prom-client';
import type { KubernetesApi } from '../../../env/cluster/kubernetes-api.ts';
import type { PrometheusClient } from '../../../env/cluster/prometheus.ts';
import type { MetricSource } from '../../../policies/resources/closed-loop.ts';
import type { MetricAnswer, MetricReader, PushStore } from '../contract.ts';
import { untilAborted } from './circuit-breaker.ts';
import { createHttpSource, defaultHttpSourceHosts } from './http-source.ts';
import { createPrometheusSource } from './prometheus-source.ts';
import { createPushSource } from './push-source.ts';
import { createResourceSource, listPodsOf, type PodLister } from './resource-source.ts';
import { createSourceMetrics, groupIndexes, lateReason, messageOf, missing, type Source } from './source.ts';

export interface MetricReaderOptions {
  /** Undefined: its metrics are missing, with the reason. */
  readonly prometheus: Pick<PrometheusClient, 'samples'> | undefined;
  /** See `createQueryPlanner`. */
  readonly namespaceLabel?: string | undefined;
  readonly api: Pick<KubernetesApi, 'getPath' | 'list'>;
  /** From a cache of pods; asked of the API server when left out. */
  readonly listPods?: PodLister;
  readonly pushStore: PushStore;
  readonly httpSourceHosts?: readonly RegExp[];
  /** Unix seconds. */
  readonly now: () => number;
  readonly metrics: Registry;
}

export interface ClosableMetricReader extends MetricReader {
  /** To be called when a loop is gone. */
  forgetLoop(namespace: string, loop: string): void;
  /** Ends connections that are kept open. */
  close(): void;
}

type Kind = keyof MetricSource;

export function createMetricReader(options: MetricReaderOptions): ClosableMetricReader {
  const { prometheus, api, listPods = listPodsOf(api), pushStore, now } = options;
  const metrics = createSourceMetrics(options.metrics);
  const http = createHttpSource({ allowedHosts: options.httpSourceHosts ?? defaultHttpSourceHosts, metrics });
  const sources: Readonly<Record<Kind, Source>> = {
    prometheus:
      prometheus === undefined
        ? missingSource('the operator has no Prometheus; start it with --prometheus URL')
        : createPrometheusSource({ client: prometheus, now, metrics, namespaceLabel: options.namespaceLabel }),
    resource: createResourceSource({ api, listPods, now, metrics }),
    push: createPushSource(pushStore, now),
    http,
  };

  return {
    async read(requests, tickDeadline) {
      // Every question listens to it, and Node warns of more than ten.
      const deadline = AbortSignal.any([tickDeadline]);
      setMaxListeners(0, deadline);
      const answers: MetricAnswer[] = requests.map((request) => missing(lateReason(request)));
      const byKind = groupIndexes(requests, ({ source }) => kindOf(source) ?? '');
      await Promise.all(
        [...byKind].map(async ([kind, indexes]) => {
          const source = sources[kind as Kind] ?? missingSource('the metric has no source');
          const wanted = indexes.map((index) => requests[index]);
          try {
            const given = await untilAborted(source.read(wanted, deadline), deadline);
            indexes.forEach((index, place) => {
              answers[index] = given[place];
            });
          } catch (error) {
            if (deadline.aborted) return;
            for (const index of indexes) answers[index] = missing(messageOf(error));
          }
        }),
      );
      return answers;
    },
    forgetLoop: (namespace, loop) => pushStore.forget(namespace, loop),
    close: () => http.close(),
  };
}

function kindOf(source: MetricSource): Kind | undefined {
  const kinds: readonly Kind[] = ['prometheus', 'resource', 'push', 'http'];
  return kinds.find((kind) => source[kind] !== undefined);
}

function missingSource(reason: string): Source {
  return { read: async (requests) => requests.map(() => missing(reason)) };
}
