/** What an account may do: by its roles as they are written, and by what the API server says. */
import type { KubernetesApi, ResourceType } from '../../env/cluster/kubernetes-api.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';

const accessReviewType: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};
const rbac = 'rbac.authorization.k8s.io/v1';
const roleTypes: readonly ResourceType[] = [
  { apiVersion: rbac, kind: 'ClusterRole', plural: 'clusterroles', namespaced: false },
  { apiVersion: rbac, kind: 'Role', plural: 'roles', namespaced: true },
];

interface Role extends StoredObject {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** `patch apps/deployments/scale`, of the roles of a component, wherever they are. */
export async function grantedRights(api: KubernetesApi, component: string): Promise<Set<string>> {
  const labelSelector = `app.kubernetes.io/name=duoloop,app.kubernetes.io/component=${component}`;
  const lists = await Promise.all(roleTypes.map((type) => api.list<Role>(type, { labelSelector })));
  const rules = lists.flatMap(({ items }) => items.flatMap((role) => role.rules));
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}${group && '/'}${resource}`)),
      ),
    ),
  );
}

/**
 * @param right `patch apps/deployments/scale web`: verb, group/resource/subresource, and a name where one is meant; `core`
 * stands for the group without a name
 */
export async function isAllowed(api: KubernetesApi, user: string, namespace: string, right: string): Promise<boolean> {
  const [verb, path, name] = right.split(' ');
  const [group, resource, subresource] = path.split('/');
  const resourceAttributes = { verb, group: group === 'core' ? '' : group, resource, subresource, namespace, name };
  const [, , account] = user.split(':');
  const groups = account === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account}`];
  const { status } = await api.create<{ status: { allowed: boolean } }>(accessReviewType, undefined, {
    apiVersion: accessReviewType.apiVersion,
    kind: accessReviewType.kind,
    spec: { user, groups: [...groups, 'system:authenticated'], resourceAttributes },
  });
  return status.allowed;
}
