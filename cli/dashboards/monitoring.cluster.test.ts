/** Alerts, dashboards and monitors, judged by the programs that they are for. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireBinaries } from '../../env/lab/binaries/find.ts';
import { runProgramText } from '../../env/lab/binaries/run-program.ts';
import { applyDefinitions, until } from '../../env/lab/lab-api.ts';
import { type StandaloneComponent, startKubeStateMetrics, startPrometheus } from '../../env/lab/monitoring.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { describeCluster } from '../../test/cluster.ts';
import {
  kubectl,
  leastValues,
  objectsOf,
  render,
  renderText,
  withFile,
} from '../../test/installation/chart.fixture.ts';
import { readManifest } from '../../training/in-cluster/manifests.fixture.ts';
import { repositoryRoot } from '../repository-root.ts';
import { dashboards } from './dashboard-files.ts';
import { foreignMetrics } from './known-metrics.fixture.ts';
import { createEndedJobs, failOpen } from './monitoring-scene.fixture.ts';
import { withoutGrafanaVariables } from './panel-queries.fixture.ts';
import { prometheusOperatorDefinitions } from './prometheus-operator.fixture.ts';

const on = { enabled: true, labels: { release: 'prometheus' } };
const monitoring = { serviceMonitor: on, podMonitor: on, prometheusRule: on, dashboards: on };
const ours = new Set(['ServiceMonitor', 'PodMonitor', 'PrometheusRule']);

describeCluster('monitoring', (cluster) => {
  test('promtool finds the alerts well formed, and they fire when they should and not otherwise', async () => {
    const { promtool } = await requireBinaries(['promtool']);
    const folder = join(repositoryRoot, 'manifests/alerts');
    const tests = (await readdir(folder)).filter((file) => file.endsWith('.test.yaml'));
    expect(tests).toHaveLength(5);
    await runProgramText(promtool, ['check', 'rules', '--lint=all', 'duoloop.rules.yaml'], { cwd: folder });
    await runProgramText(promtool, ['test', 'rules', ...tests], { cwd: folder });
  });

  describe('the real Prometheus', () => {
    let prometheus: StandaloneComponent;
    beforeAll(async () => {
      prometheus = await startPrometheus();
    });
    afterAll(() => prometheus?.stop());

    test('takes every query of the dashboards', async () => {
      const queries = Object.values(dashboards()).flatMap(({ panels = [] }) =>
        panels.flatMap((panel) => ('targets' in panel ? (panel.targets ?? []) : [])),
      ) as unknown as { expr: string }[];
      for (const { expr } of queries) {
        const body = new URLSearchParams({ query: withoutGrafanaVariables(expr) });
        const answer = await fetch(`${prometheus.url}/api/v1/query`, { method: 'POST', body });
        expect(await answer.json(), expr).toMatchObject({ status: 'success' });
      }
    });
  });

  describe('the Prometheus operator', () => {
    let definitions: string[];
    let namespace: string;
    beforeAll(async () => {
      namespace = await cluster.namespace('monitoring');
      definitions = await prometheusOperatorDefinitions();
      await applyDefinitions(cluster.api, definitions);
    });
    afterAll(() => kubectl(cluster.kubeconfigFile, 'delete', ...definitions.flatMap((file) => ['-f', file])));

    test.each([
      ['all namespaces', {}],
      ['some namespaces', { watchNamespaces: ['shop', 'bank'] }],
      ['the reactive loop alone', { agent: { enabled: false } }],
    ])('takes the monitors and the rule for %s, to the last field', async (_, values) => {
      const text = await renderText(namespace, { ...leastValues, ...values, monitoring });
      const objects = objectsOf(text).filter(({ kind }) => ours.has(kind));
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      await withFile('monitoring.json', JSON.stringify(list), (file) =>
        kubectl(cluster.kubeconfigFile, 'apply', '--server-side', '--validate=strict', '-f', file),
      );
      const groups = objects.find(({ kind }) => kind === 'PrometheusRule') as StoredObject & {
        spec: { groups: { name: string }[] };
      };
      const missesAgent = 'agent' in values;
      expect(groups.spec.groups.some(({ name }) => name === 'duoloop-agent')).toBe(!missesAgent);
      expect(objects.some(({ metadata }) => metadata.name === 'duoloop-agent')).toBe(!missesAgent);
    });
  });

  test('the monitors select ports that are there', async () => {
    const objects = await render('duoloop-system', { ...leastValues, monitoring });
    const find = (kind: string, name: string) =>
      objects.find((object) => object.kind === kind && object.metadata.name === name) as unknown as Described;
    const operatorMonitor = find('ServiceMonitor', 'duoloop-operator').spec;
    const service = find('Service', 'duoloop-operator');
    expect(service.metadata.labels).toMatchObject(operatorMonitor.selector.matchLabels ?? {});
    const { targetPort } = service.spec.ports?.find(({ name }) => name === operatorMonitor.endpoints?.[0].port) ?? {};
    expect(portNames(find('Deployment', 'duoloop-operator'))).toContain(targetPort);

    const agentMonitor = find('PodMonitor', 'duoloop-agent').spec;
    const agent = find('Deployment', 'duoloop-agent');
    expect(agent.spec.template?.metadata.labels).toMatchObject(agentMonitor.selector.matchLabels ?? {});
    expect(portNames(agent)).toContain(agentMonitor.podMetricsEndpoints?.[0].port);

    const trainingMonitor = find('PodMonitor', 'duoloop-training').spec;
    const [{ key, values }] = trainingMonitor.selector.matchExpressions ?? [];
    for (const file of ['job.yaml', 'job-config-map.yaml', 'indexed-job.yaml', 'cronjob.yaml']) {
      const [object] = (await readManifest(file)) as unknown as (Described & { spec: { jobTemplate?: Described } })[];
      const job = object.spec.jobTemplate ?? object;
      expect(values).toContain(job.spec.template?.metadata.labels[key]);
      expect(portNames(job)).toContain(trainingMonitor.podMetricsEndpoints?.[0].port);
    }
  });

  test('a runbook address of the user’s own takes the place of ours', async () => {
    const runbookUrl = 'https://wiki.example.com/duoloop';
    const values = { ...leastValues, monitoring: { prometheusRule: { ...on, runbookUrl } } };
    const text = await renderText('duoloop-system', values);
    expect(text).toContain(`runbook_url: ${runbookUrl}#duoloopoperatordown`);
    expect(text).not.toContain('docs/runbooks.md');
  });

  test('kube-state-metrics has the series of Jobs that alerts and dashboards ask for, with their labels', async () => {
    const namespace = await cluster.namespace('monitoring');
    await createEndedJobs(cluster, namespace);
    const kubeStateMetrics = await startKubeStateMetrics(cluster.kubeconfigFile, { resources: ['jobs', 'cronjobs'] });
    try {
      for (const [name, labels] of Object.entries(foreignMetrics).filter(([metric]) => metric.startsWith('kube_'))) {
        let samples: string[] = [];
        await until(`${name} of ${namespace}`, 10, async () => {
          const lines = (await (await fetch(`${kubeStateMetrics.url}/metrics`)).text()).split('\n');
          samples = lines.filter((line) => line.startsWith(`${name}{`) && line.includes(`namespace="${namespace}"`));
          return samples.length > 0;
        });
        for (const label of labels) expect(samples[0]).toContain(`${label}="`);
      }
    } finally {
      await kubeStateMetrics.stop();
    }
  });

  test('the API server counts writes that it let pass since the webhook did not answer', async () => {
    await failOpen(cluster.api, await cluster.namespace('monitoring'));
    const text = await kubectl(cluster.kubeconfigFile, 'get', '--raw', '/metrics');
    expect(text).toMatch(
      /^apiserver_admission_webhook_fail_open_count\{name="checks\.duoloop\.dev",type="validating"/m,
    );
  });
});

interface Container {
  readonly ports?: readonly { readonly name: string }[];
}
/** As far as monitors and what they select go. */
interface Described {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly selector: {
      readonly matchLabels?: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
    };
    readonly ports?: readonly { readonly name: string; readonly targetPort: string }[];
    readonly endpoints?: readonly { readonly port: string }[];
    readonly podMetricsEndpoints?: readonly { readonly port: string }[];
    readonly template?: Pick<Described, 'metadata'> & {
      readonly spec: { readonly containers: readonly Container[]; readonly initContainers?: readonly Container[] };
    };
  };
}

function portNames({ spec: { template } }: Described): string[] {
  const { containers = [], initContainers = [] } = template?.spec ?? {};
  return [...containers, ...initContainers].flatMap(({ ports = [] }) => ports.map(({ name }) => name));
}
