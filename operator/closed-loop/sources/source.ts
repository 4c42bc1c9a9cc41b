/** What the readers of the four kinds of sources have in common. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { MetricAnswer, MetricRequest } from '../contract.ts';

/** Reads the requests of one kind of source. Never rejects; settles soon after the deadline. */
export interface Source {
  read(requests: readonly MetricRequest[], deadline: AbortSignal): Promise<MetricAnswer[]>;
}

export type SourceKind = 'prometheus' | 'resource' | 'http';

export interface SourceMetrics {
  /** @param question `shared` or `own` queries of Prometheus, `pods` of metrics.k8s.io, `url` */
  asked(
    source: SourceKind,
    question: 'shared' | 'own' | 'pods' | 'url',
    result: 'ok' | 'failed',
    seconds: number,
  ): void;
  /** Whether a source is taken to be gone. */
  available(source: SourceKind, isAvailable: () => boolean): void;
}

/** @throws Error when the registry already has them */
export function createSourceMetrics(registry: Registry): SourceMetrics {
  const registers = [registry];
  const questions = new Counter({
    name: 'duoloop_source_requests_total',
    help: 'Requests to sources of metrics: shared queries answer several loops, own queries one',
    labelNames: ['source', 'question', 'result'],
    registers,
  });
  const duration = new Histogram({
    name: 'duoloop_source_request_duration_seconds',
    help: 'From asking a source until its answer or failure',
    labelNames: ['source'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const availability = new Map<SourceKind, () => boolean>();
  new Gauge({
    name: 'duoloop_source_available',
    help: '0 while a source is not asked because it did not answer the last times',
    labelNames: ['source'],
    registers,
    collect() {
      for (const [source, isAvailable] of availability) this.set({ source }, isAvailable() ? 1 : 0);
    },
  });
  return {
    asked(source, question, result, seconds) {
      questions.inc({ source, question, result });
      duration.observe({ source }, seconds);
    },
    available: (source, isAvailable) => void availability.set(source, isAvailable),
  };
}

/** Reasons stand in the status: short, and the same as long as nothing changed. */
export function missing(reason: string): MetricAnswer {
  return { missing: reason.length > 500 ? `${reason.slice(0, 499)}…` : reason };
}

/**
 * Why a request has no number when its tick ended first. The same words whoever notices it, the source or the reader: a
 * status is written whenever they change.
 */
export function lateReason({ source }: Pick<MetricRequest, 'source'>): string {
  if (source.prometheus !== undefined) return latePrometheus;
  if (source.resource !== undefined) return lateResource;
  if (source.http !== undefined) return `${source.http.url}: no answer in time`;
  return 'the source did not answer in time';
}
export const latePrometheus = 'Prometheus did not answer in time';
export const lateResource = 'metrics.k8s.io did not answer in time';

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Indexes of the requests by a key of theirs. */
export function groupIndexes(
  requests: readonly MetricRequest[],
  keyOf: (request: MetricRequest) => string,
): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  requests.forEach((request, index) => {
    const key = keyOf(request);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  });
  return groups;
}
