import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ResourceType } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { until } from '../../env/lab/lab-api.ts';
import { apiVersion } from '../../policies/resources/resource.ts';
import { describeCluster } from '../../test/cluster.ts';
import { type SpecKind, specOf } from '../crds/specs.fixture.ts';
import { type Admission, tryCreate } from './admission.fixture.ts';

const file = new URL('../../manifests/admission/policies.yaml', import.meta.url);
const plurals: Record<string, string> = {
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
  ClosedLoop: 'closedloops',
  DeliberativeLoop: 'deliberativeloops',
};

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  metadata: { name: string };
  spec: { policyName?: string; matchResources?: object };
}

describeCluster('the admission policies of a real API server', (cluster) => {
  let namespace: string;
  let removeAll: () => Promise<unknown>;

  beforeAll(async () => {
    const api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    namespace = await cluster.namespace('policies');
    const manifests = parseAllDocuments(await readFile(file, 'utf8')).map((document) => document.toJS() as Manifest);
    const typeOf = ({ kind }: Manifest): ResourceType => ({
      apiVersion: manifests[0].apiVersion,
      kind,
      plural: plurals[kind],
      namespaced: false,
    });
    for (const manifest of manifests) {
      // Under names of their own and for one namespace: the control plane is shared.
      manifest.metadata.name += `.${namespace}`;
      if (manifest.spec.policyName !== undefined) {
        manifest.spec.policyName += `.${namespace}`;
        manifest.spec.matchResources = {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        };
      }
      await api.apply(typeOf(manifest), manifest, { fieldManager: 'test' });
    }
    removeAll = () =>
      Promise.all(manifests.map((manifest) => api.delete(typeOf(manifest), undefined, manifest.metadata.name)));
    const doubtful = { ClosedLoop: { intervalSeconds: 4 }, DeliberativeLoop: { mode: 'Autonomous' } };
    await until('the API server to apply the policies', 30, async () => {
      const answers = [
        await attempt('ClosedLoop', doubtful.ClosedLoop),
        await attempt('DeliberativeLoop', doubtful.DeliberativeLoop),
      ];
      const refusal = await attempt('ClosedLoop', { topology: 'Distributed' }, 'n'.repeat(241));
      return answers.every(({ warnings }) => warnings !== '') && refusal.status === 422;
    });
  });
  afterAll(() => removeAll());

  function attempt(kind: SpecKind, changes: Readonly<Record<string, unknown>>, name = 'tried'): Promise<Admission> {
    const object = { apiVersion, kind, metadata: { name }, spec: specOf({ kind, changes }) };
    return tryCreate(cluster, `/apis/${apiVersion}/namespaces/${namespace}/${plurals[kind]}`, object);
  }

  test('refuse a distributed loop whose stages could not be named', async () => {
    const { message } = await attempt('ClosedLoop', { topology: 'Distributed' }, 'n'.repeat(241));
    expect(message).toContain(
      'metadata.name: has 241 characters, too many for the names of its stages: use at most 240',
    );
    expect(await attempt('ClosedLoop', { topology: 'Distributed' }, 'n'.repeat(240))).toMatchObject({ status: 201 });
    expect(await attempt('ClosedLoop', {}, 'n'.repeat(253))).toMatchObject({ status: 201 });
  });

  const cpuOnly = [
    {
      name: 'cpu',
      rank: 1,
      source: { resource: { name: 'cpu' } },
      thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
    },
  ];
  const downOnly = [
    {
      name: 'cpu',
      rank: 1,
      source: { push: {} },
      thresholds: [{ kind: 'inferior', value: 20, reaction: { horizontal: { by: -1 } } }],
    },
  ];

  test.each([
    ['ClosedLoop', { intervalSeconds: 4 }, 'spec.intervalSeconds: is below 5'],
    ['ClosedLoop', { metrics: cpuOnly, 'behavior.minReplicas': 0 }, 'spec.behavior.minReplicas: is 0, and all metrics'],
    ['ClosedLoop', { metrics: downOnly }, 'spec.metrics: no threshold ever scales up'],
    ['DeliberativeLoop', { mode: 'Autonomous' }, 'spec.guardrails: sets neither maxReplicas nor maxReplicaBudget'],
    [
      'DeliberativeLoop',
      { mode: 'Bounded', policy: { randomGroup: {} } },
      'spec.policy.randomGroup: changes sizes at random',
    ],
  ] as const)('warn of a %s with %j', async (kind, changes, warning) => {
    const answer = await attempt(kind, changes);
    expect(answer.status).toBe(201);
    expect(answer.warnings).toContain(warning);
  });

  test.each([
    ['ClosedLoop', {}],
    ['ClosedLoop', { intervalSeconds: 5, 'behavior.minReplicas': 0 }],
    ['DeliberativeLoop', { mode: 'Autonomous', 'guardrails.maxReplicaBudget': 20 }],
    ['DeliberativeLoop', { mode: 'Bounded' }],
  ] as const)('have nothing to say of a %s with %j', async (kind, changes) => {
    expect(await attempt(kind, changes)).toMatchObject({ status: 201, warnings: '' });
  });
});
