/**
 * The load that systems had before somebody began to observe them: what slow features (trend, level of the last hour) need.
 */

import type { ObservedSystem } from '../../ports.ts';
import { type PrometheusClient, PrometheusError } from '../prometheus.ts';
import { workloadKey } from './measurement-join.ts';
import { chunkSystems, renderLiveQuery } from './query-text.ts';

export interface LoadRequest {
  /** Unix seconds. */
  readonly fromSecond: number;
  readonly toSecond: number;
  readonly stepSeconds: number;
}

/** A load at a moment of the past, requests/s and Unix seconds. */
export interface LoadSample {
  readonly unixSecond: number;
  readonly load: number;
}

export interface LoadHistory {
  /** Oldest first, by the systems' keys; those of which nothing is known are left out. @throws PrometheusError */
  read(
    systems: readonly ObservedSystem[],
    request: LoadRequest,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly LoadSample[]>>;
}

export interface LoadHistoryOptions {
  readonly prometheus: Pick<PrometheusClient, 'range'>;
  /** Requests/s per workload, see MetricQueries. */
  readonly requestsPerSecond: string;
  readonly rateWindowSeconds: number;
}

/** An answer has some hundred points a system: this many at once keep it below a few megabytes. */
const limits = { namespaces: 50, workloads: 100 };

export function createLoadHistory(options: LoadHistoryOptions): LoadHistory {
  const { prometheus, requestsPerSecond, rateWindowSeconds } = options;
  return {
    async read(systems, { fromSecond, toSecond, stepSeconds }, signal) {
      const found = new Map<string, readonly LoadSample[]>();
      for (const { namespaces, entries } of chunkSystems(systems, limits)) {
        const scope = { windowSeconds: rateWindowSeconds, namespaces, workloads: entries };
        const query = renderLiveQuery(requestsPerSecond, scope);
        // One after another: nobody waits for history as for the present.
        const answer = await prometheus
          .range(query, { fromSecond, toSecond, stepSeconds }, signal)
          .catch((error: unknown) => {
            if (error instanceof PrometheusError && error.code === 'empty') return [];
            throw error;
          });
        for (const { labels, seconds, values } of answer) {
          const samples = Array.from(seconds, (unixSecond, i) => ({ unixSecond, load: values[i] }));
          const key = workloadKey(labels.namespace, labels.workload);
          found.set(
            key,
            samples.filter(({ load }) => Number.isFinite(load) && load >= 0),
          );
        }
      }
      return new Map(
        systems.flatMap(({ key, namespace, workloads: [entry] }) => {
          const samples = found.get(workloadKey(namespace, entry));
          return samples === undefined || samples.length === 0 ? [] : [[key, samples] as const];
        }),
      );
    },
  };
}
