/**
 * Registries with every metric of operator, agent and training, and no process behind them: constructors start nothing, so
 * the parts can be made without a cluster, which is never asked.
 */
import pino from 'pino';
import { Registry } from 'prom-client';
import { createAgentMetrics } from '../../../agent/agent-metrics.ts';
import { createEventWriter } from '../../../agent/runtime/event-writer.ts';
import type { KubernetesApi } from '../../../env/cluster/kubernetes-api.ts';
import { createOperatorCaches } from '../../../operator/caches.ts';
import { createPushStore } from '../../../operator/closed-loop/sources/push-source.ts';
import { createControllers } from '../../../operator/controllers.ts';
import { createIngest } from '../../../operator/ingest/create-ingest.ts';
import { recordApiCalls } from '../../../operator/runtime/api-metrics.ts';
import type { OperatorContext } from '../../../operator/runtime/contract.ts';
import { createEventRecorder } from '../../../operator/runtime/event-recorder.ts';
import { createLeaderElector } from '../../../operator/runtime/leader-elector.ts';
import { createWebhookServer } from '../../../operator/webhook/webhook-server.ts';
import { createWorkloads } from '../../../operator/workloads/create-workloads.ts';
import { createTrainingGauges } from '../../../training/report/training-metrics.ts';

const logger = pino({ level: 'silent' });
const now = () => 0;
const api = new Proxy({} as KubernetesApi, {
  get() {
    throw new Error('there is no cluster');
  },
});

export function operatorRegistry(): Registry {
  const metrics = new Registry();
  recordApiCalls(metrics);
  const lease = { namespace: 'duoloop-system', name: 'duoloop-operator', identity: 'one' };
  const elector = createLeaderElector({ api, ...lease, context: { logger, metrics } });
  const events = createEventRecorder({ api, controller: 'test', instance: 'one', context: { logger, metrics, now } });
  const context: OperatorContext = { api, events, logger, metrics, now, mayAct: () => false, namespaces: undefined };
  const caches = createOperatorCaches({ api, logger, metrics, namespaces: undefined });
  const workloads = createWorkloads({ context, ...caches });
  const pushStore = createPushStore({ maxLoops: 1 });
  const prometheus = { samples: async () => [] } as never;
  createControllers({ context, caches, workloads, pushStore, prometheus, httpSourceHosts: [], policyHosts: [] });
  const { closedLoops } = caches;
  createIngest({ options: { bind: '', ingestPort: 0 }, api, lease, context, closedLoops, elector, pushStore });
  createWebhookServer({
    context,
    workloads,
    caches,
    bind: '',
    port: 0,
    address: { url: 'https://localhost' },
    namespace: lease.namespace,
  });
  return metrics;
}

export function agentRegistry(): Registry {
  const registry = new Registry();
  createAgentMetrics(registry);
  createEventWriter({ api, logger, metrics: registry, now, identity: 'one' });
  return registry;
}

export function trainingRegistry(): Registry {
  const registry = new Registry();
  createTrainingGauges(registry, { app: 'shop', targetSteps: 1 });
  return registry;
}
