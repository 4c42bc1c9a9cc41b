import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type ControlPlane, startControlPlane } from '../../env/lab/control-plane.ts';
import { createLogger } from '../../env/service/logger.ts';
import { startRelay } from './relay.fixture.ts';
import { type ConfigMap, resourceCacheContract } from './resource-cache.contract.ts';
import { createResourceCache } from './resource-cache.ts';

describe.skipIf(!inject('sharedCluster').available)('a cache on a real API server', () => {
  // One of our own: it is restarted, and it forgets the past quickly.
  let controlPlane: ControlPlane;
  beforeAll(async () => {
    controlPlane = await startControlPlane({
      controllerManager: false,
      scheduler: false,
      nodes: false,
      extraArguments: { 'kube-apiserver': ['--etcd-compaction-interval=1s'] },
    });
  });
  afterAll(() => controlPlane?.stop());

  let count = 0;
  /** The cache's connection goes through a relay, and its watches last a second. */
  const makeWorld = async () => {
    const admin = await connectKubernetes({ kubeconfigFiles: [controlPlane.kubeconfigFile] });
    count += 1;
    const namespace = `cache-${count}`;
    await admin.create(resourceTypes.namespace, undefined, { metadata: { name: namespace } });
    const relay = await startRelay(controlPlane);
    onTestFinished(relay.close);
    const api = await connectKubernetes({
      kubeconfigFiles: [relay.kubeconfigFile],
      timeoutSeconds: 3,
      watchSeconds: { min: 1, max: 1, grace: 1 },
    });
    return {
      ...relay,
      api,
      admin,
      namespace,
      // Longer than any watch lasts.
      endWatches: () => new Promise<void>((resolve) => setTimeout(resolve, 1_300)),
      // Compaction is of versions of more than an interval ago; a restarted API server has no memory of its own of them.
      async compact() {
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        await controlPlane.component('kube-apiserver').stop();
        await controlPlane.component('kube-apiserver').start();
      },
    };
  };

  resourceCacheContract(makeWorld);

  test('a connection that went silent is given up, and nothing is lost', async () => {
    const { api, admin, namespace, stall } = await makeWorld();
    const cache = createResourceCache<ConfigMap>({
      api,
      type: resourceTypes.configMap,
      namespaces: [namespace],
      logger: createLogger({ level: 'silent' }),
      metrics: new Registry(),
    });
    const ending = new AbortController();
    const running = cache.run(ending.signal);
    await cache.synced(ending.signal);
    stall();
    await admin.create(resourceTypes.configMap, namespace, { metadata: { name: 'unheard' } });
    await vi.waitFor(() => expect(cache.get(namespace, 'unheard')).toBeDefined(), 10_000);
    ending.abort();
    await running;
  });
});
