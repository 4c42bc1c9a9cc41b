/** Command lines of etcd and Kubernetes for a lab on loopback: quick to start and to stop, durable for a run only. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ComponentSpec } from './component.ts';
import type { LabFiles } from './lab-files.ts';
import { requestLoopback } from './loopback-request.ts';

/** The HPA controller's timing, fractions of seconds included; what is absent is Kubernetes' default. */
export interface HorizontalPodAutoscalerTiming {
  readonly syncPeriodSeconds?: number;
  readonly cpuInitializationPeriodSeconds?: number;
  readonly initialReadinessDelaySeconds?: number;
  readonly downscaleStabilizationSeconds?: number;
}

export interface KubernetesPorts {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly apiServer: number;
  readonly controllerManager: number;
  readonly scheduler: number;
}

export interface ComponentContext {
  readonly files: LabFiles;
  readonly ports: KubernetesPorts;
  readonly binary: string;
  readonly extraArguments: readonly string[];
}

/** Requests a second; the default of 20 to 50 would be what a test of 1,000 pods waits for. */
const clientRate = ['--kube-api-qps=1000', '--kube-api-burst=2000'];

export function etcdComponent(context: ComponentContext): ComponentSpec {
  const { files, ports } = context;
  const url = `https://127.0.0.1:${ports.etcd}`;
  const peerUrl = `http://127.0.0.1:${ports.etcdPeer}`;
  const { authorityFile, server } = files.etcd;
  return component('etcd', context, {
    arguments: [
      '--name=lab',
      `--data-dir=${join(files.folder, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=lab=${peerUrl}`,
      `--cert-file=${server.certificateFile}`,
      `--key-file=${server.keyFile}`,
      `--trusted-ca-file=${authorityFile}`,
      '--client-cert-auth',
      // The data need not outlive the machine, only the process.
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    ready: (signal) =>
      requestLoopback(`${url}/health`, {
        certificateAuthority: files.etcdAuthority,
        certificate: files.etcdClient.certificatePem,
        privateKey: files.etcdClient.privateKeyPem,
        signal,
      }),
  });
}

export function apiServerComponent(context: ComponentContext): ComponentSpec {
  const { files, ports } = context;
  const url = `https://127.0.0.1:${ports.apiServer}`;
  return component('kube-apiserver', context, {
    arguments: [
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${ports.apiServer}`,
      // No pod looks for it, and endpoints on loopback are invalid.
      '--endpoint-reconciler-type=none',
      `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
      `--etcd-cafile=${files.etcd.authorityFile}`,
      `--etcd-certfile=${files.etcd.client.certificateFile}`,
      `--etcd-keyfile=${files.etcd.client.keyFile}`,
      `--tls-cert-file=${files.apiServer.certificateFile}`,
      `--tls-private-key-file=${files.apiServer.keyFile}`,
      `--client-ca-file=${files.authorityFile}`,
      `--token-auth-file=${files.tokenFile}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${files.serviceAccountKeys.publicFile}`,
      `--service-account-signing-key-file=${files.serviceAccountKeys.privateFile}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      `--requestheader-client-ca-file=${files.frontProxy.authorityFile}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${files.frontProxy.client.certificateFile}`,
      `--proxy-client-key-file=${files.frontProxy.client.keyFile}`,
      '--event-ttl=10m',
      '--delete-collection-workers=8',
      '--profiling=false',
    ],
    ready: (signal) =>
      requestLoopback(`${url}/readyz`, { certificateAuthority: files.authority.certificatePem, signal }),
    // Watches of others keep it from ending by itself, and nothing of it is needed again.
    stopSeconds: 3,
  });
}

export function controllerManagerComponent(
  context: ComponentContext,
  timing: HorizontalPodAutoscalerTiming = {},
): ComponentSpec {
  const { files, ports } = context;
  const kubeconfig = files.kubeconfigs['kube-controller-manager'];
  const seconds = (flag: string, value: number | undefined) =>
    value === undefined ? [] : [`--${flag}=${Math.round(value * 1000)}ms`];
  return component('kube-controller-manager', context, {
    arguments: [
      ...servingArguments(ports.controllerManager, kubeconfig, context),
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${files.serviceAccountKeys.privateFile}`,
      `--root-ca-file=${files.authorityFile}`,
      // A node that misses heartbeats while a test has stopped the API server has not failed.
      '--node-monitor-grace-period=10m',
      '--concurrent-deployment-syncs=20',
      '--concurrent-replicaset-syncs=20',
      '--concurrent-statefulset-syncs=20',
      '--concurrent-horizontal-pod-autoscaler-syncs=20',
      '--concurrent-namespace-syncs=20',
      ...clientRate,
      ...seconds('horizontal-pod-autoscaler-sync-period', timing.syncPeriodSeconds),
      ...seconds('horizontal-pod-autoscaler-cpu-initialization-period', timing.cpuInitializationPeriodSeconds),
      ...seconds('horizontal-pod-autoscaler-initial-readiness-delay', timing.initialReadinessDelaySeconds),
      ...seconds('horizontal-pod-autoscaler-downscale-stabilization', timing.downscaleStabilizationSeconds),
    ],
    ready: healthz(ports.controllerManager, files),
  });
}

export function schedulerComponent(context: ComponentContext): ComponentSpec {
  const { files, ports } = context;
  return component('kube-scheduler', context, {
    arguments: [...servingArguments(ports.scheduler, files.kubeconfigs['kube-scheduler'], context), ...clientRate],
    ready: healthz(ports.scheduler, files),
  });
}

const stageFiles = ['node.yaml', 'pod.yaml'].map((name) => fileURLToPath(new URL(`stages/${name}`, import.meta.url)));

export function kwokComponent(context: ComponentContext): ComponentSpec {
  const { files } = context;
  return component('kwok', context, {
    arguments: [
      `--kubeconfig=${files.kubeconfigs.kwok}`,
      ...stageFiles.map((file) => `--config=${file}`),
      '--manage-all-nodes',
      '--node-ip=127.0.0.1',
      '--cidr=10.0.0.0/16',
      '--node-lease-duration-seconds=40',
      '--v=WARN',
    ],
    // It serves nothing; that it works is seen by nodes getting ready.
    ready: async () => {},
    stopSeconds: 1,
  });
}

function servingArguments(port: number, kubeconfig: string, { files }: ComponentContext): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${files.apiServer.certificateFile}`,
    `--tls-private-key-file=${files.apiServer.keyFile}`,
    // One replica; and without a lease to lose it outlives an outage of the API server.
    '--leader-elect=false',
    '--profiling=false',
  ];
}

function healthz(port: number, files: LabFiles): (signal: AbortSignal) => Promise<unknown> {
  const certificateAuthority = files.authority.certificatePem;
  return (signal) => requestLoopback(`https://127.0.0.1:${port}/healthz`, { certificateAuthority, signal });
}

function component(
  name: string,
  { files, binary, extraArguments }: ComponentContext,
  parts: Pick<ComponentSpec, 'arguments' | 'stopSeconds'> & { ready: (signal: AbortSignal) => Promise<unknown> },
): ComponentSpec {
  return {
    name,
    binary,
    arguments: [...parts.arguments, ...extraArguments],
    logFile: join(files.folder, `${name}.log`),
    stopSeconds: parts.stopSeconds,
    ready: async (signal) => {
      await parts.ready(signal);
    },
  };
}
