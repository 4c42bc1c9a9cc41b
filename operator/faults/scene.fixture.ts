/** A control plane to do harm to, operators on it under names of their own, and groups of workloads for them to scale. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../env/lab/control-plane.ts';
import { applyDefinitions } from '../../env/lab/lab-api.ts';
import { startRelay } from '../runtime/relay.fixture.ts';
import { type AuditedWrite, createAuditLog } from './audit.fixture.ts';
import { createNamespace, type GroupScene, startGroup } from './group.fixture.ts';
import { type OperatorProcess, type OperatorProcessOptions, startOperatorProcess } from './operator-process.fixture.ts';

export const systemNamespace = 'duoloop-system';
const definitionsFolder = fileURLToPath(new URL('../../manifests/crds', import.meta.url));

export interface OperatorAsked
  extends Omit<OperatorProcessOptions, 'kubeconfigFile' | 'namespace' | 'identity' | 'prometheusUrl'> {
  /** Between it and the API server, each way. */
  readonly latencyMilliseconds?: number;
}

export interface FaultScene {
  readonly plane: ControlPlane;
  /** `name` is its service account, its identity in the lease and its name in the audit log. Stopped after the test. */
  startOperator(name: string, options?: OperatorAsked): Promise<OperatorProcess>;
  /** A namespace with `members` Deployments m0, m1 … at 2 replicas, and over them the group `shop`, all ready. */
  startGroup(prefix: string, members: number): Promise<GroupScene>;
  /** All writes of one namespace that the API server was asked for, oldest first. */
  writesIn(namespace: string): Promise<AuditedWrite[]>;
  stop(): Promise<void>;
}

export async function startFaultScene(): Promise<FaultScene> {
  const audit = await createAuditLog();
  const plane = await startControlPlane({ extraArguments: { 'kube-apiserver': audit.arguments } });
  const { api } = plane;
  const names = await readdir(definitionsFolder);
  await applyDefinitions(
    api,
    names.map((name) => `${definitionsFolder}/${name}`),
  );
  await createNamespace(api, systemNamespace);
  const accounts = new Map<string, { readonly kubeconfigFile: string; readonly token: string }>();

  async function account(name: string) {
    const known = accounts.get(name);
    if (known !== undefined) return known;
    const subject = { namespace: systemNamespace, name };
    await api.create(`/api/v1/namespaces/${systemNamespace}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: subject,
    });
    await api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `duoloop-${name}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', ...subject }],
    });
    const made = {
      kubeconfigFile: await plane.serviceAccountKubeconfig(subject),
      token: await plane.serviceAccountToken(subject),
    };
    accounts.set(name, made);
    return made;
  }

  async function kubeconfigOf(name: string, latencyMilliseconds: number): Promise<string> {
    const { kubeconfigFile, token } = await account(name);
    if (latencyMilliseconds === 0) return kubeconfigFile;
    const relayed = { server: plane.server, caFile: plane.caFile, adminToken: token };
    const relay = await startRelay(relayed, latencyMilliseconds);
    onTestFinished(() => relay.close());
    return relay.kubeconfigFile;
  }

  return {
    plane,
    async startOperator(name, { latencyMilliseconds = 0, ...options } = {}) {
      const operator = await startOperatorProcess({
        ...options,
        kubeconfigFile: await kubeconfigOf(name, latencyMilliseconds),
        namespace: systemNamespace,
        identity: name,
      });
      onTestFinished(async () => void (await operator.stop()));
      return operator;
    },
    startGroup: (prefix, members) => startGroup(plane, prefix, members),
    async writesIn(namespace) {
      return (await audit.writes()).filter((write) => write.namespace === namespace);
    },
    async stop() {
      await plane.stop();
      await audit.remove();
    },
  };
}
