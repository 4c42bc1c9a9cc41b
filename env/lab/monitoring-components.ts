/** Command lines of Prometheus, kube-state-metrics and OPA. Each is of use without a control plane, too. */
import { join } from 'node:path';
import type { ComponentSpec } from './component.ts';
import { requestLoopback } from './loopback-request.ts';

export interface PrometheusOptions {
  /** `global.scrape_interval` and, unless a scrape configuration says otherwise, its time-out. Default 1. */
  readonly scrapeIntervalSeconds?: number;
  /** As in `scrape_configs` of prometheus.yml. */
  readonly scrapeConfigs?: readonly object[];
  /** Other sections of prometheus.yml, such as `rule_files`. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** How long a series without new samples still has a value. Prometheus' default is 300. */
  readonly lookbackSeconds?: number;
}

export interface OpaOptions {
  /** Rego or data files, or folders of such. */
  readonly files?: readonly string[];
  /** Rego sources by file name, such as `policy.rego`. */
  readonly sources?: Readonly<Record<string, string>>;
}

export interface KubeStateMetricsOptions {
  /** Default: what scaling is about (deployments, statefulsets, replicasets, pods, nodes, HPAs, namespaces, quotas). */
  readonly resources?: readonly string[];
}

export interface MonitoringContext {
  readonly binary: string;
  readonly folder: string;
  readonly port: number;
  readonly extraArguments?: readonly string[];
}

/** JSON, which is YAML as well. */
export function prometheusConfiguration(options: PrometheusOptions): string {
  const { scrapeIntervalSeconds = 1, scrapeConfigs = [], configuration = {} } = options;
  return JSON.stringify(
    {
      global: { scrape_interval: `${scrapeIntervalSeconds * 1000}ms`, evaluation_interval: '5s' },
      ...configuration,
      scrape_configs: scrapeConfigs,
    },
    null,
    2,
  );
}

export const prometheusConfigurationFile = (folder: string) => join(folder, 'prometheus.yml');

export function prometheusComponent(context: MonitoringContext, { lookbackSeconds }: PrometheusOptions): ComponentSpec {
  const url = `http://127.0.0.1:${context.port}`;
  return component('prometheus', context, `${url}/-/ready`, [
    `--config.file=${prometheusConfigurationFile(context.folder)}`,
    `--storage.tsdb.path=${join(context.folder, 'prometheus')}`,
    '--storage.tsdb.retention.time=1d',
    `--web.listen-address=127.0.0.1:${context.port}`,
    // POST /-/reload after the configuration was changed.
    '--web.enable-lifecycle',
    // Tests write samples of a past that they need not wait for.
    '--web.enable-remote-write-receiver',
    ...(lookbackSeconds === undefined ? [] : [`--query.lookback-delta=${lookbackSeconds}s`]),
    '--log.level=warn',
  ]);
}

const scalingResources = [
  'deployments',
  'horizontalpodautoscalers',
  'namespaces',
  'nodes',
  'pods',
  'replicasets',
  'resourcequotas',
  'statefulsets',
];

export function kubeStateMetricsComponent(
  context: MonitoringContext & { readonly kubeconfigFile: string; readonly telemetryPort: number },
  { resources = scalingResources }: KubeStateMetricsOptions,
): ComponentSpec {
  return component('kube-state-metrics', context, `http://127.0.0.1:${context.port}/healthz`, [
    `--kubeconfig=${context.kubeconfigFile}`,
    '--host=127.0.0.1',
    `--port=${context.port}`,
    '--telemetry-host=127.0.0.1',
    `--telemetry-port=${context.telemetryPort}`,
    `--resources=${resources.join(',')}`,
  ]);
}

export const opaSourceFolder = (folder: string) => join(folder, 'opa');

export function opaComponent(context: MonitoringContext, { files = [], sources = {} }: OpaOptions): ComponentSpec {
  return component('opa', context, `http://127.0.0.1:${context.port}/health`, [
    'run',
    '--server',
    `--addr=127.0.0.1:${context.port}`,
    '--skip-version-check',
    '--log-level=error',
    ...files,
    ...Object.keys(sources).map((name) => join(opaSourceFolder(context.folder), name)),
  ]);
}

function component(
  name: string,
  { binary, folder, extraArguments = [] }: MonitoringContext,
  readyUrl: string,
  programArguments: readonly string[],
): ComponentSpec {
  return {
    name,
    binary,
    arguments: [...programArguments, ...extraArguments],
    logFile: join(folder, `${name}.log`),
    ready: async (signal) => {
      await requestLoopback(readyUrl, { signal });
    },
    stopSeconds: 3,
  };
}
