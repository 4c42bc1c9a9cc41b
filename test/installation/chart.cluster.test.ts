/** What the chart and the Kustomize bases render, taken by a real API server without being stored. */
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { generators, staleFiles } from '../../cli/generate/generators.ts';
import { takeCommandLine } from '../../cli/take-command-line.fixture.ts';
import { verbs } from '../../cli.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { describeCluster } from '../cluster.ts';
import {
  chart,
  helmWithValues,
  kubectl,
  leastValues,
  objectsOf,
  releaseName,
  render,
  renderText,
  repository,
  type Values,
  withFile,
} from './chart.fixture.ts';
import type { Workload } from './pod-process.fixture.ts';

interface Webhook {
  readonly clientConfig: { readonly service: { readonly namespace: string } };
}

/** The definitions take the API server seconds: once is enough. */
const crds = { install: false };

/** Together they take every branch of the templates; `namespace` is the test's. */
const valueSets = (namespace: string): Readonly<Record<string, Values>> => ({
  least: leastValues,
  'the reactive loop alone': { crds, agent: { enabled: false } },
  'one namespace': { ...leastValues, watchNamespaces: [namespace] },
  'several namespaces': { ...leastValues, watchNamespaces: [namespace, 'default'] },
  'nothing cluster-wide but roles': {
    ...leastValues,
    crds,
    admissionPolicies: { enabled: false },
    webhook: { enabled: false },
    ingest: { enabled: false },
    rbac: { aggregateToUserRoles: false, podResize: false },
    networkPolicy: { enabled: false },
  },
  everything: {
    crds,
    image: {
      registry: 'registry.example.com/',
      digest: `sha256:${'0'.repeat(64)}`,
      pullSecrets: ['registry-credentials'],
    },
    prometheus: {
      url: 'https://prometheus.example.com:9443',
      tokenSecret: { name: 'prometheus', key: 'token' },
      caSecret: { name: 'prometheus', key: 'ca.crt' },
      namespaceLabel: 'namespace',
      scrapeIntervalSeconds: 30,
    },
    preset: 'nginx-ingress',
    rateWindow: '2m',
    bindAddress: '::',
    rbac: { extraScaleTargets: [{ apiGroup: 'argoproj.io', resource: 'rollouts' }] },
    operator: {
      replicas: 3,
      httpSourceHosts: ['^metrics\\.example\\.com$', 'exporter'],
      policyHosts: ['^opa\\.opa\\.svc$'],
      extraArgs: ['--identity=first'],
      extraEnv: [{ name: 'TZ', value: 'UTC' }],
      extraVolumes: [{ name: 'more', emptyDir: {} }],
      extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
      podAnnotations: { 'example.com/team': 'platform' },
      podLabels: { team: 'platform' },
      priorityClassName: 'system-cluster-critical',
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { podAntiAffinity: {} },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
      ],
    },
    agent: { replicas: 2, checkpointClaim: 'checkpoints', urlHosts: ['models.example.com', 'other:8443'] },
    podSecurityContext: { runAsUser: null, runAsGroup: null, fsGroup: null },
    serviceAccounts: { annotations: { 'example.com/role': 'duoloop' } },
    // The monitors need definitions that are not installed here.
    monitoring: { dashboards: { enabled: true } },
    networkPolicy: {
      metricsFrom: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
      ingestFrom: [{ podSelector: { matchLabels: { pushes: 'yes' } } }],
      egress: { enabled: true, extra: [{ to: [{ podSelector: {} }], ports: [{ port: 8181 }] }] },
    },
  },
});

