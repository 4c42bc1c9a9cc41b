import { beforeAll, expect, it } from 'vitest';
import type { AppModel } from '../../env/apps/app-model.ts';
import { loadApp } from '../../env/apps/load-app.ts';
import { parseCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { hpaBehaviorSchema } from '../../policies/hpa/behavior.ts';
import { contestantObjects } from './contestant-objects.ts';
import { resolveContestants } from './contestants.ts';

let teastore: AppModel;
beforeAll(async () => {
  teastore = await loadApp('teastore');
});

const objectsOf = async (policy: string) => {
  const contestants = await resolveContestants([policy], teastore, () => {});
  return contestantObjects({ app: teastore, contestants, speed: 10, rateWindowSeconds: 6, groupSize: 2 });
};

it('gives every service an HPA of its tuned target, with periods in whole seconds of the lab', async () => {
  const objects = (await objectsOf('hpa-tuned')) as { object: { metadata: { namespace: string }; spec: HpaSpec } }[];
  interface HpaSpec {
    readonly minReplicas: number;
    readonly maxReplicas: number;
    readonly scaleTargetRef: { readonly name: string };
    readonly metrics: readonly { resource: { target: { averageUtilization: number } } }[];
    readonly behavior: {
      readonly scaleDown: { stabilizationWindowSeconds: number; policies: { periodSeconds: number }[] };
    };
  }
  expect(objects.map(({ object }) => object.spec.scaleTargetRef.name)).toEqual(
    teastore.services.map(({ name }) => name),
  );
  const targets = objects.map(({ object }) => object.spec.metrics[0].resource.target.averageUtilization);
  expect(new Set(targets).size).toBeGreaterThan(1);
  for (const [i, { object }] of objects.entries()) {
    const { behavior, minReplicas, maxReplicas } = object.spec;
    expect([minReplicas, maxReplicas]).toEqual([teastore.services[i].minReplicas, teastore.services[i].maxReplicas]);
    expect(hpaBehaviorSchema.safeParse(behavior).success).toBe(true);
    expect(behavior.scaleDown.stabilizationWindowSeconds).toBe(30);
    expect(behavior.scaleDown.policies[0].periodSeconds).toBe(2);
    expect(object.metadata.namespace).toBe('hpa-tuned');
  }
});

it('puts the shipped checkpoint into a ConfigMap from which it can be read', async () => {
  const objects = await objectsOf('duoloop');
  expect(objects.map(({ type }) => type)).toEqual(['configMap', 'scalingGroup', 'closedLoop', 'deliberativeLoop']);
  const { data, binaryData } = objects[0].object as {
    data: Record<string, string>;
    binaryData: Record<string, string>;
  };
  const { document } = await parseCheckpoint('the ConfigMap', async (name) =>
    name in data ? Buffer.from(data[name]) : name in binaryData ? Buffer.from(binaryData[name], 'base64') : undefined,
  );
  expect(document.app.name).toBe('teastore');
  const { spec } = objects[3].object as { spec: { policy: { checkpoint: { sha256: string } } } };
  expect(spec.policy.checkpoint.sha256).toBe(document.weights.sha256);
});

it.each([
  ['rps-tuned', /needs an external metrics API/],
  ['oracle', /the lab has hpa, hpa-measured, hpa-tuned, reactive, duoloop, checkpoint:DIR/],
  ['checkpoint:policies/checkpoints/frontend', /was trained for services frontend, and teastore has webui/],
  ['checkpoint:nowhere', /there is no checkpoint.json/],
])('refuses %s and says why', async (policy, why) => {
  await expect(resolveContestants([policy], teastore, () => {})).rejects.toThrow(why);
});
