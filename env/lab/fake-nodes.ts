/** The lab's machines: kwok keeps them Ready and gives their pods a life. */
import type { LabApi } from './lab-api.ts';

export interface FakeNodeOptions {
  /** Default 4. */
  readonly count?: number;
  /** Of each node, as Kubernetes quantities. Defaults: 1k, 4Ti, 1000. */
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: number;
}

/** @param index from 0 */
export function fakeNode(index: number, { cpu = '1k', memory = '4Ti', pods = 1_000 }: FakeNodeOptions): object {
  const name = `lab-node-${index}`;
  const capacity = { cpu, memory, pods: String(pods) };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake', 'node.alpha.kubernetes.io/ttl': '0' },
      labels: {
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/role': 'agent',
        type: 'kwok',
      },
    },
    status: { allocatable: capacity, capacity },
  };
}

export async function createFakeNodes(api: LabApi, options: FakeNodeOptions): Promise<void> {
  const indices = Array.from({ length: options.count ?? 4 }, (_, index) => index);
  await Promise.all(indices.map((index) => api.create('/api/v1/nodes', fakeNode(index, options))));
}

/** Whether `count` nodes are Ready and their not-ready taint is gone. */
export async function countReadyNodes(api: LabApi): Promise<number> {
  const { items } = await api.get<{ items: NodeStatus[] }>('/api/v1/nodes');
  return items.filter(
    ({ spec, status }) =>
      (spec.taints ?? []).length === 0 &&
      status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  ).length;
}

interface NodeStatus {
  readonly spec: { readonly taints?: readonly object[] };
  readonly status: { readonly conditions?: readonly { type: string; status: string }[] };
}
