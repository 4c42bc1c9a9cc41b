/** What the ingest endpoint tells Prometheus. */
import { Counter, Histogram, type Registry } from 'prom-client';

export interface IngestMetrics {
  /** @param result `accepted`, `repeated`, `forwarded`, or the `error` of the answer */
  pushed(result: string): void;
  reviewed(review: 'token' | 'access', seconds: number): void;
}

/** @throws Error when the registry already has them */
export function createIngestMetrics(registry: Registry): IngestMetrics {
  const pushes = new Counter({
    name: 'duoloop_ingest_pushes_total',
    help: 'Pushed messages, by what became of them',
    labelNames: ['result'],
    registers: [registry],
  });
  const reviews = new Histogram({
    name: 'duoloop_ingest_review_duration_seconds',
    help: 'TokenReviews (token) and SubjectAccessReviews (access) that were asked of the API server',
    labelNames: ['review'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return {
    pushed: (result) => pushes.inc({ result }),
    reviewed: (review, seconds) => reviews.observe({ review }, seconds),
  };
}
