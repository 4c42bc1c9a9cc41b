/** What has to be there before the agent can do anything, so that its absence is an error instead of a log that repeats. */
import { isNotFound, type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { UserError } from '../env/errors.ts';

/**
 * An API server that does not answer is no reason not to start: the rounds try again.
 * @throws UserError for CRDs that are not installed
 */
export async function checkInstallation(api: KubernetesApi): Promise<void> {
  const { deliberativeLoop, closedLoop, scalingGroup } = resourceTypes;
  for (const { apiVersion, kind } of [deliberativeLoop, closedLoop, scalingGroup]) {
    const error = await api.typeOf(apiVersion, kind).catch((reason: unknown) => reason);
    if (!isNotFound(error)) continue;
    throw new UserError(
      'agent.not-installed',
      `${api.server} does not know ${kind} of ${apiVersion}; install it: kubectl apply --server-side -f manifests/crds`,
      { cause: error },
    );
  }
}
