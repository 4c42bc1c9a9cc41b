import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { deliberativeLoopSpecSchema } from '../../policies/resources/deliberative-loop.ts';
import { apiVersion, type StoredObject } from '../../policies/resources/resource.ts';
import { scalingGroupSpecSchema } from '../../policies/resources/scaling-group.ts';
import { describeCluster } from '../../test/cluster.ts';
import { brokenSpecs, goodSpecs, type SpecKind, specOf } from './specs.fixture.ts';

const types: Record<SpecKind, ResourceType> = {
  ScalingGroup: resourceTypes.scalingGroup,
  ClosedLoop: resourceTypes.closedLoop,
  DeliberativeLoop: resourceTypes.deliberativeLoop,
};
const schemas = {
  ScalingGroup: scalingGroupSpecSchema,
  ClosedLoop: closedLoopSpecSchema,
  DeliberativeLoop: deliberativeLoopSpecSchema,
};

interface WithSpec extends StoredObject {
  spec: Record<string, unknown>;
}

describeCluster('the API server with our definitions', (cluster) => {
  let api: KubernetesApi;
  let namespace: string;
  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    namespace = await cluster.namespace('crds');
  });

  const create = (kind: SpecKind, name: string, spec: object, dryRun = false) =>
    api.create<WithSpec>(types[kind], namespace, { apiVersion, kind, metadata: { name }, spec }, { dryRun });

  test.each(Object.keys(goodSpecs) as SpecKind[])('stores a %s with the very defaults of zod', async (kind) => {
    const { spec } = await create(kind, 'defaults', goodSpecs[kind]());
    expect(spec).toEqual(schemas[kind].parse(goodSpecs[kind]()));
  });

  test.each(brokenSpecs.map((broken) => [`${broken.kind}: ${broken.rule}`, broken] as const))(
    'refuses %s, naming the field and the mend',
    async (_, broken) => {
      const refusal = await create(broken.kind, 'broken', specOf(broken), true).catch((error: Error) => error);
      expect(refusal).toMatchObject({ status: 422, reason: 'Invalid' });
      const { message } = refusal as Error;
      expect(message).toMatch(new RegExp(`\\b${broken.field.replace(/[[\].]/g, '\\$&')}: `));
      expect(message).toContain(broken.message);
    },
  );

  test('prunes what it does not know', async () => {
    const { spec } = await create('DeliberativeLoop', 'pruned', { ...goodSpecs.DeliberativeLoop(), mood: 'good' });
    expect(spec).not.toHaveProperty('mood');
  });

  test("keeps a closed loop's target and lets everything else change", async () => {
    await create('ClosedLoop', 'fixed', goodSpecs.ClosedLoop());
    const change = (spec: object) => api.mergePatch(types.ClosedLoop, namespace, 'fixed', { spec });
    await change({ intervalSeconds: 30, behavior: { maxReplicas: 20 } });
    await expect(change({ targetRef: { name: 'other' } })).rejects.toThrow(
      /spec\.targetRef: .*is fixed: make another ClosedLoop/,
    );
  });

  test('serves the scale of a group: spec by kubectl scale, status and selector by us', async () => {
    await create('ScalingGroup', 'scaled', goodSpecs.ScalingGroup());
    const status = { replicas: 1, selector: 'app=web' };
    await api.mergePatch(types.ScalingGroup, namespace, 'scaled', { status }, { subresource: 'status' });
    await api.mergePatch(types.ScalingGroup, namespace, 'scaled', { spec: { replicas: 3 } }, { subresource: 'scale' });
    const scale = await api.get<{ spec: object; status: object }>(types.ScalingGroup, namespace, 'scaled', {
      subresource: 'scale',
    });
    expect(scale).toMatchObject({ spec: { replicas: 3 }, status });
  });

  test('keeps spec and status apart, and conditions by type whoever applies them', async () => {
    await create('DeliberativeLoop', 'status', goodSpecs.DeliberativeLoop());
    const condition = (type: string) => ({
      type,
      status: 'True',
      reason: 'Tested',
      message: '',
      lastTransitionTime: '2026-01-02T03:04:05.678901Z',
    });
    for (const type of ['Ready', 'Deciding']) {
      const object = {
        apiVersion,
        kind: 'DeliberativeLoop',
        metadata: { name: 'status', namespace },
        spec: { mode: 'Autonomous' },
        status: { conditions: [condition(type)] },
      };
      await api.apply(types.DeliberativeLoop, object, { subresource: 'status', fieldManager: `test-${type}` });
    }
    const stored = await api.get<WithSpec & { status: object }>(types.DeliberativeLoop, namespace, 'status');
    expect(stored.spec.mode).toBe('Observe');
    expect(stored.status).toEqual({ conditions: [condition('Ready'), condition('Deciding')] });
  });

  describe('with the samples', async () => {
    const folder = new URL('../../manifests/samples/', import.meta.url);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    test.each(files)('takes %s', async (file) => {
      const documents = parseAllDocuments(await readFile(new URL(file, folder), 'utf8'));
      for (const object of documents.map((document) => document.toJS())) {
        if (object.apiVersion !== apiVersion) continue;
        const type = types[object.kind as SpecKind];
        await expect(api.create(type, namespace, object, { dryRun: true })).resolves.toBeDefined();
      }
    });
  });
});
