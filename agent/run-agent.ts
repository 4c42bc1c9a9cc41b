/** Puts the agent together: one connection, one loop of rounds, a server for health and metrics beside it. */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { clusterConnection } from '../env/cluster/command-options.ts';
import { connectPrometheus } from '../env/cluster/connect-prometheus.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { createLoadHistory } from '../env/cluster/live/load-history.ts';
import { createMetricsSource } from '../env/cluster/live/metrics-source.ts';
import { promqlDuration } from '../env/cluster/live/query-text.ts';
import { servingAnswerBytes } from '../env/cluster/prometheus.ts';
import { withoutCredentials } from '../env/cluster/url-credentials.ts';
import { createHealthServer } from '../env/service/health-server.ts';
import { createLogger } from '../env/service/logger.ts';
import { createSharedAborter, pause } from '../env/service/waiting.ts';
import { createDeliberation, type DeliberationOptions } from '../policies/deliberation/deliberation.ts';
import { staleAfterRealSeconds } from '../policies/deliberation/model-clock.ts';
import { confineSelectors } from '../policies/promql/confine-selectors.ts';
import type { AgentOptions } from './agent-command.ts';
import { createAgentMetrics } from './agent-metrics.ts';
import { createDeliberationPool } from './checkpoints/deliberation-pool.ts';
import { createPolicyLoader, type LoadedPolicy } from './checkpoints/policy-loader.ts';
import type { AgentContext } from './contract.ts';
import { checkInstallation } from './preflight.ts';
import { createMeasure } from './rounds/measure.ts';
import { createPolicies } from './rounds/policies.ts';
import { createRounds } from './rounds/rounds.ts';
import { runRounds } from './rounds/run-rounds.ts';
import { createWorld } from './rounds/world.ts';
import { createEventWriter } from './runtime/event-writer.ts';
import { createStatusWriter } from './status/status-writer.ts';

const downloadSeconds = 30;
/** For the last events of a process. */
const lastEventsMilliseconds = 2_000;

/**
 * Runs until aborted, then gives its claims up.
 * @throws UserError for what the user can mend: no kubeconfig, a port in use, CRDs not installed
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  // Checkpoints that are read at once listen to it, and Node warns of more than ten.
  setMaxListeners(0, signal);
  const identity = options.identity ?? `${hostname()}_${randomBytes(4).toString('hex')}`;
  const logger = createLogger({ level: options.logLevel, fields: { agent: identity } });
  const registry = new Registry();
  const now = () => Date.now() / 1000;
  const api = await connectKubernetes({
    ...clusterConnection(options),
    userAgent: 'duoloop-agent',
  });
  await checkInstallation(api);
  const prometheus = await connectPrometheus({
    url: options.prometheus,
    tokenFile: options.prometheusTokenFile,
    maxAnswerBytes: servingAnswerBytes,
  });
  const parts = { api, logger, metrics: registry, now, identity };
  const events = createEventWriter(parts);
  const context: AgentContext = { ...parts, events, namespaces: options.watchNamespace };
  const { timeScale, rateWindow: rateWindowSeconds } = options;
  const clock = { timeScale, epochSecond: options.epoch };
  const staleAfterSeconds = staleAfterRealSeconds(clock);
  const deliberationOf =
    (more: Pick<DeliberationOptions, 'shadow'>) =>
    ({ checkpoint, app, origin }: LoadedPolicy) =>
      createDeliberation(checkpoint, app, { origin, timeScale, staleAfterSeconds, ...more });
  const rounds = createRounds({
    context,
    world: createWorld(api, options.watchNamespace),
    policies: createPolicies({
      context,
      timeScale,
      loader: createPolicyLoader({
        api,
        checkpointRoot: options.checkpointRoot,
        url: { hosts: options.urlHost, timeoutSeconds: downloadSeconds },
        now,
        signal,
      }),
      pool: createDeliberationPool(deliberationOf({})),
      canaryPool: createDeliberationPool(deliberationOf({ shadow: false })),
    }),
    measure: createMeasure({
      preset: options.preset,
      confine: confinement(options),
      createSource: (queries, presetName) => ({
        metrics: createMetricsSource({ prometheus, queries, presetName, rateWindowSeconds, now }),
        history: createLoadHistory({ prometheus, requestsPerSecond: queries.requestsPerSecond, rateWindowSeconds }),
      }),
    }),
    writer: createStatusWriter(api),
    metrics: createAgentMetrics(registry),
    clock,
  });
  const running = runRounds(rounds, { logger, now });
  const server = createHealthServer({
    host: options.bind,
    port: options.port,
    metrics: registry,
    live: { agent: running.live },
    ready: { agent: running.ready },
    logger,
  });
  // Served until the last event is written.
  const serving = createSharedAborter();
  const served = server.run(serving.signal);
  await Promise.race([server.listening, served]);
  logger.info(
    {
      server: api.server,
      prometheus: withoutCredentials(options.prometheus),
      namespaces: options.watchNamespace ?? 'all',
    },
    'agent starts',
  );
  try {
    await running.run(signal);
  } finally {
    const written = new AbortController();
    await Promise.race([events.ended(), pause(lastEventsMilliseconds, written.signal)]);
    written.abort();
    serving.abort();
    await served;
  }
  logger.info('agent has stopped');
}

/** Undefined where the agent was started without the label that it takes. */
function confinement({ prometheusNamespaceLabel: label, rateWindow }: AgentOptions) {
  if (label === undefined) return undefined;
  return (query: string) =>
    // The window is no PromQL as long as it is a placeholder.
    confineSelectors(
      query.replaceAll('$window', () => promqlDuration(rateWindow)),
      {
        label,
        operator: '=~',
        content: '$namespaces',
      },
    );
}
