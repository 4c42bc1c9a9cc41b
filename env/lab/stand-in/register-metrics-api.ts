/** Makes a server on loopback the lab's metrics-server. */
import { type LabApi, until } from '../lab-api.ts';

const namespace = 'kube-system';
const name = 'metrics-server';

/**
 * Registers `https://localhost:port` as metrics.k8s.io/v1beta1 with the API server's aggregation layer and waits until
 * that has reached it. The server has to listen already; registering another one replaces it.
 */
export async function registerMetricsApi(api: LabApi, port: number, timeoutSeconds = 30): Promise<void> {
  await api.apply(`/api/v1/namespaces/${namespace}/services/${name}`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    // The aggregation layer resolves the name itself: the only kind of Service that leads out of a cluster without nodes.
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ name: 'https', port }] },
  });
  const path = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io';
  await api.apply(path, {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1beta1.metrics.k8s.io' },
    spec: {
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      service: { namespace, name, port },
      groupPriorityMinimum: 100,
      versionPriority: 100,
      // It is called by the name of the Service, which no certificate for localhost has.
      insecureSkipTLSVerify: true,
    },
  });
  await until('metrics.k8s.io to be served', timeoutSeconds, async () => {
    const { status } = await api.get<ApiService>(path);
    return status?.conditions?.some(({ type, status }) => type === 'Available' && status === 'True') ?? false;
  });
}

interface ApiService {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
