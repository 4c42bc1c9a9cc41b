/** A namespace with the account that manifests/training gives to Jobs, and a kubeconfig of that account. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';
import { formatKubeconfig } from '../../env/lab/kubeconfig.ts';
import type { LabApi } from '../../env/lab/lab-api.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';

const manifests = fileURLToPath(new URL('../../manifests/training/', import.meta.url));
export const serviceAccount = 'duoloop-training';

export async function readManifest(file: string): Promise<StoredObject[]> {
  const documents = parseAllDocuments(await readFile(`${manifests}${file}`, 'utf8'));
  return documents.map((document) => document.toJS() as StoredObject);
}

/** As kubectl does it: server-side, into the namespace. */
export async function applyManifests(
  api: KubernetesApi,
  namespace: string,
  objects: readonly StoredObject[],
): Promise<StoredObject[]> {
  const applied: StoredObject[] = [];
  for (const object of objects) {
    const type = await api.typeOf(object.apiVersion, object.kind);
    const placed = { ...object, metadata: { ...object.metadata, namespace } };
    applied.push(await api.apply<StoredObject>(type, placed, { fieldManager: 'kubectl' }));
  }
  return applied;
}

/** Writes a kubeconfig by which a process is what a pod with that account is. */
export async function writeAccountKubeconfig(
  { api, server, certificateAuthority }: { api: LabApi; server: string; certificateAuthority: string },
  namespace: string,
  file: string,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const { status } = await api.create<{ status: { token: string } }>(path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  });
  const user = serviceAccount;
  await writeFile(file, formatKubeconfig({ server, certificateAuthority, user, bearerToken: status.token, namespace }));
}
