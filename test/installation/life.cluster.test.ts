/**
 * The life of an installation on a control plane of its own, since one with cluster-wide rights serves all that there is:
 * installed by helm, its pods admitted, its programs run with the rights they get, changed, uninstalled; then again without
 * any cluster-wide right.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type ControlPlane, startControlPlane } from '../../env/lab/control-plane.ts';
import { type OrphanGuard, startOrphanGuard } from '../../env/lab/orphan-guard.ts';
import { webhookConfigurationType } from '../../operator/webhook/registration.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { describeCluster } from '../cluster.ts';
import {
  chart,
  helm,
  helmWithValues,
  kubectl,
  leastValues,
  releaseName,
  type Values,
  withFile,
} from './chart.fixture.ts';
import { type PodProcess, podProcess, type Workload } from './pod-process.fixture.ts';
import { createRequestLog, type RequestLog } from './requests.fixture.ts';
import { grantedRights, isAllowed } from './rights.fixture.ts';
import { accountRights, userRights } from './rights-table.fixture.ts';
import { createLoops, createShop, type Shop, startEmptyPrometheus } from './shop.fixture.ts';

const system = 'duoloop-system';
const within = (seconds: number) => ({ timeout: seconds * 1000, interval: 50 });
const accountOf = (component: string, namespace = system) => `system:serviceaccount:${namespace}:duoloop-${component}`;
const values: Values = {
  ...leastValues,
  rbac: { extraScaleTargets: [{ apiGroup: 'apps', resource: 'replicasets' }] },
};

/** Rights that are needed where the scene does not lead, and for what. */
const forRareCases: Readonly<Record<'operator' | 'agent', readonly string[]>> = {
  operator: [
    // Read anew when somebody wrote in between.
    'get duoloop.dev/scalinggroups',
    'get duoloop.dev/closedloops',
    'get duoloop.dev/deliberativeloops',
    'get duoloop.dev/scalinggroups/scale',
    'get apps/deployments/scale',
    'get apps/statefulsets/scale',
    // The template of what a vertical reaction resizes, which here is a Deployment.
    'get apps/statefulsets',
    'get apps/replicasets',
    // KEDA is not installed, so there is nothing to watch.
    'watch keda.sh/scaledobjects',
    // An event that happens again.
    'patch events.k8s.io/events',
    // A certificate that is renewed.
    'update secrets',
    // Asked for beside patch by an apply that makes the object; the audit log tells of the patch.
    ...['monitorings', 'monitoringds', 'decisions', 'decisionds', 'executions', 'executionds'].map(
      (stage) => `create duoloop.dev/${stage}`,
    ),
  ],
  agent: ['get duoloop.dev/deliberativeloops'],
};

