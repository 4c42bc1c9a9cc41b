/** Every metric that can be asked for, with its labels: of the real operator, agent and trainer, and what others expose. */
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { agentRegistry, operatorRegistry, trainingRegistry } from '../generate/reference/registries.ts';

/** By name, also of the series of histograms. */
export type KnownMetrics = ReadonlyMap<string, ReadonlySet<string>>;

/** What Prometheus and its operator add to each series when scraping. */
const targetLabels = ['job', 'instance', 'namespace', 'pod', 'container', 'endpoint', 'service'];

/** kube-state-metrics, the API server and Prometheus itself. A cluster test asks them whether it is so. */
export const foreignMetrics: Readonly<Record<string, readonly string[]>> = {
  up: [],
  ALERTS: ['alertname', 'alertstate', 'severity', 'closed_loop', 'deliberative_loop'],
  kube_job_info: ['job_name'],
  kube_job_status_active: ['job_name'],
  kube_job_complete: ['job_name', 'condition'],
  kube_job_failed: ['job_name', 'condition'],
  kube_job_status_start_time: ['job_name'],
  kube_job_status_completion_time: ['job_name'],
  kube_cronjob_status_last_successful_time: ['cronjob'],
  apiserver_admission_webhook_fail_open_count: ['name', 'type'],
};

export function knownMetrics(): KnownMetrics {
  const known = new Map<string, ReadonlySet<string>>();
  for (const registry of [withDefaults(operatorRegistry()), withDefaults(agentRegistry()), trainingRegistry()]) {
    for (const metric of registry.getMetricsAsArray()) {
      const { name, type, labelNames = [] } = metric as typeof metric & { readonly labelNames?: readonly string[] };
      const labels = [...targetLabels, ...labelNames];
      if (String(type) !== 'histogram') known.set(name, new Set(labels));
      else {
        known.set(`${name}_bucket`, new Set([...labels, 'le']));
        for (const series of ['sum', 'count']) known.set(`${name}_${series}`, new Set(labels));
      }
    }
  }
  for (const [name, labels] of Object.entries(foreignMetrics)) known.set(name, new Set([...targetLabels, ...labels]));
  return known;
}

/** As the server of health and metrics does. */
function withDefaults(register: Registry): Registry {
  collectDefaultMetrics({ register });
  return register;
}
