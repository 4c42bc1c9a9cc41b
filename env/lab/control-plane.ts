/**
 * A real Kubernetes control plane on loopback, for tests and for `duoloop lab`: etcd, kube-apiserver,
 * kube-controller-manager, kube-scheduler and kwok's nodes; Prometheus, kube-state-metrics and OPA on request. Nothing of
 * it outlives `stop`, the end of this process, or this process's being killed.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { BinaryName } from './binaries/catalog.ts';
import { requireBinaries } from './binaries/find.ts';
import type { Certificate, CertificateAuthority } from './certificates.ts';
import { type Component, type ComponentSpec, createComponent } from './component.ts';
import { countReadyNodes, createFakeNodes, type FakeNodeOptions } from './fake-nodes.ts';
import { formatKubeconfig } from './kubeconfig.ts';
import {
  apiServerComponent,
  controllerManagerComponent,
  etcdComponent,
  type HorizontalPodAutoscalerTiming,
  kwokComponent,
  schedulerComponent,
} from './kubernetes-components.ts';
import { createLabApi, type LabApi, until } from './lab-api.ts';
import { type CertificateFiles, loopbackNames, writeLabFiles } from './lab-files.ts';
import { freePort } from './loopback-ports.ts';
import { type MonitoringOptions, monitoringSpecs } from './monitoring.ts';
import { type OrphanGuard, startOrphanGuard } from './orphan-guard.ts';

export const componentNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
  'kube-state-metrics',
  'prometheus',
  'opa',
] as const satisfies readonly BinaryName[];

export type ComponentName = (typeof componentNames)[number];

export interface ControlPlaneOptions extends MonitoringOptions {
  /** Without it no controller acts: no pods, no HPA, no service accounts. Default true. */
  readonly controllerManager?: boolean;
  /** Default true. */
  readonly scheduler?: boolean;
  /** kwok and its nodes; false for none. */
  readonly nodes?: FakeNodeOptions | false;
  /** Default: Kubernetes' own. `fastHorizontalPodAutoscaler` makes it about 15 times as fast. */
  readonly horizontalPodAutoscaler?: HorizontalPodAutoscalerTiming;
  /** Appended to a component's command line. */
  readonly extraArguments?: Readonly<Partial<Record<ComponentName, readonly string[]>>>;
  /** Where each program is; looked for when absent. */
  readonly binaries?: Readonly<Partial<Record<BinaryName, string>>>;
  readonly signal?: AbortSignal;
}

/** A sync a second and no grace for pods that just started. */
export const fastHorizontalPodAutoscaler: HorizontalPodAutoscalerTiming = {
  syncPeriodSeconds: 1,
  cpuInitializationPeriodSeconds: 1,
  initialReadinessDelaySeconds: 1,
};

/** On a pod (so in a workload's pod template): from scheduling until Ready, and from deletion until gone; `20s`. */
export const podReadyDelayAnnotation = 'pod-ready.stage.kwok.x-k8s.io/delay';
export const podDeleteDelayAnnotation = 'pod-delete.stage.kwok.x-k8s.io/delay';

export interface ServiceAccountOptions {
  readonly namespace: string;
  readonly name: string;
  /** Default 3,600; the API server grants no less than 600. */
  readonly expirationSeconds?: number;
  /** Default: the API server's. */
  readonly audiences?: readonly string[];
}

export interface ControlPlane {
  /** Logs, certificates and data; removed by `stop`. */
  readonly folder: string;
  readonly server: string;
  /** Of the administrator, who may do everything. */
  readonly kubeconfigFile: string;
  readonly adminToken: string;
  /** Of the certificate authority below. */
  readonly caFile: string;
  readonly certificateAuthority: CertificateAuthority;
  readonly kubeStateMetricsUrl: string | undefined;
  readonly prometheusUrl: string | undefined;
  readonly opaUrl: string | undefined;
  /** Requests as administrator. */
  readonly api: LabApi;
  /** To stop, kill, freeze and restart it. @throws Error when this control plane was started without it */
  component(name: ComponentName): Component;
  /** A token by TokenRequest; the account has to exist. */
  serviceAccountToken(options: ServiceAccountOptions): Promise<string>;
  /** Writes a kubeconfig for a service account, which has to exist, and returns the file. */
  serviceAccountKubeconfig(options: ServiceAccountOptions): Promise<string>;
  /** A certificate for `localhost` and 127.0.0.1, as files beside the others: for webhooks and aggregated APIs. */
  servingCertificate(name: string): Promise<Certificate & CertificateFiles>;
  /** Ends every process, then removes the folder. May be called again. */
  stop(): Promise<void>;
}

/** @throws UserError `lab.binaries`, `lab.platform`; ComponentError with the end of the log of what did not start */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  if (process.platform === 'win32') {
    throw new UserError('lab.platform', 'a control plane cannot be started on Windows; use WSL');
  }
  const binaries = { ...(await requireBinaries(missingBinaries(options))), ...options.binaries } as Record<
    BinaryName,
    string
  >;
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-lab-'));
    const guard = startOrphanGuard(folder);
    const components = new Map<ComponentName, Component>();
    try {
      return await assemble({ options, binaries, folder, guard, components });
    } catch (error) {
      await stopAll(components, guard);
      // Another process may take a port between its choice and its use.
      if (attempt === startAttempts || !/address already in use/.test((error as Error).message)) throw error;
    }
  }
}

const startAttempts = 3;

