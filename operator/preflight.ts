/** What has to be there before the operator can do anything, so that its absence is an error instead of a log that repeats. */
import { isNotFound, type KubernetesApi, type ResourceType, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { UserError } from '../env/errors.ts';

const ownTypes: readonly ResourceType[] = [
  resourceTypes.closedLoop,
  resourceTypes.scalingGroup,
  resourceTypes.deliberativeLoop,
];

/**
 * An API server that does not answer, or does not let us look, is no reason not to start: the caches try again.
 * @throws UserError for CRDs or a namespace that are not there
 */
export async function checkInstallation(
  api: KubernetesApi,
  leaseNamespace: string,
  signal: AbortSignal,
): Promise<void> {
  for (const { apiVersion, kind } of ownTypes) {
    if (await isAbsent(api.typeOf(apiVersion, kind))) {
      throw new UserError(
        'operator.not-installed',
        `${api.server} does not know ${kind} of ${apiVersion}; install it: kubectl apply --server-side -f manifests/crds`,
      );
    }
  }
  if (await isAbsent(api.get(resourceTypes.namespace, undefined, leaseNamespace, { signal }))) {
    throw new UserError(
      'operator.no-namespace',
      `${api.server} has no namespace ${leaseNamespace} for the operator's lease; make it (kubectl create namespace ${leaseNamespace}), or name another with --namespace`,
    );
  }
}

async function isAbsent(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return false;
  } catch (error) {
    return isNotFound(error);
  }
}