describeCluster('the chart', (cluster) => {
  let namespace: string;
  beforeAll(async () => {
    namespace = await cluster.namespace('chart');
  });

  /** As `kubectl apply` would, unknown fields refused; nothing is stored. @returns what it says, a line an object */
  async function dryRun(manifest: string, ...more: readonly string[]): Promise<string[]> {
    const said = await withFile('manifest.yaml', manifest, (file) =>
      kubectl(
        cluster.kubeconfigFile,
        ...[
          'apply',
          '--server-side',
          '--force-conflicts',
          '--dry-run=server',
          '--validate=strict',
          '-f',
          file,
          ...more,
        ],
      ),
    );
    return said.trim().split('\n');
  }

  it('passes helm lint --strict', async () => {
    await expect(helmWithValues(valueSets('shop').everything, 'lint', '--strict', chart)).resolves.toContain(
      '0 chart(s) failed',
    );
  });

  it.each(Object.keys(valueSets('')))(
    '%s: is taken by the API server, and its command lines by the verbs',
    async (name) => {
      const values = valueSets(namespace)[name];
      const text = await renderText(namespace, values);
      const objects = objectsOf(text);
      expect(await dryRun(text)).toHaveLength(objects.length);
      const deployments = objects.filter(({ kind }) => kind === 'Deployment') as unknown as Workload[];
      expect(deployments.length).toBeGreaterThan(0);
      for (const { spec } of deployments) {
        const [{ args, env }] = spec.template.spec.containers;
        const known: Readonly<Record<string, string>> = {
          ...Object.fromEntries(env.map((each) => [each.name, each.value ?? ''])),
          POD_NAMESPACE: namespace,
          POD_IP: name === 'everything' ? 'fd00::7' : '10.0.0.7',
        };
        const words = args.map((word) => word.replace(/\$\(([^)]+)\)/g, (whole, variable) => known[variable] ?? whole));
        expect(await takeCommandLine(verbs, words)).toEqual({ exitCode: 0, errors: [], runs: 1 });
      }
      const inNamespaces = objects.filter(({ metadata }) => metadata.namespace !== undefined);
      if (values.watchNamespaces !== undefined) expect(inNamespaces).toHaveLength(objects.length);
    },
  );

  it.each([
    ['no Prometheus for the agent', {}, 'prometheus.url is not set'],
    ['a value that there is not', { ...leastValues, oprator: {} }, "additional properties 'oprator' not allowed"],
    ['a preset that there is not', { ...leastValues, preset: 'linkerd' }, "at '/preset'"],
    ['a replica count that is a word', { ...leastValues, operator: { replicas: 'two' } }, "at '/operator/replicas'"],
  ])('refuses %s', async (_, values, message) => {
    // The cause has all that helm said.
    const refused = await render(namespace, values).catch((error: Error) => String(error.cause));
    expect(refused).toContain(message);
  });

  it('names images by registry and digest or tag, of a mirror as well', async () => {
    const imagesFor = async (image: Values) => {
      const objects = await render(namespace, { ...leastValues, image });
      const deployments = objects.filter(({ kind }) => kind === 'Deployment') as unknown as Workload[];
      return new Set(deployments.map(({ spec }) => spec.template.spec.containers[0].image));
    };
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(await imagesFor({})).toEqual(new Set(['duoloop:0.1.0']));
    expect(await imagesFor({ registry: 'mirror.example.com/team', tag: '1.2.3' })).toEqual(
      new Set(['mirror.example.com/team/duoloop:1.2.3']),
    );
    expect(await imagesFor({ repository: 'other/duoloop', tag: '1.2.3', digest })).toEqual(
      new Set([`other/duoloop@${digest}`]),
    );
  });

  it('says what comes next', async () => {
    const said = await helmWithValues(
      { ...leastValues, watchNamespaces: [namespace] },
      ...[
        'install',
        releaseName,
        chart,
        '--namespace',
        namespace,
        '--kubeconfig',
        cluster.kubeconfigFile,
        '--dry-run=client',
      ],
    );
    const notes = said.slice(said.indexOf('NOTES:'));
    expect(notes).toContain(`serves ${namespace}`);
    expect(notes).toContain('kubectl apply --server-side -f manifests/crds');
    for (const [, line] of notes.matchAll(/^ {2}duoloop (.*)$/gm)) {
      const words = line.replace('URL', 'http://prometheus:9090').split(' ');
      expect(await takeCommandLine(verbs, words)).toEqual({ exitCode: 0, errors: [], runs: 1 });
    }
  });

  describe('Kustomize', () => {
    const manifests = join(repository, 'manifests');
    const readme = () => readFile(join(manifests, 'README.md'), 'utf8');
    const kustomize = (kustomization: (folder: string) => string) =>
      withFile('kustomization.yaml', kustomization, (file) =>
        kubectl(cluster.kubeconfigFile, 'kustomize', dirname(file)),
      );

    it.each(generators.filter(({ needsHelm }) => needsHelm))(
      '$name: is what the chart renders (else: npm run generate)',
      async (generator) => {
        expect(await staleFiles(generator)).toEqual([]);
      },
    );

    it('takes the overlay of manifests/README.md', async () => {
      const [, shown] = /```yaml\n(# kustomization\.yaml[\s\S]*?)```/.exec(await readme()) ?? [];
      const text = await kustomize((folder) => shown.replace('../duoloop/manifests', relative(folder, manifests)));
      const deployments = objectsOf(text).filter(({ kind }) => kind === 'Deployment') as unknown as Workload[];
      for (const { spec } of deployments) {
        const [{ image, env }] = spec.template.spec.containers;
        expect(image).toBe('registry.example.com/duoloop:0.1.0');
        expect(env).toContainEqual({ name: 'PROMETHEUS_URL', value: 'http://prom:9090' });
      }
    });

    it.each(['base', 'namespaced'])('%s: an overlay moves it to another namespace as a whole', async (base) => {
      const text = await kustomize((folder) =>
        JSON.stringify({ namespace, resources: [relative(folder, join(manifests, 'kustomize', base))] }),
      );
      const objects = objectsOf(text) as (StoredObject & {
        subjects?: { namespace: string }[];
        webhooks?: Webhook[];
      })[];
      expect(new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))).toEqual(new Set([namespace]));
      expect(new Set(objects.flatMap(({ subjects = [] }) => subjects.map((subject) => subject.namespace)))).toEqual(
        new Set([namespace]),
      );
      const asked = objects.flatMap(({ webhooks = [] }) => webhooks.map(({ clientConfig }) => clientConfig.service));
      expect(asked.map((service) => service.namespace)).toEqual(base === 'base' ? [namespace] : []);
      expect(await dryRun(text)).toHaveLength(objects.length);
    });
  });
});
