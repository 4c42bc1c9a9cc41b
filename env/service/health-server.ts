/** Health, readiness and metrics over HTTP. */
import { type FastifyInstance, fastify } from 'fastify';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { UserError } from '../errors.ts';
import type { Logger } from './logger.ts';
import type { Runnable } from './run-all.ts';
import { aborted, settleable } from './waiting.ts';

/** By name: undefined when all is well, else what is wrong. */
export type Checks = Readonly<Record<string, () => string | undefined>>;

export interface HealthServerOptions {
  /** Address to listen on; `::` or `0.0.0.0` for all. */
  readonly host?: string;
  /** 0 for a free one. */
  readonly port: number;
  readonly metrics: Registry;
  /** Failing ones get the process restarted: only what a restart would mend. */
  readonly live?: Checks;
  /** Failing ones keep requests away. */
  readonly ready?: Checks;
  /** Further routes. */
  readonly routes?: (server: FastifyInstance) => void;
  readonly logger: Logger;
}

export interface HealthServer extends Runnable {
  /** `http://host:port`, once it listens; rejects with UserError when it cannot. */
  readonly listening: Promise<string>;
}

/** Scrapers keep their connections open; they must not hold up the end of the process. */
const closeMilliseconds = 1_000;

export function createHealthServer(options: HealthServerOptions): HealthServer {
  const { host = '127.0.0.1', port, metrics, live = {}, ready = {}, logger } = options;
  // `run` rejects with the same error: whoever does not wait for the address is told there.
  const listening = settleable<string>();

  return {
    listening: listening.promise,
    async run(signal) {
      const server = fastify({ forceCloseConnections: true });
      server.get('/healthz', (_request, reply) => reply.code(failing(live) ? 503 : 200).send(report(live)));
      server.get('/readyz', (_request, reply) => reply.code(failing(ready) ? 503 : 200).send(report(ready)));
      server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
      options.routes?.(server);
      // Event loop lag, heap, CPU and resident memory, under the names that Node's dashboards know.
      if (metrics.getSingleMetric('process_cpu_seconds_total') === undefined)
        collectDefaultMetrics({ register: metrics });
      try {
        const address = await server.listen({ host, port });
        logger.info({ address }, 'serving health and metrics');
        listening.resolve(address);
      } catch (cause) {
        await server.close();
        const error = new UserError(
          'PORT_UNUSABLE',
          `cannot listen on ${host} port ${port}: ${(cause as Error).message}; choose another --port or --bind`,
          { cause },
        );
        listening.reject(error);
        throw error;
      }
      await aborted(signal);
      const giveUp = setTimeout(() => server.server.closeAllConnections(), closeMilliseconds);
      await server.close();
      clearTimeout(giveUp);
    },
  };
}

function failing(checks: Checks): boolean {
  return Object.values(checks).some((check) => check() !== undefined);
}

function report(checks: Checks): Record<string, string> {
  return Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, check() ?? 'ok']));
}
