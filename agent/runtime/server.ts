/** Health, readiness and metrics over HTTP. */
import { fastify } from 'fastify';
import { collectDefaultMetrics } from 'prom-client';
import { UserError } from '../../env/errors.ts';
import type { AgentContext } from '../contract.ts';

export interface ServerOptions {
  /** Address to listen on; `::` or `0.0.0.0` for all. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Undefined when the process is well; else what a restart would mend. */
  readonly live: () => string | undefined;
  /** Undefined when it does its work. */
  readonly ready: () => string | undefined;
  readonly context: Pick<AgentContext, 'logger' | 'metrics'>;
}

/** Scrapers keep their connections open; they must not hold up the end of the process. */
const closeMilliseconds = 1_000;

/** @returns how to stop it. @throws UserError when it cannot listen */
export async function startServer({ host, port, live, ready, context }: ServerOptions): Promise<() => Promise<void>> {
  const { logger, metrics } = context;
  const server = fastify({ forceCloseConnections: true });
  for (const [path, check] of [
    ['/healthz', live],
    ['/readyz', ready],
  ] as const) {
    server.get(path, (_request, reply) => {
      const problem = check();
      return reply.code(problem === undefined ? 200 : 503).send({ agent: problem ?? 'ok' });
    });
  }
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  collectDefaultMetrics({ register: metrics });
  try {
    const address = await server.listen({ host, port });
    logger.info({ address }, 'serving health and metrics');
  } catch (cause) {
    await server.close();
    throw new UserError(
      'agent.port',
      `cannot listen on ${host} port ${port}: ${(cause as Error).message}; choose another --port or --bind`,
      { cause },
    );
  }
  return async () => {
    const giveUp = setTimeout(() => server.server.closeAllConnections(), closeMilliseconds);
    await server.close();
    clearTimeout(giveUp);
  };
}
