/**
 * The lab: a real control plane with Prometheus and kube-state-metrics, and an application of a model on it whose pods
 * are real to Kubernetes and whose work is played. Whoever scales its Deployments (an HPA, `duoloop operator`, kubectl)
 * sees in metrics what the model says comes of it.
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
import { createPlayedApplication } from './stand-in/played-application.ts';
import { registerMetricsApi } from './stand-in/register-metrics-api.ts';
import { type StandIn, startStandIn } from './stand-in/stand-in.ts';

export interface LabOptions {
  readonly app: AppModel;
  readonly trace: Trace;
  /** Seconds of the trace per real second; start-up of pods and the HPA controller go as much faster. */
  readonly speed: number;
  /** Of the application; made when it is not there. Default: the app model's name. */
  readonly namespace?: string;
  /** What a pod can serve from a second of the trace on. */
  readonly capacity?: readonly CapacityChange[];
  /** Standard deviation of load, CPU and p95 from tick to tick, relative to their values. Default 0. */
  readonly noise?: number;
  readonly seed?: number;
  /** Of the Deployments at the start. Default: the smallest group that meets the SLA under the trace's first load. */
  readonly groupSize?: number;
  /** Default 1. */
  readonly scrapeIntervalSeconds?: number;
  readonly signal?: AbortSignal;
  /** Told in a few words of what is under way. */
  readonly onProgress?: (message: string) => void;
}

export interface Lab {
  readonly controlPlane: ControlPlane;
  readonly api: KubernetesApi;
  readonly standIn: StandIn;
  readonly namespace: string;
  readonly kubeconfigFile: string;
  readonly prometheusUrl: string;
  readonly kubeStateMetricsUrl: string;
  /** Real seconds that the trace takes. */
  readonly durationSeconds: number;
  /** Lets the trace begin; until then its first load is held. */
  startTrace(): void;
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
  const { app, trace, speed, namespace = app.name, signal, onProgress } = options;
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
    const application = createPlayedApplication({ ...options, second: Date.now() / 1000 });
    const { privateKeyPem, certificatePem } = await controlPlane.servingCertificate('stand-in');
    await prepareNamespace(controlPlane, namespace);
    standIn = await startStandIn({
      application,
      api,
      namespace,
      certificate: { key: privateKeyPem, cert: certificatePem },
      port,
      onFailure: ({ message }) => onProgress?.(`the stand-in lost sight of the pods: ${message}`),
    });
    const groupSize =
      options.groupSize ?? createNeededGroupSize(app)(trace.rps[0], options.capacity?.[0]?.factor ?? 1, 0);
    const replicas = app.services.map((service) => memberReplicas(service, groupSize));
    const coldStartSeconds = app.coldStartSeconds / speed;
    onProgress?.(
      `starting ${replicas.reduce((sum, count) => sum + count, 0)} pods, ready after ${coldStartSeconds.toFixed(1)} s`,
    );
    await Promise.all([
      registerMetricsApi(controlPlane.api, port),
      ...applicationDeployments(app, { namespace, replicas, coldStartSeconds }).map((deployment) =>
        api.apply(resourceTypes.deployment, deployment, { fieldManager }),
      ),
    ]);
    const running = standIn;
    await until('the pods to be ready', coldStartSeconds + readyTimeoutSeconds, async () => {
      signal?.throwIfAborted();
      return running.state().services.every(({ ready }, service) => ready >= replicas[service]);
    });
    return {
      controlPlane,
      api,
      standIn,
      namespace,
      kubeconfigFile: controlPlane.kubeconfigFile,
      prometheusUrl: controlPlane.prometheusUrl as string,
      kubeStateMetricsUrl: controlPlane.kubeStateMetricsUrl as string,
      durationSeconds: application.durationSeconds,
      startTrace: running.startTrace,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Kubernetes' own timing, as much faster as the trace, as far as its whole seconds allow. */
function horizontalPodAutoscalerTiming(speed: number) {
  const shortened = (seconds: number) => Math.max(1, Math.round(seconds / speed));
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

/** Our own resources, where they have been generated, and a namespace in which pods can be made. */
async function prepareNamespace({ api }: ControlPlane, namespace: string): Promise<void> {
  const files = (await readdir(definitionsFolder).catch(() => [])).filter((name) => name.endsWith('.yaml'));
  await Promise.all([
    applyDefinitions(
      api,
      files.map((name) => `${definitionsFolder}/${name}`),
    ),
    api.apply(`/api/v1/namespaces/${namespace}`, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace },
    }),
  ]);
  await until(`the service account of ${namespace}`, 20, async () => {
    await api.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`);
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
