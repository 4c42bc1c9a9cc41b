import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type ControlPlane, startControlPlane } from '../../env/lab/control-plane.ts';
import { createLogger } from '../../env/service/logger.ts';
import { createLeaderElector } from './leader-elector.ts';
import type { Lease } from './lease-record.ts';
import { startRelay } from './relay.fixture.ts';

const leaseSeconds = 3;
const renewDeadlineSeconds = 2;

describe.skipIf(!inject('sharedCluster').available)('electors on a real API server', () => {
  // One of our own: it is stopped.
  let controlPlane: ControlPlane;
  let admin: KubernetesApi;
  beforeAll(async () => {
    controlPlane = await startControlPlane({ controllerManager: false, scheduler: false, nodes: false });
    admin = await connectKubernetes({ kubeconfigFiles: [controlPlane.kubeconfigFile] });
  });
  afterAll(() => controlPlane?.stop());

  let count = 0;
  /** Two replicas, each with a connection that can be cut; `history` tells every 10 ms who leads. */
  async function startReplicas() {
    count += 1;
    const name = `lease-${count}`;
    const history: { at: number; leading: string[] }[] = [];
    const replicas = await Promise.all(
      ['one', 'two'].map(async (identity) => {
        const relay = await startRelay(controlPlane);
        const elector = createLeaderElector({
          api: await connectKubernetes({ kubeconfigFiles: [relay.kubeconfigFile], inFlight: 1 }),
          namespace: 'default',
          name,
          identity,
          leaseSeconds,
          renewDeadlineSeconds,
          retrySeconds: 0.3,
          context: { logger: createLogger({ level: 'silent' }), metrics: new Registry() },
        });
        const ending = new AbortController();
        const running = elector.run(ending.signal, (signal) =>
          signal.aborted
            ? Promise.resolve()
            : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
        );
        return { identity, elector, relay, running, stop: () => ending.abort() };
      }),
    );
    const look = setInterval(() => {
      const leading = replicas.filter(({ elector }) => elector.isLeader()).map(({ identity }) => identity);
      history.push({ at: performance.now(), leading });
    }, 10);
    onTestFinished(async () => {
      clearInterval(look);
      for (const { stop } of replicas) stop();
      await Promise.all(replicas.map(({ running }) => running));
      await Promise.all(replicas.map(({ relay }) => relay.close()));
    });
    const leads = (identity: string) =>
      vi.waitFor(() => expect(history.at(-1)?.leading).toEqual([identity]), { timeout: 15_000, interval: 10 });
    const leader = await vi.waitFor(() => {
      const found = replicas.find(({ elector }) => elector.isLeader());
      expect(found).toBeDefined();
      return found as (typeof replicas)[number];
    }, 5_000);
    const [follower] = replicas.filter((replica) => replica !== leader);
    const neverTwo = () => expect(history.filter(({ leading }) => leading.length > 1)).toEqual([]);
    const lease = () => admin.get<Lease>(resourceTypes.lease, 'default', name);
    return { leader, follower, history, leads, neverTwo, lease };
  }

  test('one leads; released, the other follows at once', async () => {
    const { leader, follower, leads, neverTwo, lease } = await startReplicas();
    await delay(leaseSeconds * 1000);
    await leads(leader.identity);
    const released = performance.now();
    leader.stop();
    await leads(follower.identity);
    expect(performance.now() - released).toBeLessThan(1_000);
    expect((await lease()).spec).toMatchObject({ holderIdentity: follower.identity, leaseTransitions: 1 });
    neverTwo();
  });

  test('cut off without releasing: it stops by itself before the other begins', async () => {
    const { leader, follower, leads, history, neverTwo } = await startReplicas();
    const cut = performance.now();
    await leader.relay.cut();
    await leads(follower.identity);
    const lastOfOld = history.findLast(({ leading }) => leading.includes(leader.identity))?.at ?? 0;
    const firstOfNew = history.find(({ leading }) => leading.includes(follower.identity))?.at ?? 0;
    expect(lastOfOld - cut).toBeLessThan(renewDeadlineSeconds * 1000 + 100);
    // The lease's time less one renewal that may have been under way.
    expect(firstOfNew - cut).toBeGreaterThan((leaseSeconds - 1) * 1000);
    expect(firstOfNew).toBeGreaterThan(lastOfOld);
    await leader.relay.restore();
    await delay(1_000);
    await leads(follower.identity);
    neverTwo();
  });

  test('without an API server for longer than the deadline nobody leads, and afterwards one does', async () => {
    const { leader, follower, history, neverTwo } = await startReplicas();
    await controlPlane.component('kube-apiserver').stop();
    await delay((renewDeadlineSeconds + 0.2) * 1000);
    expect([leader.elector.isLeader(), follower.elector.isLeader()]).toEqual([false, false]);
    await controlPlane.component('kube-apiserver').start();
    await vi.waitFor(() => expect(history.at(-1)?.leading).toHaveLength(1), { timeout: 15_000, interval: 10 });
    neverTwo();
  });
});
