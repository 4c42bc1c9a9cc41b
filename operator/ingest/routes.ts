/** `PUT` or `POST /ingest/v1/namespaces/:namespace/closedloops/:name`: a managed system pushes what it measured. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { objectName } from '../../policies/resources/resource.ts';
import type { PushStore } from '../closed-loop/contract.ts';
import type { Admission, Refusal } from './admission.ts';
import { type Forwarder, forwardedHeader } from './forward.ts';
import { parseMessage } from './message.ts';
import type { IngestMetrics } from './metrics.ts';

export interface IngestRoutesOptions {
  readonly admission: Admission;
  readonly store: PushStore;
  /** Whether there is such a ClosedLoop. */
  readonly loopExists: (namespace: string, name: string) => boolean;
  /** Whether this replica runs the loops; another one hands pushes on. */
  readonly isLeader: () => boolean;
  readonly forwarder: Forwarder;
  /** Unix seconds. */
  readonly now: () => number;
  readonly metrics: IngestMetrics;
}

interface LoopPath {
  Params: { namespace: string; name: string };
}

const pushPath = '/ingest/v1/namespaces/:namespace/closedloops/:name';
const maxBodyBytes = 64 * 1024;
const errorNames: Readonly<Record<number, string>> = {
  400: 'malformed',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  413: 'too_large',
  415: 'unsupported',
  422: 'invalid',
  429: 'limited',
  503: 'unavailable',
};

/** A fastify plugin. */
export async function ingestRoutes(server: FastifyInstance, options: IngestRoutesOptions): Promise<void> {
  const { admission, store, loopExists, isLeader, forwarder, now, metrics } = options;

  function refuse(
    reply: FastifyReply,
    { status, message, retryAfterSeconds }: Omit<Refusal, 'status'> & { status: number },
  ) {
    const error = errorNames[status] ?? 'failed';
    metrics.pushed(error);
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="duoloop"');
    if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
    return reply.code(status).send({ error, message });
  }

  // A class of its own for these routes: JSON only, and errors in one form.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, server.getDefaultJsonParser('error', 'error'));
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    const { statusCode = 500, message } = error;
    const words = statusCode === 415 ? 'send application/json' : statusCode < 500 ? message : 'internal error';
    return refuse(reply, { status: statusCode, message: words });
  });

  /** Before the body is read: who may not push costs no memory. */
  async function admit(request: FastifyRequest<LoopPath>, reply: FastifyReply) {
    const { namespace, name: loop } = request.params;
    if (!objectName.safeParse(namespace).success || !objectName.safeParse(loop).success) {
      return refuse(reply, { status: 404, message: 'the path names no object of Kubernetes' });
    }
    const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const refusal = await admission.admit({ token, address: request.ip, namespace, loop });
    if (refusal !== undefined) return refuse(reply, refusal);
    if (!loopExists(namespace, loop)) {
      return refuse(reply, { status: 404, message: `there is no closedloop ${namespace}/${loop}` });
    }
  }

  async function handOn(request: FastifyRequest<LoopPath>, reply: FastifyReply) {
    const { method, params, headers, body } = request;
    // Not the request's own URL, which may name another host.
    const [namespace, name] = [params.namespace, params.name].map(encodeURIComponent);
    const path = pushPath.replace(':namespace', namespace).replace(':name', name);
    const push = { method, path, authorization: headers.authorization ?? '', body };
    const answer = headers[forwardedHeader] === undefined ? await forwarder.forward(push) : undefined;
    if (answer === undefined) {
      const message = 'this replica does not lead, and the leader could not be asked; try again';
      return refuse(reply, { status: 503, message, retryAfterSeconds: 2 });
    }
    metrics.pushed('forwarded');
    return reply.code(answer.status).send(answer.body);
  }

  async function push(request: FastifyRequest<LoopPath>, reply: FastifyReply) {
    if (!isLeader()) return handOn(request, reply);
    const { namespace, name } = request.params;
    const parsed = parseMessage(request.body, now(), store.get(namespace, name)?.time);
    if ('problem' in parsed) return refuse(reply, { status: 422, message: parsed.problem });
    if ('repeated' in parsed) {
      metrics.pushed('repeated');
      const message = 'a message of this time or a later one is already here';
      return reply.send({ accepted: false, time: parsed.time, message });
    }
    store.put(namespace, name, parsed.message);
    metrics.pushed('accepted');
    return reply.send({ accepted: true, time: parsed.message.time });
  }

  server.route<LoopPath>({
    method: ['PUT', 'POST'],
    url: pushPath,
    bodyLimit: maxBodyBytes,
    onRequest: admit,
    handler: push,
  });
}
