/** Pushes over HTTP, judged by a real API server. */
import { request as httpRequest } from 'node:http';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { describeCluster } from '../../test/cluster.ts';
import type { PushStore } from '../closed-loop/contract.ts';
import { createPushStore } from '../closed-loop/sources/push-source.ts';
import { createAdmission } from './admission.ts';
import { createForwarder } from './forward.ts';
import { createIngestServer } from './ingest-server.ts';
import { createLeaderAddress } from './leader-address.ts';
import { createIngestMetrics } from './metrics.ts';

const nowSeconds = () => performance.now() / 1000;
const logger = pino({ level: 'silent' });

interface Replica {
  readonly url: string;
  readonly store: PushStore;
  readonly registry: Registry;
}

describeCluster('ingest', (cluster) => {
  const stopping = new AbortController();
  const running: Promise<void>[] = [];
  let api: KubernetesApi;
  /** Reviews that went to the API server. */
  let reviews: number;
  let namespace: string;
  let leader: Replica;
  let standby: Replica;
  let holder: string;
  const tokens: Record<'pusher' | 'nobody', string> = { pusher: '', nobody: '' };

  async function startReplica(identity: string, address: () => string | undefined): Promise<Replica> {
    const store = createPushStore({ maxLoops: 10 });
    const registry = new Registry();
    const metrics = createIngestMetrics(registry);
    const lease = { api, namespace, leaseName: 'operator', identity, holder: () => holder, nowSeconds, logger };
    const server = createIngestServer({
      host: '127.0.0.1',
      port: 0,
      admission: createAdmission({ api, metrics, nowSeconds }),
      store,
      loopExists: (_namespace, name) => name === 'shop',
      isLeader: () => holder === identity,
      forwarder: createForwarder({ leaderAddress: createLeaderAddress({ ...lease, address: undefined }).find }),
      now: () => Date.now() / 1000,
      metrics,
      logger,
    });
    running.push(server.run(stopping.signal));
    const url = await server.listening;
    await createLeaderAddress({ ...lease, address: address() ?? url }).announcement.run(stopping.signal);
    return { url, store, registry };
  }

  beforeAll(async () => {
    namespace = await cluster.namespace('ingest');
    const connection = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    api = {
      ...connection,
      create(type, ...rest) {
        reviews++;
        return connection.create(type, ...rest);
      },
    };
    reviews = 0;
    await connection.create(resourceTypes.lease, namespace, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'operator', namespace },
    });
    for (const name of ['pusher', 'nobody'] as const) {
      await cluster.api.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
      const created = await cluster.api.create<{ status: { token: string } }>(
        `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } },
      );
      tokens[name] = created.status.token;
    }
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const rule = {
      apiGroups: ['duoloop.dev'],
      resources: ['closedloops/metrics'],
      verbs: ['update'],
      resourceNames: ['shop', 'absent'],
    };
    await cluster.api.create(`${rbac}/roles`, { metadata: { name: 'push' }, rules: [rule] });
    await cluster.api.create(`${rbac}/rolebindings`, {
      metadata: { name: 'push' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'push' },
      subjects: [{ kind: 'ServiceAccount', name: 'pusher', namespace }],
    });
    holder = 'replica-a';
    standby = await startReplica('replica-b', () => undefined);
    // The last to announce itself is the one whose annotation stands.
    leader = await startReplica('replica-a', () => undefined);
  });
  beforeEach(() => {
    reviews = 0;
    holder = 'replica-a';
  });
  afterAll(async () => {
    stopping.abort();
    await Promise.all(running);
  });

  async function push(
    { url }: Replica,
    body: unknown,
    options: { loop?: string; token?: string; method?: string; headers?: Record<string, string> } = {},
  ) {
    const { loop = 'shop', token = tokens.pusher, method = 'PUT', headers = {} } = options;
    const answer = await fetch(`${url}/ingest/v1/namespaces/${namespace}/closedloops/${loop}`, {
      method,
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
  }

  test('the classical message is taken by PUT and by POST; its time is its identity', async () => {
    const time = Math.floor(Date.now() / 1000) - 10;
    expect(await push(leader, { cpu: 2, memory: '40', disk: 1, time })).toMatchObject({
      status: 200,
      body: { accepted: true, time },
    });
    const stored = { values: { cpu: 2, memory: 40, disk: 1 }, time };
    expect(leader.store.get(namespace, 'shop')).toEqual(stored);
    for (const again of [time, time - 5]) {
      expect(await push(leader, { cpu: 9, time: again })).toMatchObject({
        status: 200,
        body: { accepted: false, time },
      });
    }
    expect(leader.store.get(namespace, 'shop')).toEqual(stored);
    expect(await push(leader, { cpu: 3 }, { method: 'POST' })).toMatchObject({ status: 200, body: { accepted: true } });
    expect(leader.store.get(namespace, 'shop')?.values).toEqual({ cpu: 3 });
    // One token, one loop: reviewed once.
    expect(reviews).toBe(2);
  });

  test('who may not is refused', async () => {
    const missing = await push(leader, { cpu: 1 }, { token: '' });
    expect(missing).toMatchObject({ status: 401, body: { error: 'unauthenticated' } });
    expect(missing.headers.get('www-authenticate')).toContain('Bearer');
    expect(await push(leader, { cpu: 1 }, { token: `${tokens.pusher}x` })).toMatchObject({ status: 401 });
    expect(await push(leader, { cpu: 1 }, { token: tokens.nobody })).toMatchObject({
      status: 403,
      body: { error: 'forbidden', message: expect.stringContaining(`system:serviceaccount:${namespace}:nobody`) },
    });
    // The role names loops.
    expect(await push(leader, { cpu: 1 }, { loop: 'other' })).toMatchObject({ status: 403 });
    expect(await push(leader, { cpu: 1 }, { loop: 'absent' })).toMatchObject({
      status: 404,
      body: { error: 'not_found' },
    });
  });

  test('what is no message is refused', async () => {
    expect(await push(leader, '{')).toMatchObject({ status: 400, body: { error: 'malformed' } });
    expect(await push(leader, '{"__proto__": {"cpu": 1}}')).toMatchObject({ status: 400 });
    expect(await push(leader, '{"cpu": "much"}')).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('"cpu"') },
    });
    expect(
      await push(leader, 'cpu=1', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    ).toMatchObject({ status: 415 });
    expect(await push(leader, { cpu: 1, note: 'x'.repeat(70_000) })).toMatchObject({
      status: 413,
      body: { error: 'too_large' },
    });
  });

  test('a standby hands a push on to the leader', async () => {
    const answer = await push(standby, { cpu: 7 });
    expect(answer).toMatchObject({ status: 200, body: { accepted: true } });
    expect(leader.store.get(namespace, 'shop')?.values).toEqual({ cpu: 7 });
    expect(standby.store.get(namespace, 'shop')).toBeUndefined();
    expect(await push(standby, { cpu: 7 }, { token: tokens.nobody })).toMatchObject({ status: 403 });
    expect(await standby.registry.getSingleMetricAsString('duoloop_ingest_pushes_total')).toContain(
      '{result="forwarded"} 1',
    );
  });

  test('a push is handed on once, and says when to come again', async () => {
    const handedOn = await push(standby, { cpu: 8 }, { headers: { 'x-duoloop-forwarded': 'true' } });
    expect(handedOn).toMatchObject({ status: 503, body: { error: 'unavailable' } });
    expect(handedOn.headers.get('retry-after')).toBe('2');
    // The annotation is of the leader before.
    holder = 'replica-c';
    expect(await push(standby, { cpu: 8 })).toMatchObject({ status: 503 });
    expect(await push(leader, { cpu: 8 })).toMatchObject({ status: 503 });
  });

  test('the address in a request line leads nowhere else', async () => {
    const target = `http://127.0.0.1:1/ingest/v1/namespaces/${namespace}/closedloops/shop`;
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const { hostname, port } = new URL(standby.url);
      const headers = { authorization: `Bearer ${tokens.pusher}`, 'content-type': 'application/json' };
      const outgoing = httpRequest({ hostname, port, path: target, method: 'PUT', headers });
      outgoing.once('response', (response) => resolve(response.resume().statusCode));
      outgoing.once('error', reject);
      outgoing.end('{"cpu": 5}');
    });
    expect(status).toBe(200);
    expect(leader.store.get(namespace, 'shop')?.values).toEqual({ cpu: 5 });
  });

  test('10,000 pushes with bad tokens are refused quickly, cheaply and in bounded memory', async () => {
    const { url } = leader;
    const started = performance.now();
    const counts: Record<number, number> = {};
    let next = 0;
    const flood = async (until: number) => {
      const sender = async () => {
        while (next < until) {
          const token = `bad.${next++}`;
          const { status } = await push({ ...leader, url }, { cpu: 1 }, { token });
          counts[status] = (counts[status] ?? 0) + 1;
        }
      };
      await Promise.all(Array.from({ length: 100 }, sender));
      return process.memoryUsage().rss;
    };
    const warm = await flood(5_000);
    const full = await flood(10_000);
    const seconds = (performance.now() - started) / 1000;
    expect((counts[401] ?? 0) + (counts[429] ?? 0)).toBe(10_000);
    // The API server was asked about some of them only: 20 at once, then one a second.
    expect(reviews).toBeLessThanOrEqual(20 + 4 + Math.ceil(seconds));
    // Sender and server are one process here, whose heap the first half has grown to what it needs.
    expect((full - warm) / 2 ** 20).toBeLessThan(100);
    // Who was known before goes on, from the same address.
    expect(await push(leader, { cpu: 6 })).toMatchObject({ status: 200 });
  });
});
