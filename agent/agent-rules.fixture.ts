/** The agent's rights as they are shipped, for tests that run it with no more than those. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** @throws Error when the manifests do not name the role */
export function shippedAgentRules(): Role['rules'] {
  const text = readFileSync(new URL('../manifests/kustomize/base/rbac.yaml', import.meta.url), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Role);
  const role = objects.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'duoloop-agent');
  if (role === undefined) throw new Error('manifests/kustomize/base/rbac.yaml has no ClusterRole duoloop-agent');
  return role.rules;
}
