/** The operator as a process: what it asks of the API server and is asked by it, and what it uses. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, number } from './panels.ts';
import { quantile, rate } from './rates.ts';

const job = 'job="duoloop-operator"';

export function operatorProcessRows(): Readonly<Record<string, readonly Builder<Panel>[]>> {
  return {
    'API server': [
      graph({
        title: 'Requests',
        description: 'By method; WATCH counts the beginnings of watches.',
        unit: 'reqps',
        queries: { '{{method}}': rate('duoloop_api_requests_total', 'method') },
        stacked: true,
        width: 8,
      }),
      graph({
        title: 'Answers other than success',
        description:
          '0: no answer; 403: a right is missing, or a quota or policy refuses; 409: somebody else wrote first.',
        unit: 'reqps',
        queries: { '{{method}} {{status}}': rate('duoloop_api_requests_total{status!~"2.."}', 'method', 'status') },
        minimum: 0,
        width: 8,
      }),
      graph({
        title: 'Answers within',
        description: '99 % of the answers.',
        unit: 's',
        queries: { '{{method}}': quantile(0.99, 'duoloop_api_request_seconds', 'method') },
        minimum: 0,
        width: 8,
      }),
      graph({
        title: 'Reconciles',
        description: 'error: tried again with back-off; terminal: waits for a change of the object.',
        queries: { '{{queue}} {{result}}': rate('duoloop_reconciles_total', 'queue', 'result') },
        minimum: 0,
        width: 8,
      }),
      graph({
        title: 'Keys wait in queues',
        description: '99 % of the waits from being due to being looked at.',
        unit: 's',
        queries: { '{{queue}}': quantile(0.99, 'duoloop_queue_wait_seconds', 'queue') },
        minimum: 0,
        width: 8,
      }),
      graph({
        title: 'Caches were last heard of',
        description: 'Seconds since a list, an event or a bookmark. Watches are resumed every few minutes.',
        unit: 's',
        queries: { '{{kind}}': 'time() - max by (kind) (duoloop_cache_last_contact_timestamp_seconds)' },
        minimum: 0,
        width: 8,
      }),
    ],
    'Webhook and pushed metrics': [
      graph({
        title: 'Reviews',
        description: 'Writes that the API server asked about. It fails open.',
        unit: 'epm',
        queries: { '{{kind}} {{outcome}}': `60 * ${rate('duoloop_webhook_reviews_total', 'kind', 'outcome')}` },
        minimum: 0,
        width: 8,
      }),
      number({
        title: "Webhook's certificate ends in",
        description: 'Renewed 30 days before its end.',
        unit: 's',
        queries: { left: `min(duoloop_webhook_certificate_expiry_timestamp_seconds) - time()` },
        colours: [
          { value: null, color: 'red' },
          { value: 14 * 86_400, color: 'green' },
        ],
        width: 4,
        height: 8,
      }),
      graph({
        title: 'Pushed messages',
        description: 'By what became of them; limited and unauthenticated ones are answered from memory.',
        unit: 'reqps',
        queries: { '{{result}}': rate('duoloop_ingest_pushes_total', 'result') },
        minimum: 0,
        width: 12,
      }),
    ],
    Process: [
      graph({
        title: 'Processor',
        description: 'Cores in use.',
        queries: { '{{pod}}': `sum by (pod) (rate(process_cpu_seconds_total{${job}}[$__rate_interval]))` },
        minimum: 0,
        width: 8,
      }),
      graph({
        title: 'Memory',
        description: 'Resident.',
        unit: 'bytes',
        queries: { '{{pod}}': `sum by (pod) (process_resident_memory_bytes{${job}})` },
        minimum: 0,
        width: 8,
      }),
      graph({
        title: 'Event loop lag',
        description: '99 % of the delays of timers. Above a tenth of a second ticks are late.',
        unit: 's',
        queries: { '{{pod}}': `max by (pod) (nodejs_eventloop_lag_p99_seconds{${job}})` },
        minimum: 0,
        width: 8,
      }),
    ],
  };
}
