/** The validating webhook as a part of the operator: serves on every replica; the leader keeps certificate and registration. */

import type { Server } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Runnable } from '../../env/service/run-all.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { OperatorContext, ResourceCache } from '../runtime/contract.ts';
import type { Workloads } from '../workloads/contract.ts';
import { createCertificateSecret } from './certificate-secret.ts';
import { expiryOf, type WebhookCertificates } from './certificates.ts';
import { createEndpoint } from './endpoint.ts';
import { createWebhookMetrics } from './metrics.ts';
import { hostsOf, register, type WebhookAddress } from './registration.ts';

export interface WebhookServerOptions {
  readonly context: OperatorContext;
  readonly workloads: Workloads;
  readonly caches: {
    readonly closedLoops: Pick<ResourceCache<ClosedLoop>, 'list'>;
    readonly scalingGroups: Pick<ResourceCache<ScalingGroup>, 'list'>;
    readonly deliberativeLoops: Pick<ResourceCache<DeliberativeLoop>, 'list'>;
  };
  /** Address and port to listen on. */
  readonly bind: string;
  readonly port: number;
  /** Where the API server finds it. */
  readonly address: WebhookAddress;
  /** Of the Secret with the certificates. */
  readonly namespace: string;
  readonly secretName?: string;
  readonly configurationName?: string;
  readonly scrapeIntervalSeconds?: number;
  /** Between two looks at certificate and registration. */
  readonly maintenanceSeconds?: number;
}

/** While there is no certificate yet, or the API server did not answer. */
const retrySeconds = 2;

export function createWebhookServer(options: WebhookServerOptions): Runnable {
  const { context, workloads, caches, address, bind, port, namespace, scrapeIntervalSeconds } = options;
  const { secretName = 'duoloop-webhook', configurationName = 'duoloop', maintenanceSeconds = 60 } = options;
  const logger = context.logger.child({ part: 'webhook' });
  const metrics = createWebhookMetrics(context.metrics);
  const secret = createCertificateSecret({ context, namespace, name: secretName, hosts: hostsOf(address) });
  const world = {
    closedLoops: (of: string) => caches.closedLoops.list(of),
    scalingGroups: (of: string) => caches.scalingGroups.list(of),
    deliberativeLoops: (of: string) => caches.deliberativeLoops.list(of),
    scrapeIntervalSeconds,
  };

  return {
    async run(signal) {
      let app: FastifyInstance<Server> | undefined;
      let served: WebhookCertificates | undefined;

      async function serve(certificates: WebhookCertificates): Promise<void> {
        if (app === undefined) {
          const endpoint = { workloads, world, logger, metrics, monotonicMilliseconds: () => performance.now() };
          app = createEndpoint(certificates, endpoint);
          await app.listen({ host: bind, port });
          logger.info({ bind, port }, 'webhook serves');
        } else if (served?.certificate !== certificates.certificate) {
          // For connections to come; those under way keep what they were made with.
          app.server.setSecureContext({ cert: certificates.certificate, key: certificates.privateKey });
        }
        served = certificates;
        metrics.certificateExpires(expiryOf(certificates));
      }

      /** @returns whether everything is in order */
      async function maintain(): Promise<boolean> {
        const found = await secret.current(signal);
        if (found === undefined) return false;
        if (found.renewed !== 'none') logger.info({ renewed: found.renewed }, 'webhook certificate renewed');
        const registration = {
          name: configurationName,
          address,
          authorities: found.certificates.authorities,
          namespaces: context.namespaces,
        };
        // A new authority is made known before its first certificate is served.
        if (context.mayAct() && served !== undefined) await register(context, registration, signal);
        await serve(found.certificates);
        if (context.mayAct()) await register(context, registration, signal);
        return true;
      }

      try {
        while (!signal.aborted) {
          let inOrder = false;
          try {
            inOrder = await maintain();
          } catch (error) {
            if (signal.aborted) break;
            // A port that is taken is nothing that waiting mends.
            if (app !== undefined && served === undefined) throw error;
            metrics.maintenanceFailed();
            logger.warn({ err: error }, 'webhook certificate or registration not in order, trying again');
          }
          await delay((inOrder ? maintenanceSeconds : retrySeconds) * 1000, undefined, { signal }).catch(() => {});
        }
      } finally {
        await (app as FastifyInstance<Server> | undefined)?.close();
      }
    },
  };
}
