/**
 * The lab: a real control plane with Prometheus and kube-state-metrics, and an application of a model on it whose pods
 * are real to Kubernetes and whose work is played. Whoever scales its Deployments (an HPA, `duoloop operator`, kubectl)
 * sees in metrics what the model says comes of it. In several namespaces, the application is played once in each, under
 * one trace and one noise: who scales it is then all that differs.
 */
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AppModel } from '../apps/app-model.ts';
import { memberReplicas } from '../apps/group.ts';
import { type KubernetesApi, resourceTypes } from '../cluster/kubernetes-api.ts';
import { connectKubernetes } from '../cluster/kubernetes-client.ts';
import type { CapacityChange } from '../simulator/capacity.ts';
import { createNeededGroupSize } from '../simulator/create-kernel.ts';
import type { Trace } from '../workload/trace.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { applyDefinitions, until } from './lab-api.ts';
import { freePort } from './loopback-ports.ts';
import { applicationDeployments } from './stand-in/application-manifests.ts';
import { type ApplicationState, createPlayedApplication } from './stand-in/played-application.ts';
import { registerMetricsApi } from './stand-in/register-metrics-api.ts';
import { type StandIn, startStandIn } from './stand-in/stand-in.ts';

export interface LabOptions {
  readonly app: AppModel;
  readonly trace: Trace;
  /** Seconds of the trace per real second; start-up of pods and the HPA controller go as much faster. */
  readonly speed: number;
  /** Of the application; made when it is not there. Default: the app model's name. */
  readonly namespace?: string;
  /** Instead of `namespace`: the application once in each. */
  readonly namespaces?: readonly string[];
  /** What a pod can serve from a second of the trace on. */
  readonly capacity?: readonly CapacityChange[];
  /** Standard deviation of load, CPU and p95 from tick to tick, relative to their values. Default 0. */
  readonly noise?: number;
  readonly seed?: number;
  /** The noise of each namespace's application, instead of the same for all. */
  readonly seeds?: readonly number[];
  /** Of the Deployments at the start. Default: the smallest group that meets the SLA under the trace's first load. */
  readonly groupSize?: number;
  /** Default 1. */
  readonly scrapeIntervalSeconds?: number;
  readonly signal?: AbortSignal;
  /** Told in a few words of what is under way. */
  readonly onProgress?: (message: string) => void;
  /** Told of every tick of the trace of every application; see `PlayedApplicationOptions`. */
  readonly onTick?: (namespace: string, tick: number, state: ApplicationState) => void;
}

/** One of the applications that are played. */
export interface LabApplication {
  readonly namespace: string;
  state(): ApplicationState;
}

export interface Lab {
  readonly controlPlane: ControlPlane;
  readonly api: KubernetesApi;
  readonly standIn: StandIn;
  /** In the order of the namespaces. */
  readonly applications: readonly LabApplication[];
  /** That of the first application. */
  readonly namespace: string;
  readonly kubeconfigFile: string;
  readonly prometheusUrl: string;
  readonly kubeStateMetricsUrl: string;
  /** Real seconds that the trace takes. */
  readonly durationSeconds: number;
  /** Lets the trace begin, everywhere at once; until then its first load is held. Gives the moment, Unix seconds. */
  startTrace(): number;
  /** Ends everything that was started and removes what it wrote. May be called again. */
  stop(): Promise<void>;
}

const fieldManager = 'duoloop-lab';
const definitionsFolder = fileURLToPath(new URL('../../manifests/crds', import.meta.url));
const readyTimeoutSeconds = 60;

