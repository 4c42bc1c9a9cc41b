/** Which Kubernetes cluster this process would talk to. */
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { settings } from '../settings.ts';

export interface KubeContext {
  readonly name: string;
  readonly cluster: string;
  readonly server: string;
  /** The files read, or the service account of a pod. */
  readonly source: string;
}

const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * The current context, by the rules of kubectl (KUBECONFIG, ~/.kube/config) and in a pod its service account; undefined
 * when there is none.
 * @throws Error when a kubeconfig is there but cannot be read.
 */
export async function readKubeContext(files = settings().kubeconfigFiles): Promise<KubeContext | undefined> {
  const present = files.filter((file) => existsSync(file));
  const inPod = existsSync(serviceAccountToken);
  if (present.length === 0 && !inPod) return undefined;
  // The client takes a second to load: only when there is something to read.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (present.length > 0) {
    config.loadFromFile(present[0]);
    for (const file of present.slice(1)) {
      const further = new KubeConfig();
      further.loadFromFile(file);
      config.mergeConfig(further, true);
    }
  } else config.loadFromCluster();
  const name = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  if (!name || cluster === null) return undefined;
  return { name, cluster: cluster.name, server: cluster.server, source: present.join(delimiter) || 'service account' };
}
