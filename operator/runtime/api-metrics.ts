/** What this process asks of the API server, as metrics. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { CallRecord } from '../../env/cluster/kubernetes-client.ts';
import { perRegistry } from './metrics.ts';

const apiMetrics = perRegistry((registry) => ({
  requests: new Counter({
    name: 'duoloop_api_requests_total',
    help: 'Requests to the API server by HTTP method (WATCH for watches) and status; 0 without an answer',
    labelNames: ['method', 'status'],
    registers: [registry],
  }),
  seconds: new Histogram({
    name: 'duoloop_api_request_seconds',
    help: 'From sending a request to the end of its answer; of a watch to its beginning',
    labelNames: ['method'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2, 10],
    registers: [registry],
  }),
}));

/** For `onCall` of connectKubernetes. */
export function recordApiCalls(registry: Registry): (call: CallRecord) => void {
  const { requests, seconds } = apiMetrics(registry);
  return ({ method, status, seconds: duration }) => {
    requests.inc({ method, status });
    seconds.observe({ method }, duration);
  };
}
