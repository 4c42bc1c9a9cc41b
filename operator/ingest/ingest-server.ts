/** The server that managed systems push to; on every replica, with TLS where it has a certificate. */
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import { type FastifyInstance, fastify } from 'fastify';
import { UserError } from '../../env/errors.ts';
import type { Logger } from '../../env/service/logger.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { aborted, settleable } from '../../env/service/waiting.ts';
import { type IngestRoutesOptions, ingestRoutes } from './routes.ts';

export interface IngestServerOptions extends IngestRoutesOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Read anew when the certificate's file changes. Without: plain HTTP. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Between two looks at the certificate's file. */
  readonly certificateCheckSeconds?: number;
  readonly logger: Logger;
}

export interface IngestServer extends Runnable {
  /** `http(s)://host:port` once it listens; rejects when it cannot. */
  readonly listening: Promise<string>;
}

export function createIngestServer(options: IngestServerOptions): IngestServer {
  const { host, port, tls, certificateCheckSeconds = 30, logger } = options;
  const { promise: listening, resolve, reject } = settleable<string>();

  async function makeServer(): Promise<FastifyInstance> {
    const limits = { requestTimeout: 10_000, keepAliveTimeout: 60_000, forceCloseConnections: true };
    if (tls === undefined) return fastify(limits);
    const server = fastify({ ...limits, https: await readCertificate(tls) });
    return server as unknown as FastifyInstance;
  }

  return {
    listening,
    async run(signal) {
      let server: FastifyInstance | undefined;
      try {
        server = await makeServer();
        await server.register(ingestRoutes, options);
        const address = await server.listen({ host, port });
        logger.info({ address }, 'taking pushed metrics');
        resolve(address);
      } catch (cause) {
        await server?.close();
        const error = cause instanceof UserError ? cause : portError(host, port, cause);
        reject(error);
        throw error;
      }
      const stopWatching =
        tls === undefined ? () => {} : followCertificate(server, tls, certificateCheckSeconds, logger);
      await aborted(signal);
      stopWatching();
      await server.close();
    },
  };
}

function portError(host: string, port: number, cause: unknown): UserError {
  const { message } = cause as Error;
  return new UserError(
    'ingest.port',
    `cannot take pushes on ${host} port ${port}: ${message}; choose another --ingest-port`,
    {
      cause,
    },
  );
}

/** @throws UserError `ingest.tls` */
async function readCertificate({ certFile, keyFile }: { certFile: string; keyFile: string }) {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    return { cert, key };
  } catch (cause) {
    throw new UserError('ingest.tls', `${(cause as Error).message}; correct --tls-cert and --tls-key`, { cause });
  }
}

/** Certificates are renewed under a running server: cert-manager replaces the files of a mounted Secret. */
function followCertificate(
  server: FastifyInstance,
  tls: { certFile: string; keyFile: string },
  checkSeconds: number,
  logger: Logger,
) {
  const reload = async () => {
    try {
      (server.server as unknown as Server).setSecureContext(await readCertificate(tls));
      logger.info({ file: tls.certFile }, 'certificate of the ingest server renewed');
    } catch (error) {
      logger.warn({ err: error }, 'the new certificate is not usable; the old one is kept');
    }
  };
  watchFile(tls.certFile, { interval: checkSeconds * 1000, persistent: false }, reload);
  return () => unwatchFile(tls.certFile, reload);
}
