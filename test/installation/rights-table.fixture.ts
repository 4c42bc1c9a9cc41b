/** What each account may and may not do: in the namespace of a tenant, and in that of the installation. */

export interface AccountRights {
  readonly may: readonly string[];
  readonly mayNot: readonly string[];
  readonly mayAtHome: readonly string[];
  readonly mayNotAtHome: readonly string[];
}

/** Of anybody's: with one of these an account could become more than it is. */
const escalations = [
  'get core/secrets',
  'list core/secrets',
  'create core/pods',
  'create core/pods/exec',
  'update core/pods/ephemeralcontainers',
  'create core/serviceaccounts/token',
  'impersonate core/serviceaccounts',
  'impersonate core/users',
  'create rbac.authorization.k8s.io/roles',
  'create rbac.authorization.k8s.io/rolebindings',
  'create rbac.authorization.k8s.io/clusterrolebindings',
  'bind rbac.authorization.k8s.io/clusterroles',
  'escalate rbac.authorization.k8s.io/clusterroles',
  'approve certificates.k8s.io/signers',
  'create admissionregistration.k8s.io/validatingwebhookconfigurations',
  'create admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'patch admissionregistration.k8s.io/validatingwebhookconfigurations other',
  'patch apiextensions.k8s.io/customresourcedefinitions closedloops.duoloop.dev',
  'get core/nodes/proxy',
];

/** What would change a workload by another way than its scale. */
const workloadWrites = [
  'create apps/deployments',
  'update apps/deployments web',
  'patch apps/deployments web',
  'delete apps/deployments web',
  'patch apps/statefulsets store',
  'patch core/pods web-1',
  'delete core/pods web-1',
  'create core/pods/eviction web-1',
  'update autoscaling/horizontalpodautoscalers web',
];

export const accountRights: Readonly<Record<'operator' | 'agent', AccountRights>> = {
  operator: {
    may: [
      'patch apps/deployments/scale web',
      'patch apps/statefulsets/scale store',
      'patch apps/replicasets/scale bare',
      'patch duoloop.dev/scalinggroups/scale shop',
      'patch core/pods/resize web-1',
      'patch duoloop.dev/closedloops/status shop',
      'list metrics.k8s.io/pods',
      'create events.k8s.io/events',
      'create authentication.k8s.io/tokenreviews',
      'patch admissionregistration.k8s.io/validatingwebhookconfigurations duoloop',
    ],
    mayNot: [
      ...escalations,
      ...workloadWrites,
      'patch apps/daemonsets/scale web',
      'patch core/replicationcontrollers/scale web',
      // What a user wants is the user's to say, and nobody's to take away.
      'patch duoloop.dev/closedloops shop',
      'delete duoloop.dev/closedloops shop',
      'patch duoloop.dev/deliberativeloops shop',
      'delete duoloop.dev/scalinggroups shop',
      'update duoloop.dev/scalinggroups/finalizers shop',
      'delete admissionregistration.k8s.io/validatingwebhookconfigurations duoloop',
      'get core/configmaps',
      'create coordination.k8s.io/leases',
      'delete core/namespaces shop',
    ],
    mayAtHome: [
      'create coordination.k8s.io/leases',
      'update coordination.k8s.io/leases duoloop-operator',
      'get core/secrets duoloop-webhook',
      'update core/secrets duoloop-webhook',
      'create core/secrets',
    ],
    mayNotAtHome: [
      'get core/secrets registry-credentials',
      'list core/secrets',
      'update core/secrets registry-credentials',
      'delete core/secrets duoloop-webhook',
      'update coordination.k8s.io/leases other',
    ],
  },
  agent: {
    may: [
      'list duoloop.dev/deliberativeloops',
      'list duoloop.dev/closedloops',
      'list duoloop.dev/scalinggroups',
      'patch duoloop.dev/deliberativeloops/status shop',
      'get core/configmaps policy',
      'create events.k8s.io/events',
    ],
    mayNot: [
      ...escalations,
      ...workloadWrites,
      // It proposes; whoever has taken it over cannot scale anything, nor widen the guardrails.
      'patch apps/deployments/scale web',
      'patch apps/statefulsets/scale store',
      'patch duoloop.dev/scalinggroups/scale shop',
      'patch duoloop.dev/scalinggroups shop',
      'patch duoloop.dev/scalinggroups/status shop',
      'patch duoloop.dev/closedloops shop',
      'patch duoloop.dev/closedloops/status shop',
      'update duoloop.dev/closedloops/metrics shop',
      'patch duoloop.dev/deliberativeloops shop',
      'create duoloop.dev/deliberativeloops',
      'delete duoloop.dev/deliberativeloops shop',
      'patch core/pods/resize web-1',
      'create core/configmaps',
      'patch core/configmaps policy',
      'list core/configmaps',
      'get apps/deployments web',
      'list core/pods',
      'list events.k8s.io/events',
    ],
    mayAtHome: [],
    mayNotAtHome: ['update coordination.k8s.io/leases duoloop-operator', 'get core/secrets duoloop-webhook'],
  },
};

/** Of whoever has Kubernetes' own role in a namespace. */
export const userRights: Readonly<Record<'view' | 'edit', Pick<AccountRights, 'may' | 'mayNot'>>> = {
  view: {
    may: ['list duoloop.dev/closedloops', 'get duoloop.dev/deliberativeloops trained'],
    mayNot: ['create duoloop.dev/closedloops', 'patch duoloop.dev/scalinggroups/scale shop'],
  },
  edit: {
    may: [
      'create duoloop.dev/closedloops',
      'patch duoloop.dev/deliberativeloops trained',
      'patch duoloop.dev/scalinggroups/scale shop',
      'update duoloop.dev/closedloops/metrics shop',
    ],
    mayNot: ['patch duoloop.dev/deliberativeloops/status trained', 'patch duoloop.dev/closedloops/status shop'],
  },
};
