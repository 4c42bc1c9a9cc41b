/** Puts the operator together: one connection, one set of caches, the controllers under a lease, the servers beside them. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { clusterConnection } from '../env/cluster/command-options.ts';
import { connectPrometheus } from '../env/cluster/connect-prometheus.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { servingAnswerBytes } from '../env/cluster/prometheus.ts';
import { createHealthServer } from '../env/service/health-server.ts';
import { createLogger } from '../env/service/logger.ts';
import { runAll } from '../env/service/run-all.ts';
import { createSharedAborter } from '../env/service/waiting.ts';
import { createOperatorCaches } from './caches.ts';
import { createPushStore } from './closed-loop/sources/push-source.ts';
import { createControllers } from './controllers.ts';
import { createIngest } from './ingest/create-ingest.ts';
import type { OperatorOptions } from './operator-command.ts';
import { checkInstallation } from './preflight.ts';
import { recordApiCalls } from './runtime/api-metrics.ts';
import type { OperatorContext } from './runtime/contract.ts';
import { createEventRecorder } from './runtime/event-recorder.ts';
import { createLeaderElector } from './runtime/leader-elector.ts';
import { runCaches } from './scaling-group/group-caches.ts';
import { createWebhookServer } from './webhook/webhook-server.ts';
import { createWorkloads } from './workloads/create-workloads.ts';

/** A message is some hundred bytes. */
const mostPushedLoops = 20_000;
const leaseName = 'duoloop-operator';

/**
 * Runs until aborted, then gives the lease back.
 * @throws UserError for what the user can mend: no kubeconfig, a port in use, CRDs not installed
 */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const identity = options.identity ?? `${hostname()}_${randomBytes(4).toString('hex')}`;
  const logger = createLogger({ level: options.logLevel, fields: { replica: identity } });
  const metrics = new Registry();
  const now = () => Date.now() / 1000;
  const connection = {
    ...clusterConnection(options),
    userAgent: 'duoloop-operator',
    onCall: recordApiCalls(metrics),
  };
  const api = await connectKubernetes(connection);
  await checkInstallation(api, options.namespace, signal);
  const namespaces = options.watchNamespace;
  const elector = createLeaderElector({
    api: await connectKubernetes({ ...connection, inFlight: 2 }),
    namespace: options.namespace,
    name: leaseName,
    identity,
    ...leaseTimes(options.leaseDurationSeconds),
    context: { logger, metrics },
  });
  const events = createEventRecorder({
    api,
    controller: 'duoloop.dev/operator',
    instance: identity,
    context: { logger, metrics, now },
  });
  const mayAct = () => elector.isLeader();
  const shared: OperatorContext = { api, events, logger, metrics, mayAct, now, namespaces };
  // What only a leader does: a process that was frozen sends nothing that it had decided before.
  const context = { ...shared, api: await connectKubernetes({ ...connection, mayWrite: mayAct }) };
  const caches = createOperatorCaches({ api, logger, metrics, namespaces });
  const { stages, ...others } = caches;
  const informers = runCaches({ ...others, ...stages });
  const workloads = createWorkloads({ context, ...caches });
  const pushStore = createPushStore({ maxLoops: mostPushedLoops });
  const { controllers } = createControllers({
    context,
    caches,
    workloads,
    pushStore,
    prometheus:
      options.prometheus === undefined
        ? undefined
        : await connectPrometheus({
            url: options.prometheus,
            tokenFile: options.prometheusTokenFile,
            maxAnswerBytes: servingAnswerBytes,
          }),
    namespaceLabel: options.prometheusNamespaceLabel,
    httpSourceHosts: options.httpSourceHost,
    policyHosts: options.policyHost,
  });

  // A connection of its own: reviews of tokens must not wait behind scaling, nor scaling behind them.
  const reviews = await connectKubernetes({ ...connection, inFlight: 4 });
  const ingest = createIngest({
    options,
    api: reviews,
    lease: { namespace: options.namespace, name: leaseName, identity },
    context,
    closedLoops: caches.closedLoops,
    elector,
    pushStore,
  });
  const webhook =
    options.webhookPort === undefined
      ? []
      : [
          createWebhookServer({
            context: shared,
            workloads,
            caches,
            bind: options.bind,
            port: options.webhookPort,
            address:
              options.webhookUrl === undefined
                ? { service: { name: options.webhookService, namespace: options.namespace } }
                : { url: options.webhookUrl },
            namespace: options.namespace,
            scrapeIntervalSeconds: options.scrapeIntervalSeconds,
          }),
        ];

  let isSynced = false;
  const server = createHealthServer({
    host: options.bind,
    port: options.port,
    metrics,
    ready: { caches: () => (isSynced ? undefined : 'the caches are not filled yet') },
    logger,
  });
  const leading = {
    async run(stop: AbortSignal) {
      await informers.synced(stop);
      if (stop.aborted) return;
      isSynced = true;
      await elector.run(stop, (term) => runAll([...controllers, ingest.announcement], term));
    },
  };
  logger.info({ server: api.server, namespaces: namespaces ?? 'all' }, 'operator starts');
  // Events go on until the controllers have ended: the last seconds of a process are those that are asked about.
  const recording = createSharedAborter();
  const recorded = events.run(recording.signal);
  try {
    await runAll([server, ingest.server, ...webhook, informers, leading], signal);
  } finally {
    recording.abort();
    await recorded;
  }
  logger.info('operator has stopped');
}

/** client-go's proportions of 15, 10 and 2 s. */
function leaseTimes(leaseSeconds: number) {
  return { leaseSeconds, renewDeadlineSeconds: (leaseSeconds * 2) / 3, retrySeconds: (leaseSeconds * 2) / 15 };
}
