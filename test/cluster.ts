/** For tests against a real control plane (`*.cluster.test.ts`): one is shared by all files of a run. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, describe, inject } from 'vitest';
import { createLabApi, type LabApi, until } from '../env/lab/lab-api.ts';

/** What the run's setup hands to test files. */
export type SharedCluster =
  | { available: true; server: string; kubeconfigFile: string; caFile: string; adminToken: string }
  | { available: false; reason: string };

declare module 'vitest' {
  export interface ProvidedContext {
    sharedCluster: SharedCluster;
  }
}

export interface TestCluster {
  readonly server: string;
  /** Of an administrator. */
  readonly kubeconfigFile: string;
  readonly caFile: string;
  readonly adminToken: string;
  /** Plain requests as administrator, for setting a scene and looking at it. */
  readonly api: LabApi;
  /**
   * A new namespace whose pods can be created; `prefix` makes it known in logs. Deleted after the file's tests.
   * @returns its name
   */
  namespace(prefix?: string): Promise<string>;
}

/**
 * As `describe`, with the run's control plane. Where there is none the tests are skipped, and the run's setup has said
 * why. Nothing but its own namespaces is a test's to change; one that stops components starts a control plane itself.
 */
export function describeCluster(name: string, tests: (cluster: TestCluster) => void): void {
  const shared = inject('sharedCluster');
  if (!shared.available) {
    describe.skip(`${name} (no control plane)`, () => tests(unavailableCluster(shared.reason)));
    return;
  }
  describe(name, () => {
    const { server, kubeconfigFile, caFile, adminToken } = shared;
    const api = createLabApi(server, readFileSync(caFile, 'utf8'), adminToken);
    const namespaces: string[] = [];
    afterAll(async () => {
      await Promise.all(namespaces.map((namespace) => api.delete(`/api/v1/namespaces/${namespace}`)));
    });
    tests({
      server,
      kubeconfigFile,
      caFile,
      adminToken,
      api,
      async namespace(prefix = 'test') {
        const namespace = `${prefix}-${randomBytes(4).toString('hex')}`;
        namespaces.push(namespace);
        await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
        // Without it pods are refused, and a ReplicaSet's next attempt is seconds later.
        await until(`the service account of ${namespace}`, 20, async () => {
          await api.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`);
          return true;
        });
        return namespace;
      },
    });
  });
}

/** Lets the tests be collected, so that each is reported as skipped. */
function unavailableCluster(reason: string): TestCluster {
  const refuse = () => {
    throw new Error(reason);
  };
  return {
    server: '',
    kubeconfigFile: '',
    caFile: '',
    adminToken: '',
    get api(): LabApi {
      return refuse();
    },
    namespace: refuse,
  };
}
