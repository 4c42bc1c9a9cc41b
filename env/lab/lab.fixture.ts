/** Workloads for tests on the lab. */
import type { LabApi } from './lab-api.ts';

export interface DeploymentOptions {
  readonly name: string;
  readonly replicas: number;
  /** Such as `podReadyDelayAnnotation`. */
  readonly podAnnotations?: Readonly<Record<string, string>>;
  /** Default: 100m CPU and 64Mi memory. */
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** One container `app`; pods are labelled `app: <name>`. */
export function deployment({ name, replicas, podAnnotations, requests, limits }: DeploymentOptions): object {
  const labels = { app: name };
  const resources = { requests: requests ?? { cpu: '100m', memory: '64Mi' }, ...(limits && { limits }) };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: podAnnotations },
        spec: { containers: [{ name: 'app', image: 'app', resources }] },
      },
    },
  };
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { type: string; status: string }[];
    readonly containerStatuses?: readonly {
      ready: boolean;
      resources?: { requests?: Readonly<Record<string, string>> };
    }[];
  };
}

export async function podsOf(api: LabApi, namespace: string): Promise<Pod[]> {
  return (await api.get<{ items: Pod[] }>(`/api/v1/namespaces/${namespace}/pods`)).items;
}
