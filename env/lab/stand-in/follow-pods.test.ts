import { expect, it } from 'vitest';
import { type KubernetesApi, KubernetesError, type WatchEvent } from '../../cluster/kubernetes-api.ts';
import { followPods } from './follow-pods.ts';
import type { ApplicationPod } from './pod-counters.ts';

function podObject(name: string, changes: { ready?: boolean; deleting?: boolean; memory?: string } = {}) {
  const { ready = true, deleting = false, memory = '512Mi' } = changes;
  return {
    metadata: {
      uid: `uid-${name}`,
      name,
      namespace: 'shop',
      labels: { 'pod-template-hash': '5d9c' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web-ui-5d9c', controller: true }],
      ...(deleting && { deletionTimestamp: '2026-11-01T00:00:00Z' }),
    },
    spec: { nodeName: 'node-1', containers: [{ name: 'server', image: 'web', resources: { limits: { memory } } }] },
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [{ restartCount: 2 }],
    },
  };
}
type PodEvent = WatchEvent<ReturnType<typeof podObject>>;

/** Answers lists and watches from a script, one after another; a watch that is an error is thrown. */
function scripted(script: { list: object[]; watch: PodEvent[] | Error }[]): Pick<KubernetesApi, 'list' | 'watch'> {
  let round = -1;
  return {
    list: async () => {
      round++;
      return { items: script[round].list as never[], resourceVersion: String(round) };
    },
    watch: async (_type, { resourceVersion, signal }, onEvent) => {
      expect(resourceVersion).toBe(String(round));
      const { watch } = script[round];
      if (watch instanceof Error) throw watch;
      for (const event of watch) onEvent(event as never);
      if (round === script.length - 1) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }
    },
  };
}

it('follows pods through ends of the watch, an expired version and what was missed meanwhile', async () => {
  const pods = new Map<string, ApplicationPod>();
  const failures: number[] = [];
  const stop = new AbortController();
  const api = scripted([
    { list: [podObject('a'), podObject('b')], watch: [{ type: 'DELETED', object: podObject('a') }] },
    { list: [podObject('b'), podObject('c')], watch: new KubernetesError(410, 'Expired', 'too old') },
    {
      list: [podObject('c', { ready: false }), podObject('d', { deleting: true })],
      watch: [
        { type: 'ADDED', object: podObject('e', { memory: '1Gi' }) },
        { type: 'MODIFIED', object: podObject('c') },
      ],
    },
  ]);
  const following = followPods({
    api: api as KubernetesApi,
    namespace: 'shop',
    signal: stop.signal,
    onFailure: ({ status }) => failures.push(status),
    listener: { put: (pod) => pods.set(pod.uid, pod), remove: (uid) => pods.delete(uid) },
  });
  await expect.poll(() => pods.has('uid-e') && pods.get('uid-c')?.ready, { timeout: 3000 }).toBe(true);
  stop.abort();
  await following;
  expect([...pods.keys()].sort()).toEqual(['uid-c', 'uid-d', 'uid-e']);
  expect(pods.get('uid-d')?.ready).toBe(false);
  expect(pods.get('uid-e')).toMatchObject({ workload: 'web-ui', memoryBytes: 2 ** 30, node: 'node-1', restarts: 2 });
  expect(failures).toEqual([410]);
});