describeCluster('an installation', () => {
  let log: RequestLog;
  let plane: ControlPlane;
  let api: KubernetesApi;
  let shop: Shop;
  let guard: OrphanGuard;
  let folder: string;
  let prometheus: Awaited<ReturnType<typeof startEmptyPrometheus>>;
  let running: PodProcess[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duoloop-installation-'));
    guard = startOrphanGuard(folder);
    log = await createRequestLog();
    prometheus = await startEmptyPrometheus();
    plane = await startControlPlane({ extraArguments: { 'kube-apiserver': log.arguments } });
    api = await connectKubernetes({ kubeconfigFiles: [plane.kubeconfigFile], userAgent: 'test' });
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    for (const name of [system, 'team']) await plane.api.create('/api/v1/namespaces', { metadata: { name, labels } });
    shop = await createShop(plane, api, 'shop');
  });
  afterAll(async () => {
    await stopPods();
    prometheus?.close();
    await plane?.stop();
    await guard?.dismiss();
    await log?.remove();
  });

  const install = (verb: 'install' | 'upgrade', namespace: string, of: Values, ...more: readonly string[]) =>
    helmWithValues(
      of,
      ...[verb, releaseName, chart, '--namespace', namespace, '--kubeconfig', plane.kubeconfigFile],
      ...['--wait', '--timeout', '40s', ...more],
    );
  const uninstall = (namespace: string, ...more: readonly string[]) =>
    helm('uninstall', releaseName, '--namespace', namespace, '--kubeconfig', plane.kubeconfigFile, '--wait', ...more);

  /** Its programs, with what their Deployments say. */
  async function startPods(namespace: string): Promise<{ readonly operator: PodProcess; readonly agent: PodProcess }> {
    const pods = await Promise.all(
      ['duoloop-operator', 'duoloop-agent'].map(async (name) => {
        const workload = await api.get<Workload>(resourceTypes.deployment, namespace, name);
        return podProcess(workload, { plane, prometheusUrl: prometheus.url, folder, guard });
      }),
    );
    running = pods;
    await Promise.all(pods.map((pod) => pod.start()));
    const [operator, agent] = pods;
    return { operator, agent };
  }
  async function stopPods(): Promise<void> {
    await Promise.all(running.splice(0).map((pod) => pod.stop()));
  }

  const reasonOf = async (name: string, type: string) => {
    const loop = await api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, shop.namespace, name);
    return loop.status?.conditions.find((condition) => condition.type === type)?.reason;
  };
  const refusedRequests = async (namespace: string) =>
    (await log.requests())
      .filter(({ account, allowed }) => account.startsWith(`${namespace}:`) && !allowed)
      .map(({ account, verb, resource, namespace: of, name }) =>
        `${account}: ${verb} ${resource} ${of} ${name}`.trimEnd(),
      );
  const caBundle = async () => {
    const configuration = await api.get<StoredObject & { webhooks: { clientConfig: { caBundle?: string } }[] }>(
      webhookConfigurationType,
      undefined,
      'duoloop',
    );
    return configuration.webhooks[0].clientConfig.caBundle;
  };

  it('is admitted by a namespace that enforces the restricted standard', async () => {
    // Without the webhook first: the API server would wait for pods that do not run here.
    await install('install', system, { ...values, webhook: { enabled: false } });
    const { items } = await api.list<StoredObject & { spec: { containers: object[] } }>(resourceTypes.pod, {
      namespace: system,
    });
    expect(items.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']).sort()).toEqual([
      'agent',
      'operator',
      'operator',
    ]);
    // The check would find what breaks the rule.
    const containers = items[0].spec.containers.map((container) => ({ ...container, securityContext: {} }));
    const loose = { metadata: { name: 'loose' }, spec: { ...items[0].spec, containers, nodeName: undefined } };
    await expect(api.create(resourceTypes.pod, system, loose, { dryRun: true })).rejects.toMatchObject({ status: 403 });
  });

  it('does all of its work with the rights that it gives, and gives none that it does not need', async () => {
    await createLoops(api, shop);
    await install('upgrade', system, values);
    const { operator, agent } = await startPods(system);
    for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      await operator.probe(kind);
      await agent.probe(kind);
    }
    for (const loop of ['shop', 'sized', 'staged']) {
      await expect.poll(() => shop.push(operator.url('ingest'), loop, { cpu: 95 }), within(10)).toBeUndefined();
    }
    await expect.poll(shop.sizes, within(20)).toMatchObject({ web: 2, store: 2, bare: 2, staged: 2 });
    const staged = () => api.get<ClosedLoop>(resourceTypes.closedLoop, shop.namespace, 'staged');
    await expect.poll(async () => (await staged()).status?.lastDecision?.action, within(10)).toBe('React to cpu');
    await api.mergePatch(resourceTypes.closedLoop, shop.namespace, 'staged', { spec: { topology: 'Inline' } });
    await expect.poll(() => reasonOf('trained', 'Ready'), within(20)).toBe('WrongMetrics');
    await expect.poll(() => reasonOf('last-ten', 'Accepted'), within(20)).toBe('Valid');
    await expect.poll(caBundle, within(20)).toEqual(expect.any(String));
    for (const component of ['operator', 'agent'] as const) {
      const granted = await grantedRights(api, component);
      const unused = async () => {
        const used = (await log.requests())
          .filter(({ account }) => account === `${system}:duoloop-${component}`)
          .map(({ verb, resource }) => `${verb} ${resource}`);
        return [...granted].filter((right) => !used.includes(right) && !forRareCases[component].includes(right));
      };
      await expect.poll(unused, within(20)).toEqual([]);
      expect(forRareCases[component].filter((right) => !granted.has(right))).toEqual([]);
    }
    expect(await refusedRequests(system)).toEqual([]);
    for (const pod of [operator, agent]) expect(await pod.otherOutput()).toEqual([]);
  }, 90_000);

  it.each(['operator', 'agent'] as const)('the %s may do what the table says, and nothing else of it', async (name) => {
    const { may, mayNot, mayAtHome, mayNotAtHome } = accountRights[name];
    const ask = (namespace: string, rights: readonly string[]) => allowedOf(accountOf(name), namespace, rights);
    expect(await ask(shop.namespace, may)).toEqual(may);
    expect(await ask(shop.namespace, mayNot)).toEqual([]);
    expect(await ask(system, mayAtHome)).toEqual(mayAtHome);
    expect(await ask(system, mayNotAtHome)).toEqual([]);
  });

  it.each(['view', 'edit'] as const)('who may %s a namespace may do so with its loops', async (role) => {
    const user = `${role}er`;
    await bindRole(shop.namespace, role, user);
    const { may, mayNot } = userRights[role];
    await expect.poll(() => allowedOf(user, shop.namespace, may), within(10)).toEqual(may);
    expect(await allowedOf(user, shop.namespace, mayNot)).toEqual([]);
  });

  it('changes with other values, and leaves workloads and certificate alone', async () => {
    await stopPods();
    const [before, certificate] = [await shop.workloads(), await caBundle()];
    await install('upgrade', system, {
      ...values,
      operator: { replicas: 3, logLevel: 'warn' },
      agent: { enabled: false },
    });
    const operator = await api.get<Workload>(resourceTypes.deployment, system, 'duoloop-operator');
    expect(operator.spec.replicas).toBe(3);
    expect(operator.spec.template.spec.containers[0].args).toContain('--log-level=warn');
    await expect(api.get(resourceTypes.deployment, system, 'duoloop-agent')).rejects.toMatchObject({ status: 404 });
    expect(await caBundle()).toBe(certificate);
    expect(await shop.workloads()).toEqual(before);
  });

  it('goes, and leaves workloads, loops and their definitions', async () => {
    const before = await shop.workloads();
    await uninstall(system);
    expect(await shop.workloads()).toEqual(before);
    expect(await grantedRights(api, 'operator')).toEqual(new Set());
    await expect(caBundle()).rejects.toMatchObject({ status: 404 });
    const { items } = await api.list<ClosedLoop>(resourceTypes.closedLoop, { namespace: shop.namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['shop', 'sized', 'staged']);
  });

  it('serves a namespace without any cluster-wide right, installed by who administers no more than that', async () => {
    const namespaced = { ...values, watchNamespaces: [shop.namespace] };
    const user = 'team-administrator';
    for (const namespace of ['team', shop.namespace]) await bindRole(namespace, 'admin', user);
    // Nobody may grant what he does not have: the roles are an administrator's to make.
    const files = ['operator', 'agent'].flatMap((name) => ['--show-only', `templates/rbac/${name}.yaml`]);
    const roles = await helmWithValues(namespaced, 'template', releaseName, chart, '--namespace', 'team', ...files);
    await withFile('roles.yaml', roles, (file) => kubectl(plane.kubeconfigFile, 'apply', '-f', file));
    await install('install', 'team', { ...namespaced, rbac: { create: false } }, '--kube-as-user', user);
    const { operator, agent } = await startPods('team');
    const scaled = { spec: { replicas: 1 } };
    await api.mergePatch(resourceTypes.scalingGroup, shop.namespace, 'shop', scaled, { subresource: 'scale' });
    await expect.poll(shop.sizes, within(20)).toMatchObject({ web: 1, store: 1, bare: 1, staged: 2 });
    const claim = async () =>
      (await api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, shop.namespace, 'trained')).status?.agent;
    const identity = (await agent.logs())[0].agent;
    await expect.poll(async () => (await claim())?.identity, within(20)).toBe(identity);
    for (const component of ['operator', 'agent']) {
      const inOther = await allowedOf(accountOf(component, 'team'), 'default', ['list duoloop.dev/closedloops']);
      expect(inOther).toEqual([]);
    }
    // Whose token it is can only be asked cluster-wide.
    await expect(shop.push(operator.url('ingest'), 'shop', { cpu: 95 })).rejects.toMatchObject({ status: 503 });
    expect(await refusedRequests('team')).toEqual(['team:duoloop-operator: create authentication.k8s.io/tokenreviews']);
    await stopPods();
    await uninstall('team', '--kube-as-user', user);
  }, 60_000);

  it('holds up no deletion once it is gone', async () => {
    const group = { type: resourceTypes.scalingGroup, namespace: shop.namespace, name: 'shop' };
    const before = await shop.workloads();
    await api.delete(group.type, group.namespace, group.name);
    await expect(api.get(group.type, group.namespace, group.name)).rejects.toMatchObject({ status: 404 });
    expect(await shop.workloads()).toEqual(before);
    await api.delete(resourceTypes.namespace, undefined, shop.namespace);
    const isGone = () => api.get(resourceTypes.namespace, undefined, shop.namespace).catch(({ status }) => status);
    await expect.poll(isGone, within(30)).toBe(404);
  });

  async function bindRole(namespace: string, role: string, user: string): Promise<void> {
    await plane.api.create(`/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
      metadata: { name: user },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    });
  }

  /** Those of the rights that it has. */
  async function allowedOf(user: string, namespace: string, rights: readonly string[]): Promise<string[]> {
    const answers = await Promise.all(rights.map((right) => isAllowed(api, user, namespace, right)));
    return rights.filter((_, index) => answers[index]);
  }
});
