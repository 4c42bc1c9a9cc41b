/** A group of Deployments in a namespace of its own, seen and scaled as its user does. */
import { randomBytes } from 'node:crypto';
import { expect, vi } from 'vitest';
import { type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { ControlPlane } from '../../env/lab/control-plane.ts';
import { type LabApi, until } from '../../env/lab/lab-api.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { createScene, membersNamed, type Scene } from '../scaling-group/running-controller.fixture.ts';

export interface MemberObject extends StoredObject {
  readonly spec: { readonly replicas: number };
  readonly status?: { readonly readyReplicas?: number };
}

export interface GroupScene extends Scene {
  readonly kubeconfigFile: string;
  readonly members: readonly string[];
  /** In the order of `members`. */
  deployments(): Promise<MemberObject[]>;
  /** `spec.replicas` of each. */
  sizes(): Promise<number[]>;
  /** How often the spec of each was changed since the group stood: what a client that was killed does not learn shows here. */
  changes(): Promise<number[]>;
  shop(): Promise<ScalingGroup>;
  scaleShop(replicas: number): Promise<void>;
  /** Until one member at least has these replicas: the scaling is under way. */
  begun(replicas: number): Promise<void>;
  /** Until every member's `spec.replicas` is this. */
  sized(replicas: number, timeoutSeconds?: number): Promise<void>;
  /** Until every member has `replicas`, ready, and the status tells of a scaling to there that is complete. */
  whole(replicas: number, timeoutSeconds?: number): Promise<ScalingGroup>;
}

export const groupName = 'shop';
export const initialReplicas = 2;

/** Resolves when pods can be created there. */
export async function createNamespace(api: LabApi, name: string): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await until(`the service account of ${name}`, 20, async () => {
    await api.get(`/api/v1/namespaces/${name}/serviceaccounts/default`);
    return true;
  });
}

/** `shop` over `count` Deployments m00, m01 …, all of them at 2 ready replicas; an operator is not needed for it. */
export async function startGroup(
  { api, kubeconfigFile }: Pick<ControlPlane, 'api' | 'kubeconfigFile'>,
  prefix: string,
  count: number,
): Promise<GroupScene> {
  const namespace = `${prefix}-${randomBytes(3).toString('hex')}`;
  await createNamespace(api, namespace);
  const scene = await createScene(kubeconfigFile, namespace);
  const members = Array.from({ length: count }, (_, index) => `m${String(index).padStart(2, '0')}`);
  const deployments = async () => {
    const { items } = await scene.api.list<MemberObject>(resourceTypes.deployment, { namespace });
    return items
      .filter(({ metadata }) => members.includes(metadata.name))
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  };
  let before: number[] = [];
  const group: GroupScene = {
    ...scene,
    kubeconfigFile,
    members,
    deployments,
    changes: async () => (await deployments()).map((one, index) => generationOf(one) - before[index]),
    sizes: async () => (await deployments()).map(({ spec }) => spec.replicas),
    shop: () => scene.readGroup(groupName),
    scaleShop: (replicas) => scene.scale(groupName, replicas),
    begun: (replicas) =>
      vi.waitFor(async () => expect(await group.sizes()).toContain(replicas), { timeout: 15_000, interval: 5 }),
    sized: (replicas, timeoutSeconds = 10) =>
      vi.waitFor(async () => expect(await group.sizes()).toEqual(members.map(() => replicas)), {
        timeout: timeoutSeconds * 1000,
        interval: 50,
      }),
    whole: (replicas, timeoutSeconds = 30) =>
      vi.waitFor(
        async () => {
          const found = await deployments();
          expect(found.map(({ spec }) => spec.replicas)).toEqual(members.map(() => replicas));
          expect(found.map(({ status }) => status?.readyReplicas)).toEqual(members.map(() => replicas));
          const shop = await group.shop();
          expect(shop.status?.replicas).toBe(replicas);
          expect(shop.status?.observedGeneration).toBe(shop.metadata.generation);
          if (replicas !== initialReplicas || shop.status?.lastScaling !== undefined) {
            expect(shop.status?.lastScaling).toMatchObject({ to: replicas, outcome: 'Complete' });
          }
          return shop;
        },
        { timeout: timeoutSeconds * 1000, interval: 100 },
      ),
  };
  await Promise.all(members.map((name) => scene.deploy({ name, replicas: initialReplicas })));
  await scene.group(groupName, { replicas: initialReplicas, minReplicas: 1, members: membersNamed(members) });
  await vi.waitFor(
    async () => {
      const found = await deployments();
      expect(found.map(({ status }) => status?.readyReplicas)).toEqual(members.map(() => initialReplicas));
      before = found.map(generationOf);
    },
    { timeout: 30_000, interval: 100 },
  );
  return group;
}

const generationOf = ({ metadata }: MemberObject) => metadata.generation ?? 0;

/** Repeats a user's request until the API server is there to take it. */
export async function insist<T>(request: () => Promise<T>, timeoutSeconds = 20): Promise<T> {
  return vi.waitFor(request, { timeout: timeoutSeconds * 1000, interval: 100 });
}

/** Whether an object is gone. */
export async function isGone(api: KubernetesApi, ...what: Parameters<KubernetesApi['get']>): Promise<boolean> {
  try {
    await api.get(...what);
    return false;
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return true;
    throw error;
  }
}
