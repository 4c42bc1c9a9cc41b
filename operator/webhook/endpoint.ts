/** The HTTPS endpoint that the API server asks. Answers even when a check fails: then the write passes with a warning. */
import type { Server } from 'node:https';
import fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from '../../env/service/logger.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { StoredObject, TargetRef } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { Workloads } from '../workloads/contract.ts';
import { memberRefs } from '../workloads/group-members.ts';
import { targetKey } from '../workloads/target-key.ts';
import type { WebhookCertificates } from './certificates.ts';
import type { World } from './checks.ts';
import type { WebhookMetrics } from './metrics.ts';
import { webhookPath } from './registration.ts';
import {
  type AdmissionRequest,
  type AdmissionResponse,
  admissionReviewSchema,
  asDefined,
  objectOf,
  respond,
  unchecked,
  uncheckedPrefix,
} from './review.ts';

/** An object and the one before it, each up to what etcd takes. */
const bodyLimitBytes = 8 * 1024 * 1024;
/** The API server waits for 5 s. */
const lookUpMilliseconds = 2000;

export interface EndpointOptions {
  readonly workloads: Workloads;
  readonly world: Omit<World, 'exists' | 'ownerOf' | 'select'>;
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
  /** For durations. */
  readonly monotonicMilliseconds: () => number;
}

export function createEndpoint(
  { certificate, privateKey }: WebhookCertificates,
  { workloads, world, logger, metrics, monotonicMilliseconds }: EndpointOptions,
): FastifyInstance<Server> {
  const app = fastify({
    https: { cert: certificate, key: privateKey, minVersion: 'TLSv1.2' },
    bodyLimit: bodyLimitBytes,
    requestTimeout: 10_000,
    forceCloseConnections: 'idle',
  });
  app.post(webhookPath, async (request, reply) => {
    const started = monotonicMilliseconds();
    const review = admissionReviewSchema.safeParse(request.body);
    const seconds = () => (monotonicMilliseconds() - started) / 1000;
    if (!review.success) {
      metrics.reviewed('other', 'malformed', seconds());
      return reply.code(400).send({ error: 'not an AdmissionReview of admission.k8s.io/v1' });
    }
    const { apiVersion, kind, request: admission } = review.data;
    const response = await answer(admission);
    const outcome = outcomeOf(response);
    metrics.reviewed(admission.object?.kind ?? '', outcome, seconds());
    if (outcome === 'refused')
      logger.info({ ...subject(admission), reason: response.status?.message }, 'write refused');
    return { apiVersion, kind, response };
  });

  async function answer(admission: AdmissionRequest): Promise<AdmissionResponse> {
    try {
      const exists = await lookUp(admission);
      const { ownerOf, select } = workloads;
      return respond(admission, { ...world, ownerOf, select, exists });
    } catch (error) {
      logger.error({ err: error, ...subject(admission) }, 'check failed, write let through');
      return unchecked(admission, (error as Error).message);
    }
  }

  /** The checks are synchronous, so what they may ask for is read before. */
  async function lookUp(admission: AdmissionRequest): Promise<World['exists']> {
    const object = objectOf(admission);
    const refs = referencesOf(object && asDefined(object));
    const found = new Map<string, boolean>();
    const signal = AbortSignal.timeout(lookUpMilliseconds);
    await Promise.all(
      refs.map(async (ref) => {
        // Not known is not absent: a kind we may not read is none of our business.
        const workload = await workloads.read(admission.namespace, ref, signal).catch(() => 'unknown' as const);
        if (workload !== 'unknown') found.set(targetKey(admission.namespace, ref), workload !== undefined);
      }),
    );
    return (namespace, ref) => found.get(targetKey(namespace, ref));
  }

  return app;
}

function outcomeOf({ allowed, warnings }: AdmissionResponse) {
  if (!allowed) return 'refused';
  if (warnings === undefined) return 'allowed';
  return warnings[0].startsWith(uncheckedPrefix) ? 'failed' : 'warned';
}

function subject({ namespace, object }: AdmissionRequest) {
  return { kind: object?.kind, object: `${namespace}/${object?.metadata.name ?? ''}` };
}

function referencesOf(object: StoredObject | undefined): readonly TargetRef[] {
  if (object?.kind === 'ClosedLoop') return [(object as ClosedLoop).spec.targetRef];
  if (object?.kind === 'ScalingGroup') return memberRefs(object as ScalingGroup);
  return [];
}
