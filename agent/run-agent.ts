/** Puts the agent together: one connection, one loop of rounds, a server for health and metrics beside it. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { createMetricsSource } from '../env/cluster/live/metrics-source.ts';
import { createDeliberation, type DeliberationOptions } from '../policies/deliberation/deliberation.ts';
import type { AgentOptions } from './agent-command.ts';
import { createAgentMetrics } from './agent-metrics.ts';
import { createDeliberationPool } from './checkpoints/deliberation-pool.ts';
import { createPolicyLoader, type LoadedPolicy } from './checkpoints/policy-loader.ts';
import type { AgentContext } from './contract.ts';
import { checkInstallation, prometheusClient } from './preflight.ts';
import { createLoadHistory } from './rounds/load-history.ts';
import { createMeasure } from './rounds/measure.ts';
import { createPolicies } from './rounds/policies.ts';
import { createRounds } from './rounds/rounds.ts';
import { runRounds } from './rounds/run-rounds.ts';
import { createWorld } from './rounds/world.ts';
import { pause } from './runtime/deadline.ts';
import { createEventWriter } from './runtime/event-writer.ts';
import { createLogger } from './runtime/logger.ts';
import { startServer } from './runtime/server.ts';
import { createStatusWriter } from './status/status-writer.ts';

const downloadSeconds = 30;
/** Measurements that are older are not decided on; in a lab, where all goes faster, they age as much faster. */
const modelStaleAfterSeconds = 120;
const minStaleAfterSeconds = 5;
/** For the last events of a process. */
const lastEventsMilliseconds = 2_000;

/**
 * Runs until aborted, then gives its claims up.
 * @throws UserError for what the user can mend: no kubeconfig, a port in use, CRDs not installed
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const identity = options.identity ?? `${hostname()}_${randomBytes(4).toString('hex')}`;
  const logger = createLogger(options.logLevel, { agent: identity });
  const registry = new Registry();
  const now = () => Date.now() / 1000;
  const api = await connectKubernetes({
    ...(options.kubeconfig === undefined ? {} : { kubeconfigFiles: [options.kubeconfig] }),
    ...(options.context === undefined ? {} : { context: options.context }),
    userAgent: 'duoloop-agent',
  });
  await checkInstallation(api);
  const prometheus = await prometheusClient(options.prometheus, options.prometheusTokenFile);
  const parts = { api, logger, metrics: registry, now, identity };
  const events = createEventWriter(parts);
  const context: AgentContext = { ...parts, events, namespaces: options.watchNamespace };
  const { timeScale, rateWindow: rateWindowSeconds } = options;
  const clock = { timeScale, epochSecond: options.epoch };
  const staleAfterSeconds = Math.max(minStaleAfterSeconds, modelStaleAfterSeconds / timeScale);
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
  const stopServer = await startServer({
    host: options.bind,
    port: options.port,
    live: running.live,
    ready: running.ready,
    context: { logger, metrics: registry },
  });
  logger.info(
    { server: api.server, prometheus: options.prometheus, namespaces: options.watchNamespace ?? 'all' },
    'agent starts',
  );
  try {
    await running.run(signal);
  } finally {
    const written = new AbortController();
    await Promise.race([events.ended(), pause(lastEventsMilliseconds, written.signal)]);
    written.abort();
    await stopServer();
  }
  logger.info('agent has stopped');
}
