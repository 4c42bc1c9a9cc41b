/** The type of a kind without a cache, for a reference that somebody wrote into an object of their namespace. */
import { type KubernetesApi, KubernetesError, type ResourceType } from '../../env/cluster/kubernetes-api.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';

/**
 * Only kinds that live in namespaces: an object of the whole cluster is not for those to scale who may write in one namespace
 * of it, whatever the operator may do.
 * @throws KubernetesError, `Invalid` for a kind of the whole cluster
 */
export async function targetTypeOf(
  api: Pick<KubernetesApi, 'typeOf'>,
  { apiVersion, kind }: Pick<TargetRef, 'apiVersion' | 'kind'>,
): Promise<ResourceType> {
  const type = await api.typeOf(apiVersion, kind);
  if (type.namespaced) return type;
  const message = `${kind} (${apiVersion}) is a kind of the whole cluster: name a target that lives in the namespace`;
  throw new KubernetesError(422, 'Invalid', message);
}
