/** What a tenant may not even store: the real API server refuses it, whether or not an operator runs. */
import { beforeAll, expect, test } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { apiVersion } from '../policies/resources/resource.ts';
import { describeCluster } from '../test/cluster.ts';
import { type SpecKind, specOf } from './crds/specs.fixture.ts';

const types = {
  ClosedLoop: resourceTypes.closedLoop,
  DeliberativeLoop: resourceTypes.deliberativeLoop,
  ScalingGroup: resourceTypes.scalingGroup,
};
const metric = (i: number) => ({
  name: `m${i}`,
  rank: i + 1,
  source: { push: {} },
  thresholds: [{ kind: 'superior', value: 1, reaction: { horizontal: { by: 1 } } }],
});

describeCluster('the API server', (cluster) => {
  let api: KubernetesApi;
  let namespace: string;
  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    namespace = await cluster.namespace('hostile');
  });

  const refusalOf = (kind: SpecKind, changes: Readonly<Record<string, unknown>>) =>
    api
      .create(types[kind], namespace, { apiVersion, kind, metadata: { name: 'x' }, spec: specOf({ kind, changes }) })
      .catch((error: Error) => error);

  test.each<[string, SpecKind, Record<string, unknown>]>([
    ['a target by a path', 'ClosedLoop', { 'targetRef.apiVersion': 'apps/v1/namespaces/victim/deployments/web' }],
    ['a target whose group climbs', 'ClosedLoop', { 'targetRef.apiVersion': '../api/v1' }],
    ['a kind that is a path', 'ClosedLoop', { 'targetRef.kind': 'Deployment/../Secret' }],
    ['a name that is a path', 'ClosedLoop', { 'targetRef.name': '../victim/web' }],
    ['more metrics than a tick reads', 'ClosedLoop', { metrics: Array.from({ length: 17 }, (_, i) => metric(i)) }],
    ['a query of 5,000 characters', 'ClosedLoop', { 'metrics[1].source.prometheus.query': 'x'.repeat(5000) }],
    ['an address that is no HTTP', 'ClosedLoop', { 'decision.opa': { url: 'file:///etc/passwd' } }],
    ['an address of 3,000 characters', 'ClosedLoop', { 'decision.opa': { url: `http://a/${'x'.repeat(3000)}` } }],
    [
      'members by the thousand',
      'ScalingGroup',
      { members: Array.from({ length: 65 }, (_, i) => ({ targetRef: { name: `m${i}` } })) },
    ],
    ['a member by a path', 'ScalingGroup', { 'members[0].targetRef.apiVersion': 'apps/v1/../..' }],
    [
      'a checkpoint of another namespace',
      'DeliberativeLoop',
      { policy: { checkpoint: { configMap: { name: 'victim/policy' } } } },
    ],
    [
      'a checkpoint from anywhere, without its hash',
      'DeliberativeLoop',
      { policy: { checkpoint: { url: 'http://a/b.tar.gz' } } },
    ],
    ['a replica count of a billion', 'DeliberativeLoop', { 'guardrails.maxReplicas': 1e9 }],
  ])('refuses %s', async (_, kind, changes) => {
    expect(await refusalOf(kind, changes)).toMatchObject({ status: 422, reason: 'Invalid' });
  });
});
