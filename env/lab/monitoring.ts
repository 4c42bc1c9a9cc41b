/** Prometheus, kube-state-metrics and OPA: within a control plane, or each by itself for a test that needs no cluster. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { requireBinaries } from './binaries/find.ts';
import { type Component, type ComponentSpec, createComponent } from './component.ts';
import { freePort } from './loopback-ports.ts';
import {
  type KubeStateMetricsOptions,
  kubeStateMetricsComponent,
  type OpaOptions,
  opaComponent,
  opaSourceFolder,
  type PrometheusOptions,
  prometheusComponent,
  prometheusConfiguration,
  prometheusConfigurationFile,
} from './monitoring-components.ts';
import { startOrphanGuard } from './orphan-guard.ts';

export interface MonitoringOptions {
  /** Scrapes kube-state-metrics as job `kube-state-metrics` when that is started, too. */
  readonly prometheus?: PrometheusOptions;
  readonly kubeStateMetrics?: KubeStateMetricsOptions;
  readonly opa?: OpaOptions;
}

type MonitoringName = 'prometheus' | 'kube-state-metrics' | 'opa';

interface MonitoringPlace {
  readonly folder: string;
  /** With which kube-state-metrics reads the cluster. */
  readonly kubeconfigFile: string;
  readonly binary: (name: MonitoringName) => string;
  readonly extraArguments: (name: MonitoringName) => readonly string[];
}

export interface MonitoringSpecs {
  readonly specs: readonly ComponentSpec[];
  readonly prometheusUrl: string | undefined;
  readonly kubeStateMetricsUrl: string | undefined;
  readonly opaUrl: string | undefined;
}

/** Chooses ports and writes configuration files; starts nothing. */
export async function monitoringSpecs(options: MonitoringOptions, place: MonitoringPlace): Promise<MonitoringSpecs> {
  const { prometheus, kubeStateMetrics, opa } = options;
  const specs: ComponentSpec[] = [];
  const urls: Partial<Record<MonitoringName, string>> = {};
  const contextOf = async (name: MonitoringName) => {
    const port = await freePort();
    urls[name] = `http://127.0.0.1:${port}`;
    return { port, folder: place.folder, binary: place.binary(name), extraArguments: place.extraArguments(name) };
  };
  if (kubeStateMetrics) {
    const context = { ...(await contextOf('kube-state-metrics')), telemetryPort: await freePort() };
    specs.push(kubeStateMetricsComponent({ ...context, kubeconfigFile: place.kubeconfigFile }, kubeStateMetrics));
  }
  if (prometheus) {
    const context = await contextOf('prometheus');
    const scrapeConfigs = [...(prometheus.scrapeConfigs ?? []), ...scrapeOf(urls['kube-state-metrics'])];
    const configuration = prometheusConfiguration({ ...prometheus, scrapeConfigs });
    await writeFile(prometheusConfigurationFile(place.folder), configuration);
    specs.push(prometheusComponent(context, prometheus));
  }
  if (opa) {
    const context = await contextOf('opa');
    for (const [name, source] of Object.entries(opa.sources ?? {})) {
      const file = join(opaSourceFolder(place.folder), name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, source);
    }
    specs.push(opaComponent(context, opa));
  }
  return {
    specs,
    prometheusUrl: urls.prometheus,
    kubeStateMetricsUrl: urls['kube-state-metrics'],
    opaUrl: urls.opa,
  };
}

function scrapeOf(kubeStateMetricsUrl: string | undefined): object[] {
  if (kubeStateMetricsUrl === undefined) return [];
  const targets = [new URL(kubeStateMetricsUrl).host];
  return [{ job_name: 'kube-state-metrics', honor_labels: true, static_configs: [{ targets }] }];
}

export interface StandaloneComponent {
  readonly url: string;
  /** To stop, kill, freeze and restart it on the same port. */
  readonly component: Component;
  /** Holds its configuration and data until `stop`. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** @throws UserError `lab.binaries`; ComponentError */
export function startPrometheus(prometheus: PrometheusOptions = {}): Promise<StandaloneComponent> {
  return startAlone('prometheus', { prometheus });
}

/** @throws UserError `lab.binaries`; ComponentError */
export function startOpa(opa: OpaOptions = {}): Promise<StandaloneComponent> {
  return startAlone('opa', { opa });
}

/** Beside a control plane that runs without it. @throws UserError `lab.binaries`; ComponentError */
export function startKubeStateMetrics(
  kubeconfigFile: string,
  kubeStateMetrics: KubeStateMetricsOptions = {},
): Promise<StandaloneComponent> {
  return startAlone('kube-state-metrics', { kubeStateMetrics }, kubeconfigFile);
}

async function startAlone(
  name: MonitoringName,
  options: MonitoringOptions,
  kubeconfigFile = '',
): Promise<StandaloneComponent> {
  const binaries = await requireBinaries([name]);
  const folder = await mkdtemp(join(tmpdir(), 'duoloop-lab-'));
  const guard = startOrphanGuard(folder);
  const place = { folder, kubeconfigFile, binary: () => binaries[name], extraArguments: () => [] };
  const { specs, prometheusUrl, kubeStateMetricsUrl, opaUrl } = await monitoringSpecs(options, place);
  const component = createComponent(specs[0], guard);
  const stop = async () => {
    await component.stop();
    await guard.dismiss();
  };
  try {
    await component.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: prometheusUrl ?? kubeStateMetricsUrl ?? opaUrl ?? '', component, folder, stop };
}
