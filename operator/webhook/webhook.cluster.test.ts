import { setMaxListeners } from 'node:events';
import { connect } from 'node:tls';
import getPort from 'get-port';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { until } from '../../env/lab/lab-api.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { apiVersion, type StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { describeCluster } from '../../test/cluster.ts';
import { type SpecKind, specOf } from '../crds/specs.fixture.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import { createResourceCache } from '../runtime/resource-cache.ts';
import type { AutoscalerObject, DeploymentObject, StatefulSetObject } from '../workloads/cached-objects.ts';
import { createWorkloads } from '../workloads/create-workloads.ts';
import { tryCreate } from './admission.fixture.ts';
import { certificateSeconds } from './certificates.ts';
import { webhookConfigurationType } from './registration.ts';
import { createWebhookServer } from './webhook-server.ts';

const types: Record<SpecKind, ResourceType> = {
  ScalingGroup: resourceTypes.scalingGroup,
  ClosedLoop: resourceTypes.closedLoop,
  DeliberativeLoop: resourceTypes.deliberativeLoop,
};

describeCluster('the webhook of a real API server', (cluster) => {
  const stop = new AbortController();
  const stopWebhook = new AbortController();
  const registry = new Registry();
  let api: KubernetesApi;
  let namespace: string;
  let port: number;
  let configurationName: string;
  let running: Promise<unknown>[] = [];
  let webhook: Promise<void>;
  let secondsAhead = 0;
  const synced: (() => boolean)[] = [];

  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    // One for each of the caches and their watches.
    setMaxListeners(0, stop.signal);
    namespace = await cluster.namespace('webhook');
    port = await getPort();
    configurationName = `duoloop-${namespace}`;
    const context = {
      api,
      logger: pino({ level: 'silent' }),
      metrics: registry,
      mayAct: () => true,
      now: () => Date.now() / 1000 + secondsAhead,
      // The control plane is shared: other files' writes are none of this webhook's.
      namespaces: [namespace],
      events: { record: () => {} },
    } satisfies OperatorContext;
    const cacheOf = <T extends StoredObject>(type: ResourceType) =>
      createResourceCache<T>({ ...context, type, namespaces: [namespace] });
    const caches = {
      closedLoops: cacheOf<ClosedLoop>(resourceTypes.closedLoop),
      scalingGroups: cacheOf<ScalingGroup>(resourceTypes.scalingGroup),
      deliberativeLoops: cacheOf<DeliberativeLoop>(resourceTypes.deliberativeLoop),
      deployments: cacheOf<DeploymentObject>(resourceTypes.deployment),
      statefulSets: cacheOf<StatefulSetObject>(resourceTypes.statefulSet),
      horizontalPodAutoscalers: cacheOf<AutoscalerObject>(resourceTypes.horizontalPodAutoscaler),
    };
    const workloads = createWorkloads({ ...caches, context });
    running = Object.values(caches).map((cache) => cache.run(stop.signal));
    await Promise.all(Object.values(caches).map((cache) => cache.synced(stop.signal)));
    webhook = createWebhookServer({
      context,
      workloads,
      caches,
      bind: '127.0.0.1',
      port,
      address: { url: `https://127.0.0.1:${port}` },
      namespace,
      configurationName,
      scrapeIntervalSeconds: 15,
      maintenanceSeconds: 0.2,
    }).run(stopWebhook.signal);

    await api.create(resourceTypes.deployment, namespace, deploymentOf('web'));
    await api.create(resourceTypes.deployment, namespace, deploymentOf('db'));
    await api.create(resourceTypes.deployment, namespace, deploymentOf('owned'));
    await api.create(resourceTypes.horizontalPodAutoscaler, namespace, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'theirs' },
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'owned' } },
    });
    synced.push(
      () => caches.deployments.list(namespace).length === 3,
      () => caches.horizontalPodAutoscalers.list(namespace).length === 1,
    );
    await until('the caches to have seen the scene', 20, async () => synced.every((done) => done()));
    // The API server takes in a new registration within a second or so.
    await until('the API server to ask the webhook', 20, async () => {
      const refused = await create('ClosedLoop', { 'metrics[1].source.prometheus.query': 'sum(' }, true).catch(
        (error: Error) => error.message,
      );
      return typeof refused === 'string' && refused.includes('denied the request');
    });
    await create('ScalingGroup', {}, false, 'first');
    await until('the cache to have seen the group', 20, async () => caches.scalingGroups.list(namespace).length === 1);
  });

  afterAll(async () => {
    await api.delete(webhookConfigurationType, undefined, configurationName).catch(() => {});
    stopWebhook.abort();
    stop.abort();
    await Promise.all([webhook, ...running]);
  });

  function create(kind: SpecKind, changes: Readonly<Record<string, unknown>>, dryRun = false, name = 'tried') {
    const object = { apiVersion, kind, metadata: { name }, spec: specOf({ kind, changes }) };
    return api.create<StoredObject>(types[kind], namespace, object, { dryRun });
  }

  test.each([
    [
      'a query that is not PromQL',
      'ClosedLoop',
      { 'targetRef.name': 'other', 'metrics[1].source.prometheus.query': 'sum(rate(x[1m])' },
      'spec.metrics[1].source.prometheus.query: at 16: ends too early: a bracket or an operand is missing',
    ],
    [
      'a query for a range',
      'ClosedLoop',
      { 'targetRef.name': 'other', 'metrics[1].source.prometheus.query': 'x[5m]' },
      'spec.metrics[1].source.prometheus.query: at 1: gives a range of values: put a function such as rate(…)',
    ],
    [
      "an HPA's workload as a loop's target",
      'ClosedLoop',
      { 'targetRef.name': 'owned' },
      'spec.targetRef: Deployment owned is scaled by HorizontalPodAutoscaler theirs already: delete that HorizontalPodAutoscaler',
    ],
    [
      "a group's member as a loop's target",
      'ClosedLoop',
      {},
      'spec.targetRef: Deployment web is scaled by ScalingGroup first already: let the loop scale the group',
    ],
    [
      'a member of another group',
      'ScalingGroup',
      {},
      'spec.members[0].targetRef: Deployment web is in ScalingGroup first already: remove it from one of the two',
    ],
    [
      "an HPA's workload as a member",
      'ScalingGroup',
      { members: [{ targetRef: { name: 'owned' } }] },
      'spec.members[0].targetRef: Deployment owned is scaled by HorizontalPodAutoscaler theirs already: let that',
    ],
  ] as const)('refuses %s, naming the field and the mend', async (_, kind, changes, message) => {
    const refusal = await create(kind, changes, true).catch((error: Error) => error);
    expect(refusal).toMatchObject({ status: 422 });
    expect((refusal as Error).message).toContain(message);
  });

  test('refuses guardrails that a closed loop cannot keep to, and a second loop on a target', async () => {
    const target = { targetRef: { apiVersion, kind: 'ScalingGroup', name: 'first' } };
    await create('ClosedLoop', target, false, 'web');
    await until('the webhook to have seen the loop', 20, async () => {
      const refusal = await create('ClosedLoop', target, true).catch((error: Error) => error.message);
      return typeof refusal === 'string' && refusal.includes('is scaled by ClosedLoop web already');
    });
    await expect(create('DeliberativeLoop', { 'guardrails.minReplicas': 11 }, true)).rejects.toThrow(
      'spec.guardrails.minReplicas: is above behavior.maxReplicas 10 of ClosedLoop web',
    );
    await expect(create('DeliberativeLoop', {}, true)).resolves.toBeDefined();
    await expect(
      api.create(
        { apiVersion, kind: 'Monitoring', plural: 'monitorings', namespaced: true },
        namespace,
        { apiVersion, kind: 'Monitoring', metadata: { name: 'm' }, spec: { closedLoop: 'web', data: { disk: 1 } } },
        { dryRun: true },
      ),
    ).rejects.toThrow('names "disk", which is no metric of ClosedLoop web: use cpu, requests');
  });

  test('warns, in the answer of the API server, of what is legal and doubtful', async () => {
    const path = `/apis/${apiVersion}/namespaces/${namespace}/closedloops`;
    const spec = specOf({ kind: 'ClosedLoop', changes: { 'targetRef.name': 'to-come', intervalSeconds: 5 } });
    const { warnings } = await tryCreate(cluster, path, {
      apiVersion,
      kind: 'ClosedLoop',
      metadata: { name: 'w' },
      spec,
    });
    expect(warnings).toMatch(/spec\.targetRef: there is no Deployment to-come \(apps\/v1\)/);
    expect(warnings).toMatch(/spec\.intervalSeconds: is shorter than the 15 s/);
  });

  test('renews its certificate in time and serves it without a break', async () => {
    const before = await servedCertificate();
    secondsAhead = certificateSeconds;
    await until('another certificate', 20, async () => (await servedCertificate()) !== before);
    await expect(create('ScalingGroup', {}, true)).rejects.toThrow('is in ScalingGroup first already');
    expect(await registry.getSingleMetricAsString('duoloop_webhook_certificate_expiry_timestamp_seconds')).toMatch(
      / \d{10}/,
    );
  });

  test('lets writes pass while it is down', async () => {
    stopWebhook.abort();
    await webhook;
    await expect(create('ScalingGroup', {}, true)).resolves.toBeDefined();
  });

  function servedCertificate(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }
});

function deploymentOf(name: string) {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:1' }] } },
    },
  };
}
