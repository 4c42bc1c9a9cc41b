/** Measures for all closed loops of a round at once, one question per distinct set of queries. */

import { LRUCache } from 'lru-cache';
import type { LoadHistory, LoadRequest } from '../../env/cluster/live/load-history.ts';
import type { LiveQueries, MetricPreset } from '../../env/cluster/live/metric-queries.ts';
import { presetQueries } from '../../env/cluster/live/presets.ts';
import { PrometheusError } from '../../env/cluster/prometheus.ts';
import { UserError } from '../../env/errors.ts';
import type { MetricsSource, ObservedSystem, SystemMeasurement } from '../../env/ports.ts';
import type { ObservationSource } from '../../policies/resources/deliberative-loop.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { PolicyProblem } from './readiness.ts';

export interface MeasureRequest {
  readonly observation: ObservationSource;
  readonly systems: readonly ObservedSystem[];
}

export type Measured =
  /** In the order of the request's systems. */
  | { readonly measurements: readonly SystemMeasurement[]; readonly problem?: undefined }
  | { readonly measurements?: undefined; readonly problem: PolicyProblem };

export interface MeasureOptions {
  /** Of a DeliberativeLoop that names none. */
  readonly preset: MetricPreset;
  readonly createSource: (queries: LiveQueries, preset: MetricPreset) => AgentSource;
  /**
   * Keeps a query of a DeliberativeLoop to the namespaces that it is asked about; undefined: it may read whatever the agent
   * may. @throws UserError for one that cannot be kept to them
   */
  readonly confine?: ((query: string) => string) | undefined;
}

/** What one set of queries tells. */
export interface AgentSource {
  readonly metrics: MetricsSource;
  readonly history: LoadHistory;
}

export interface Measure {
  /** In the order of the requests; what cannot be measured is a problem of those requests alone. */
  now(requests: readonly MeasureRequest[], deadlineSeconds: number, signal: AbortSignal): Promise<Measured[]>;
  /** The load of the past by key of the systems. @throws PrometheusError, UserError */
  past(request: MeasureRequest, range: LoadRequest, signal: AbortSignal): ReturnType<LoadHistory['read']>;
}

const maxSources = 200;

interface Batch {
  readonly source: AgentSource;
  readonly systems: ObservedSystem[];
}

export function createMeasure({ preset: usual, createSource, confine }: MeasureOptions): Measure {
  const sources = new LRUCache<string, AgentSource>({ max: maxSources });

  function sourceOf({ observation, systems }: MeasureRequest): { key: string; source: AgentSource } {
    const { preset = usual, queries } = observation;
    const isOwn = confine !== undefined && Object.keys(queries).length > 0;
    // Confined queries name the namespaces of all who ask in the same words, which others must not be among.
    const key = JSON.stringify([preset, queries, isOwn ? systems[0]?.namespace : undefined]);
    const known = sources.get(key);
    if (known !== undefined) return { key, source: known };
    const asked = isOwn ? confinedQueries(queries, confine) : queries;
    const source = createSource(presetQueries(preset, asked), preset);
    sources.set(key, source);
    return { key, source };
  }

  async function now(requests: readonly MeasureRequest[], deadlineSeconds: number, signal: AbortSignal) {
    const batches = new Map<string, Batch>();
    const places = requests.map((request) => {
      const { systems } = request;
      try {
        const { key, source } = sourceOf(request);
        const batch = batches.get(key) ?? { source, systems: [] };
        batches.set(key, batch);
        const from = batch.systems.length;
        batch.systems.push(...systems);
        return { key, from, count: systems.length };
      } catch (error) {
        return problemOf(error);
      }
    });
    const answers = new Map<string, Measured>();
    await Promise.all(
      [...batches].map(async ([key, { source, systems }]) => {
        try {
          const measurements = await withDeadline('measuring', deadlineSeconds, signal, (within) =>
            source.metrics.measure(systems, within),
          );
          answers.set(key, { measurements });
        } catch (error) {
          signal.throwIfAborted();
          answers.set(key, { problem: problemOf(error) });
        }
      }),
    );
    return places.map((place): Measured => {
      if ('reason' in place) return { problem: place };
      const answer = answers.get(place.key);
      if (answer?.measurements === undefined) {
        return { problem: answer?.problem ?? { reason: 'MetricsMissing', message: 'nothing was measured' } };
      }
      return { measurements: answer.measurements.slice(place.from, place.from + place.count) };
    });
  }

  return {
    now,
    async past(request, range, signal) {
      return sourceOf(request).source.history.read(request.systems, range, signal);
    },
  };
}

function confinedQueries(
  queries: ObservationSource['queries'],
  confine: (query: string) => string,
): ObservationSource['queries'] {
  const given = Object.entries(queries).filter(([, query]) => query !== undefined);
  return Object.fromEntries(given.map(([name, query]) => [name, confine(query)]));
}

function problemOf(error: unknown): PolicyProblem {
  const { message } = error as Error;
  if (error instanceof UserError) return { reason: 'InvalidQueries', message };
  if (error instanceof PrometheusError && error.code === 'rejected') return { reason: 'PrometheusRefuses', message };
  return { reason: 'PrometheusUnreachable', message };
}
