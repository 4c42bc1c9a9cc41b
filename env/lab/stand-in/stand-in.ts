/** The applications' stand-in: answers Prometheus' scrapes and the resource metrics API for the pods that are ready. */
import { setMaxListeners } from 'node:events';
import fastify, { type FastifyInstance } from 'fastify';
import { type KubernetesApi, type KubernetesError, resourceTypes } from '../../cluster/kubernetes-api.ts';
import { Exposition } from './exposition.ts';
import { followObjects } from './follow-objects.ts';
import { followPods } from './follow-pods.ts';
import { type PodMetrics, serveMetricsApi } from './metrics-api.ts';
import type { ApplicationState, PlayedApplication } from './played-application.ts';
import { exposePods } from './pod-exposition.ts';

/** PEM of what a server shows; the aggregator and Prometheus talk to it without checking who signed it. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

/** An application and where its Deployments are. */
export interface PlacedApplication {
  readonly application: PlayedApplication;
  readonly namespace: string;
}

export interface StandInOptions {
  /** Side by side, under one trace; at least one, each in a namespace of its own. */
  readonly applications: readonly PlacedApplication[];
  readonly api: KubernetesApi;
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
  /** Lets the trace begin now, for all at the same moment; resolves to that moment, Unix seconds. */
  startTrace(): number;
  /** Of the application at that place in the list, the first one when left out. */
  state(application?: number): ApplicationState;
  close(): Promise<void>;
}

/** Listens and follows the pods until closed. @throws when the port is taken */
export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const { applications, api, certificate, onFailure, now = () => Date.now() / 1000 } = options;
  const stopped = new AbortController();
  // Each of many requests listens to it.
  setMaxListeners(0, stopped.signal);
  // Before anything is read or changed, so that what was until now is settled with the pods there were until now.
  const playToNow = () => {
    const second = now();
    for (const { application } of applications) application.playTo(second);
  };
  const server = fastify({ https: { ...certificate }, forceCloseConnections: true });

  server.get('/metrics', (_request, reply) => {
    playToNow();
    const pods = applications.flatMap(({ application }) => [...application.pods.values()]);
    return reply.type(Exposition.contentType).send(exposePods(pods.filter(({ everReady }) => everReady)));
  });
  serveMetricsApi(server, () => {
    playToNow();
    return applications.flatMap(({ application }) => measuredPods(application));
  });
  const port = await listenOnLoopback(server, options.port);
  const following = Promise.all(
    applications.flatMap((placed) => follow(placed, { api, signal: stopped.signal, onFailure }, playToNow)),
  );
  // Looked at in `close`; until then a rejection must not end the process.
  following.catch(() => undefined);

  return {
    url: `https://127.0.0.1:${port}`,
    port,
    startTrace() {
      const second = now();
      for (const { application } of applications) application.start(second);
      return second;
    },
    state(index = 0) {
      playToNow();
      return applications[index].application.state();
    },
    async close() {
      stopped.abort();
      await server.close();
      await following;
    },
  };
}

interface Following {
  readonly api: KubernetesApi;
  readonly signal: AbortSignal;
  readonly onFailure?: (error: KubernetesError) => void;
}

function follow(
  { application, namespace }: PlacedApplication,
  following: Following,
  playToNow: () => void,
): Promise<void>[] {
  const pods = followPods({
    ...following,
    namespace,
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
  const deployments = followObjects<DeploymentObject>({
    ...following,
    type: resourceTypes.deployment,
    namespace,
    put({ metadata, spec }) {
      playToNow();
      application.setDesired(metadata.name, spec.replicas);
    },
    // Its pods go too, and nobody asks for any.
    remove: () => undefined,
  });
  return [pods, deployments];
}

interface DeploymentObject {
  readonly metadata: { readonly uid: string; readonly name: string };
  readonly spec: { readonly replicas: number };
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
