/** The application's stand-in: answers Prometheus' scrapes and the resource metrics API for the pods that are ready. */
import fastify, { type FastifyInstance } from 'fastify';
import type { KubernetesApi, KubernetesError } from '../../cluster/kubernetes-api.ts';
import { Exposition } from './exposition.ts';
import { followPods } from './follow-pods.ts';
import { type PodMetrics, serveMetricsApi } from './metrics-api.ts';
import type { ApplicationState, PlayedApplication } from './played-application.ts';
import { exposePods } from './pod-exposition.ts';

/** PEM of what a server shows; the aggregator and Prometheus talk to it without checking who signed it. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface StandInOptions {
  readonly application: PlayedApplication;
  readonly api: KubernetesApi;
  /** Where the application's Deployments are. */
  readonly namespace: string;
  readonly certificate: ServerCertificate;
  /** 0 (default): any free one. */
  readonly port?: number;
  /** Unix seconds. */
  readonly now?: () => number;
  /** Told when the pods could not be followed for a moment. */
  readonly onFailure?: (error: KubernetesError) => void;
}

export interface StandIn {
  /** `https://127.0.0.1:port`; scrapes at /metrics, the metrics API under /apis/metrics.k8s.io. */
  readonly url: string;
  readonly port: number;
  /** Lets the trace begin now. */
  startTrace(): void;
  state(): ApplicationState;
  close(): Promise<void>;
}

/** Listens and follows the pods until closed. @throws when the port is taken */
export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const { application, api, namespace, certificate, onFailure, now = () => Date.now() / 1000 } = options;
  const stopped = new AbortController();
  // Before anything is read or changed, so that what was until now is settled with the pods there were until now.
  const playToNow = () => application.playTo(now());
  const server = fastify({ https: { ...certificate }, forceCloseConnections: true });

  server.get('/metrics', (_request, reply) => {
    playToNow();
    const pods = [...application.pods.values()].filter(({ everReady }) => everReady);
    return reply.type(Exposition.contentType).send(exposePods(pods));
  });
  serveMetricsApi(server, () => {
    playToNow();
    return measuredPods(application);
  });
  const port = await listenOnLoopback(server, options.port);
  const following = followPods({
    api,
    namespace,
    signal: stopped.signal,
    onFailure,
    listener: {
      put(pod) {
        playToNow();
        application.putPod(pod);
      },
      remove(uid) {
        playToNow();
        application.removePod(uid);
      },
    },
  });
  // Looked at in `close`; until then a rejection must not end the process.
  following.catch(() => undefined);

  return {
    url: `https://127.0.0.1:${port}`,
    port,
    startTrace: () => application.start(now()),
    state() {
      playToNow();
      return application.state();
    },
    async close() {
      stopped.abort();
      await server.close();
      await following;
    },
  };
}

/** Resolves to the port. */
export async function listenOnLoopback(server: FastifyInstance, port = 0): Promise<number> {
  const address = await server.listen({ host: '127.0.0.1', port });
  return Number(new URL(address).port);
}

function measuredPods({ pods }: PlayedApplication): PodMetrics[] {
  return [...pods.values()].flatMap(({ pod, usage }) =>
    usage === undefined || !pod.ready
      ? []
      : [
          {
            namespace: pod.namespace,
            name: pod.name,
            labels: pod.labels,
            node: pod.node,
            container: pod.container,
            usage,
          },
        ],
  );
}
