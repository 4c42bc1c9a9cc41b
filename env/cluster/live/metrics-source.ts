/** Measures live applications by Prometheus: the same few queries for one system as for a thousand. */
import { setMaxListeners } from 'node:events';
import PQueue from 'p-queue';
import type { MetricsSource } from '../../ports.ts';
import { type PrometheusClient, PrometheusError, type PrometheusSample } from '../prometheus.ts';
import { createDiagnosis } from './diagnosis.ts';
import {
  failedAnswer,
  joinMeasurement,
  type MetricAnswer,
  metricNames,
  readAnswer,
  workloadKey,
} from './measurement-join.ts';
import type { LiveQueries, MetricName, MetricPreset } from './metric-queries.ts';
import { type ChunkLimits, chunkSystems, defaultChunkLimits, renderLiveQuery, type SystemChunk } from './query-text.ts';

export interface MetricsSourceOptions {
  readonly prometheus: Pick<PrometheusClient, 'samples'>;
  /** By `presetQueries`. */
  readonly queries: LiveQueries;
  /** What `$window` stands for; at least two scrape intervals, better four. */
  readonly rateWindowSeconds: number;
  /** Whose queries they are, to say what is wrong with them when they return nothing. */
  readonly presetName?: MetricPreset;
  /** A system whose oldest sample is older is not measured. Default: no limit, `ageSeconds` tells. */
  readonly maxAgeSeconds?: number;
  /** Unix seconds. */
  readonly now: () => number;
  /** Queries at once. */
  readonly concurrency?: number;
  readonly chunkLimits?: ChunkLimits;
}

type Answers = Record<MetricName, MetricAnswer>;

/** A round of an agent has 2 s for everything. */
const diagnosisSeconds = 1;

export function createMetricsSource(options: MetricsSourceOptions): MetricsSource {
  const { prometheus, queries, rateWindowSeconds, presetName, now } = options;
  const { maxAgeSeconds = Number.POSITIVE_INFINITY, concurrency = 8, chunkLimits = defaultChunkLimits } = options;
  const queue = new PQueue({ concurrency });
  const ask = async (query: string, signal: AbortSignal) =>
    queue.add(() => prometheus.samples(query, signal), { signal });
  const diagnosis = createDiagnosis({ ask, presetName, now });

  const scopeOf = ({ namespaces, workloads, entries }: SystemChunk, metric?: MetricName) => ({
    windowSeconds: rateWindowSeconds,
    namespaces,
    // The dearest query, and nobody needs the p95 of a service within.
    workloads: metric === 'p95Milliseconds' ? entries : workloads,
  });

  /** All chunks' answers to one query. A query that names no namespaces is asked once. */
  async function askAll(query: string, chunks: readonly SystemChunk[], signal: AbortSignal, metric?: MetricName) {
    const texts = new Set(chunks.map((chunk) => renderLiveQuery(query, scopeOf(chunk, metric))));
    return (await Promise.all([...texts].map((text) => ask(text, signal)))).flat();
  }

  async function answerAll(chunks: readonly SystemChunk[], signal: AbortSignal, giveUp: (outage: Error) => void) {
    const failures: PrometheusError[] = [];
    /** Or how the query failed; the others may still be answered, unless there is nobody to ask. */
    const attempt = async (query: string, metric?: MetricName): Promise<PrometheusSample[] | PrometheusError> => {
      try {
        return await askAll(query, chunks, signal, metric);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof PrometheusError)) throw error;
        const outage = outageOf(error);
        if (outage !== undefined) {
          giveUp(outage);
          throw outage;
        }
        if (metric !== undefined) failures.push(error);
        return error;
      }
    };
    const [sampleSeconds, ...found] = await Promise.all([
      queries.sampleSecond === undefined ? [] : attempt(queries.sampleSecond),
      ...metricNames.map((metric) => attempt(queries[metric], metric)),
    ]);
    if (failures.length === metricNames.length) throw failures[0];
    const answers = Object.fromEntries(
      found.map((samples, i) => [
        metricNames[i],
        samples instanceof PrometheusError ? failedAnswer(failureOf(samples)) : readAnswer(samples),
      ]),
    ) as Answers;
    return { answers, sampleSeconds: sampleSeconds instanceof PrometheusError ? [] : sampleSeconds };
  }

  /**
   * Only where nobody has a value: of a single workload that has none, the query's text is not to blame. What was measured
   * never waits long for it.
   */
  async function explain(answers: Answers, chunks: readonly SystemChunk[], signal: AbortSignal) {
    const within = AbortSignal.any([signal, AbortSignal.timeout(diagnosisSeconds * 1000)]);
    setMaxListeners(0, within);
    const empty = metricNames.filter((metric) => {
      const { values, unusable, problem } = answers[metric];
      return values.size === 0 && unusable.size === 0 && problem === undefined;
    });
    const hints = await Promise.all(
      empty.map(async (metric) => [metric, await diagnosis.hint(metric, scopeOf(chunks[0], metric), within)]),
    );
    return Object.fromEntries(hints) as Partial<Record<MetricName, string>>;
  }

  return {
    async measure(systems, signal) {
      const chunks = chunkSystems(systems, chunkLimits);
      if (chunks.length === 0) return [];
      const stop = new AbortController();
      const stopped = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
      // Every question listens to it, and Node warns of more than ten.
      setMaxListeners(0, stopped);
      stopped.throwIfAborted();
      const { answers, sampleSeconds } = await answerAll(chunks, stopped, (outage) => stop.abort(outage));
      const second = now();
      const hints = await explain(answers, chunks, stopped);
      const seconds = new Map(
        sampleSeconds.map(({ labels, value }) => [workloadKey(labels.namespace, labels.workload), value]),
      );
      return systems.map((system) =>
        joinMeasurement(system, { answers, sampleSeconds: seconds, second, maxAgeSeconds, hints }),
      );
    },
  };
}

/** An error that every further query would meet, in words that say what to do; undefined when it is about one query. */
function outageOf(error: PrometheusError): PrometheusError | undefined {
  if (error.code === 'unreachable') return error;
  if (error.httpStatus === 401 || error.httpStatus === 403) {
    const { httpStatus, detail } = error;
    const what = `Prometheus refuses the caller (HTTP status ${httpStatus}): give a bearer token that may read it`;
    return new PrometheusError('rejected', `${what}; ${error.message}`, { cause: error, httpStatus, detail });
  }
  return undefined;
}

function failureOf({ code, detail, message }: PrometheusError): string {
  return code === 'timeout' ? 'was not answered in time' : `was refused by Prometheus (${detail ?? message})`;
}
