/** What the webhook tells Prometheus. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type ReviewOutcome = 'allowed' | 'warned' | 'refused' | 'failed' | 'malformed';

export interface WebhookMetrics {
  reviewed(kind: string, outcome: ReviewOutcome, seconds: number): void;
  certificateExpires(unixSeconds: number): void;
  maintenanceFailed(): void;
}

/** A kind comes from outside: only known ones become a label. */
const knownKinds = new Set([
  'ScalingGroup',
  'ClosedLoop',
  'DeliberativeLoop',
  'Monitoring',
  'MonitoringD',
  'DecisionD',
  'ExecutionD',
]);

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const registers = [registry];
  const reviews = new Counter({
    name: 'duoloop_webhook_reviews_total',
    help: 'Writes that the API server asked about, by kind and outcome',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'duoloop_webhook_review_duration_seconds',
    help: 'Time to answer the API server',
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers,
  });
  const expiry = new Gauge({
    name: 'duoloop_webhook_certificate_expiry_timestamp_seconds',
    help: 'Unix time at which the serving certificate ends',
    registers,
  });
  const failures = new Counter({
    name: 'duoloop_webhook_maintenance_failures_total',
    help: 'Failed attempts to keep certificate and registration in order',
    registers,
  });
  return {
    reviewed(kind, outcome, seconds) {
      reviews.inc({ kind: knownKinds.has(kind) ? kind : 'other', outcome });
      duration.observe(seconds);
    },
    certificateExpires: (unixSeconds) => expiry.set(unixSeconds),
    maintenanceFailed: () => failures.inc(),
  };
}
