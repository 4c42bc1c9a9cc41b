/** The stages of a loop come and go with its topology. They are ours, so they may have an owner; workloads never do. */
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';
import { isNotFound } from '../../env/cluster/kubernetes-api.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import { apiVersion, type ObjectMeta } from '../../policies/resources/resource.ts';
import { fieldManager } from '../runtime/contract.ts';
import { type StageCaches, stageKinds, stageName, stageTypes } from './stage-types.ts';

/** Another than that of messages: what is applied here says nothing of `time`, and must not take it away. */
const ownership = `${fieldManager}-ownership`;

type Owner = NonNullable<ObjectMeta['ownerReferences']>[number];

/**
 * Makes what is missing and takes in what a user made before (to name another controller in `managedBy`). One that belongs to
 * an earlier loop of the same name is deleted; the next call makes it anew. @throws KubernetesError
 */
export async function ensureStages(
  api: KubernetesApi,
  caches: StageCaches,
  loop: ClosedLoop,
  signal: AbortSignal,
): Promise<void> {
  const { name: closedLoop, namespace = '', uid = '' } = loop.metadata;
  await Promise.all(
    stageKinds.map(async (kind) => {
      const name = stageName(closedLoop, kind);
      const owners = ownersOf(caches[kind].get(namespace, name)?.metadata);
      if (owners.some((owner) => owner.uid === uid)) return;
      if (owners.length > 0) return deleteIfThere(api, kind, namespace, name, signal);
      const owner: Owner & { blockOwnerDeletion: boolean } = {
        apiVersion,
        kind: 'ClosedLoop',
        name: closedLoop,
        uid,
        controller: true,
        blockOwnerDeletion: false,
      };
      const metadata = { name, namespace, ownerReferences: [owner] };
      const object = { apiVersion, kind, metadata, spec: { closedLoop } };
      await api.apply(stageTypes[kind], object, { fieldManager: ownership, signal });
    }),
  );
}

/** Takes away the stages of a loop that is Inline now. @throws KubernetesError */
export async function removeStages(
  api: KubernetesApi,
  caches: StageCaches,
  loop: ClosedLoop,
  signal: AbortSignal,
): Promise<void> {
  const { name: closedLoop, namespace = '', uid } = loop.metadata;
  await Promise.all(
    stageKinds.map(async (kind) => {
      const name = stageName(closedLoop, kind);
      const owners = ownersOf(caches[kind].get(namespace, name)?.metadata);
      if (owners.some((owner) => owner.uid === uid)) await deleteIfThere(api, kind, namespace, name, signal);
    }),
  );
}

function ownersOf(metadata: ObjectMeta | undefined): readonly Owner[] {
  return metadata?.ownerReferences?.filter(({ kind }) => kind === 'ClosedLoop') ?? [];
}

async function deleteIfThere(
  api: KubernetesApi,
  kind: (typeof stageKinds)[number],
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await api.delete(stageTypes[kind], namespace, name, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