interface Assembly {
  readonly options: ControlPlaneOptions;
  readonly binaries: Record<BinaryName, string>;
  readonly folder: string;
  readonly guard: OrphanGuard;
  readonly components: Map<ComponentName, Component>;
}

async function assemble({ options, binaries, folder, guard, components }: Assembly): Promise<ControlPlane> {
  const [etcd, etcdPeer, apiServer, controllerManager, scheduler] = await Promise.all(
    Array.from({ length: 5 }, () => freePort()),
  );
  const ports = { etcd, etcdPeer, apiServer, controllerManager, scheduler };
  const server = `https://127.0.0.1:${apiServer}`;
  const files = await writeLabFiles(folder, server);
  const context = (name: ComponentName) => ({
    files,
    ports,
    binary: binaries[name],
    extraArguments: options.extraArguments?.[name] ?? [],
  });
  const start = (spec: ComponentSpec) => {
    const component = createComponent(spec, guard);
    components.set(spec.name as ComponentName, component);
    options.signal?.throwIfAborted();
    return component.start();
  };

  // The API server waits for etcd by itself, so both start at once.
  await Promise.all([start(etcdComponent(context('etcd'))), start(apiServerComponent(context('kube-apiserver')))]);

  const api = createLabApi(server, files.authority.certificatePem, files.tokens.admin);
  const nodes = options.nodes === false ? undefined : (options.nodes ?? {});
  const withControllers = options.controllerManager ?? true;
  const monitoring = await monitoringSpecs(options, {
    folder,
    kubeconfigFile: files.kubeconfigs['kube-state-metrics'],
    binary: (name) => binaries[name],
    extraArguments: (name) => options.extraArguments?.[name] ?? [],
  });
  await Promise.all([
    ...(withControllers
      ? [start(controllerManagerComponent(context('kube-controller-manager'), options.horizontalPodAutoscaler))]
      : []),
    ...((options.scheduler ?? true) ? [start(schedulerComponent(context('kube-scheduler')))] : []),
    ...(nodes ? [start(kwokComponent(context('kwok'))), createFakeNodes(api, nodes)] : []),
    ...monitoring.specs.map(start),
  ]);
  await Promise.all([
    ...(withControllers ? [until('the default service account', 30, () => hasDefaultServiceAccount(api))] : []),
    ...(nodes && withControllers
      ? [until('nodes to be ready', 30, async () => (await countReadyNodes(api)) >= (nodes.count ?? 4))]
      : []),
  ]);

  const serviceAccountToken = async ({
    namespace,
    name,
    expirationSeconds = 3_600,
    audiences,
  }: ServiceAccountOptions) => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds, audiences },
    };
    return (await api.create<{ status: { token: string } }>(path, request)).status.token;
  };
  let stopped: Promise<void> | undefined;
  return {
    folder,
    server,
    kubeconfigFile: files.kubeconfigs.admin,
    adminToken: files.tokens.admin,
    caFile: files.authorityFile,
    certificateAuthority: files.authority,
    kubeStateMetricsUrl: monitoring.kubeStateMetricsUrl,
    prometheusUrl: monitoring.prometheusUrl,
    opaUrl: monitoring.opaUrl,
    api,
    component(name) {
      const component = components.get(name);
      if (component === undefined) throw new Error(`this control plane was started without ${name}`);
      return component;
    },
    serviceAccountToken,
    async serviceAccountKubeconfig(account) {
      const file = join(folder, `${account.namespace}.${account.name}.kubeconfig`);
      const content = formatKubeconfig({
        server,
        certificateAuthority: files.authority.certificatePem,
        user: `system:serviceaccount:${account.namespace}:${account.name}`,
        bearerToken: await serviceAccountToken(account),
        namespace: account.namespace,
      });
      await writeFile(file, content, { mode: 0o600 });
      return file;
    },
    async servingCertificate(name) {
      const certificate = await files.authority.issue({ commonName: name, ...loopbackNames });
      return { ...certificate, ...(await files.writeCertificate(name, certificate)) };
    },
    stop() {
      stopped ??= stopAll(components, guard);
      return stopped;
    },
  };
}

/** Clients before the server, the server before its storage: each ends quietly while what it talks to is there. */
async function stopAll(components: ReadonlyMap<ComponentName, Component>, guard: OrphanGuard): Promise<void> {
  const servers: readonly ComponentName[] = ['kube-apiserver', 'etcd'];
  const clients = [...components.values()].filter(({ name }) => !servers.includes(name as ComponentName));
  await Promise.all(clients.map((component) => component.stop()));
  for (const name of servers) await components.get(name)?.stop();
  await guard.dismiss();
}

function missingBinaries(options: ControlPlaneOptions): BinaryName[] {
  const needed: Record<ComponentName, boolean> = {
    etcd: true,
    'kube-apiserver': true,
    'kube-controller-manager': options.controllerManager ?? true,
    'kube-scheduler': options.scheduler ?? true,
    kwok: options.nodes !== false,
    'kube-state-metrics': Boolean(options.kubeStateMetrics),
    prometheus: Boolean(options.prometheus),
    opa: Boolean(options.opa),
  };
  return componentNames.filter((name) => needed[name] && options.binaries?.[name] === undefined);
}

async function hasDefaultServiceAccount(api: LabApi): Promise<boolean> {
  await api.get('/api/v1/namespaces/default/serviceaccounts/default');
  return true;
}