/**
 * Resolves when every pod of the application is ready. The trace is not yet playing.
 * @throws UserError `lab.binaries`, `lab.platform`; ComponentError
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  const { app, trace, speed, signal, onProgress, onTick } = options;
  const namespaces = options.namespaces ?? [options.namespace ?? app.name];
  const port = await freePort();
  onProgress?.('starting the control plane');
  const controlPlane = await startControlPlane({
    signal,
    kubeStateMetrics: {},
    prometheus: { scrapeIntervalSeconds: options.scrapeIntervalSeconds, scrapeConfigs: [scrapeOf(port)] },
    horizontalPodAutoscaler: horizontalPodAutoscalerTiming(speed),
  });
  let standIn: StandIn | undefined;
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      await standIn?.close();
      await controlPlane.stop();
    })();
    return stopped;
  };
  try {
    const api = await connectKubernetes({ kubeconfigFiles: [controlPlane.kubeconfigFile] });
    const second = Date.now() / 1000;
    const applications = namespaces.map((namespace, i) => ({
      namespace,
      application: createPlayedApplication({
        ...options,
        seed: options.seeds?.[i] ?? options.seed,
        second,
        onTick: onTick && ((tick, state) => onTick(namespace, tick, state)),
      }),
    }));
    const { privateKeyPem, certificatePem } = await controlPlane.servingCertificate('stand-in');
    await prepareNamespaces(controlPlane, namespaces);
    const running = await startStandIn({
      applications,
      api,
      certificate: { key: privateKeyPem, cert: certificatePem },
      port,
      onFailure: ({ message }) => onProgress?.(`the stand-in lost sight of its objects: ${message}`),
    });
    standIn = running;
    const groupSize =
      options.groupSize ?? createNeededGroupSize(app)(trace.rps[0], options.capacity?.[0]?.factor ?? 1, 0);
    const replicas = app.services.map((service) => memberReplicas(service, groupSize));
    const coldStartSeconds = app.coldStartSeconds / speed;
    const podCount = namespaces.length * replicas.reduce((sum, count) => sum + count, 0);
    onProgress?.(`starting ${podCount} pods, ready after ${coldStartSeconds.toFixed(1)} s`);
    await Promise.all([
      registerMetricsApi(controlPlane.api, port),
      ...namespaces
        .flatMap((namespace) => applicationDeployments(app, { namespace, replicas, coldStartSeconds }))
        .map((deployment) => api.apply(resourceTypes.deployment, deployment, { fieldManager })),
    ]);
    await until('the pods to be ready', coldStartSeconds + readyTimeoutSeconds, async () => {
      signal?.throwIfAborted();
      return namespaces.every((_, i) =>
        running.state(i).services.every(({ ready }, service) => ready >= replicas[service]),
      );
    });
    return {
      controlPlane,
      api,
      standIn: running,
      applications: namespaces.map((namespace, i) => ({ namespace, state: () => running.state(i) })),
      namespace: namespaces[0],
      kubeconfigFile: controlPlane.kubeconfigFile,
      prometheusUrl: controlPlane.prometheusUrl as string,
      kubeStateMetricsUrl: controlPlane.kubeStateMetricsUrl as string,
      durationSeconds: applications[0].application.durationSeconds,
      startTrace: running.startTrace,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A control plane on a small machine follows no faster. */
const shortestPeriodSeconds = 0.5;

/** Kubernetes' own timing, as much faster as the trace, as far as the control plane follows. */
export function horizontalPodAutoscalerTiming(speed: number) {
  const shortened = (seconds: number) => Math.max(shortestPeriodSeconds, seconds / speed);
  return {
    syncPeriodSeconds: shortened(15),
    cpuInitializationPeriodSeconds: shortened(300),
    initialReadinessDelaySeconds: shortened(30),
    downscaleStabilizationSeconds: shortened(300),
  };
}

function scrapeOf(port: number): object {
  return {
    job_name: 'stand-in',
    scheme: 'https',
    tls_config: { insecure_skip_verify: true },
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  };
}

/** Our own resources, where they have been generated, and namespaces in which pods can be made. */
async function prepareNamespaces({ api }: ControlPlane, namespaces: readonly string[]): Promise<void> {
  const files = (await readdir(definitionsFolder).catch(() => [])).filter((name) => name.endsWith('.yaml'));
  await Promise.all([
    applyDefinitions(
      api,
      files.map((name) => `${definitionsFolder}/${name}`),
    ),
    ...namespaces.map((name) =>
      api.apply(`/api/v1/namespaces/${name}`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
    ),
  ]);
  await until('the service accounts of the namespaces', 20, async () => {
    await Promise.all(namespaces.map((name) => api.get(`/api/v1/namespaces/${name}/serviceaccounts/default`)));
    return true;
  });
}

/** Waits until the trace has ended, or until aborted. `onInterval` is called every `intervalSeconds`. */
export async function playToEnd(
  lab: Lab,
  { signal, intervalSeconds, onInterval }: { signal: AbortSignal; intervalSeconds: number; onInterval: () => void },
): Promise<void> {
  const end = performance.now() + lab.durationSeconds * 1000;
  while (!signal.aborted && performance.now() < end) {
    const milliseconds = Math.min(intervalSeconds * 1000, Math.max(0, end - performance.now()));
    await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) onInterval();
  }
}
