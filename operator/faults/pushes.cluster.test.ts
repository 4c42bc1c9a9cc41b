/** 10,000 pushes a second with bad tokens: the operator refuses them, stays small, and serves those who may push. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request as sendRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { describeCluster } from '../../test/cluster.ts';
import type { OperatorProcess } from './operator-process.fixture.ts';
import { type OperatorScene, operatorScene, stoppedAfterwards, within } from './operator-scene.fixture.ts';
import type { FloodResult } from './push-flood.fixture.ts';

const run = promisify(execFile);
const floodProgram = fileURLToPath(new URL('push-flood.fixture.ts', import.meta.url));
const [pushesPerSecond, floodSeconds] = [10_000, 5];
const mebibyte = 2 ** 20;
/** Every address of 127.0.0.0/8 is this machine on Linux; elsewhere all senders are one. */
const addresses =
  process.platform === 'linux'
    ? { flood: '127.0.0.2', known: '127.0.0.2', unknown: '127.0.0.3' }
    : { flood: '127.0.0.1', known: '127.0.0.1', unknown: '127.0.0.1' };

const pushLoop = {
  metrics: [
    {
      name: 'cpu',
      rank: 1,
      source: { push: {} },
      thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
    },
  ],
  behavior: { maxReplicas: 10 },
};

describeCluster('a flood of pushes', (cluster) => {
  let on: OperatorScene;
  const operators: OperatorProcess[] = [];
  stoppedAfterwards(operators);
  beforeAll(async () => {
    on = await operatorScene(cluster, 'pushes');
    operators.push(on.operator);
    await Promise.all(
      ['known', 'unknown'].map(async (name) => {
        await on.deploy({ name, replicas: 1 });
        await on.createLoop(name, { ...pushLoop, targetRef: { name } });
      }),
    );
  });

  const pathOf = (loop: string) => `/ingest/v1/namespaces/${on.namespace}/closedloops/${loop}`;

  /** The token of a service account that may push to one loop. */
  async function pusher(loop: string): Promise<string> {
    const metadata = { name: loop };
    await cluster.api.create(`/api/v1/namespaces/${on.namespace}/serviceaccounts`, { metadata });
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${on.namespace}`;
    await cluster.api.create(`${rbac}/roles`, {
      metadata,
      rules: [
        { apiGroups: ['duoloop.dev'], resources: ['closedloops/metrics'], resourceNames: [loop], verbs: ['update'] },
      ],
    });
    await cluster.api.create(`${rbac}/rolebindings`, {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: loop },
      subjects: [{ kind: 'ServiceAccount', name: loop, namespace: on.namespace }],
    });
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 600 },
    };
    const path = `/api/v1/namespaces/${on.namespace}/serviceaccounts/${loop}/token`;
    return (await cluster.api.create<{ status: { token: string } }>(path, request)).status.token;
  }

  function push(loop: string, token: string, cpu: number, localAddress: string): Promise<number> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const outgoing = sendRequest(`${on.operator.ingestUrl}${pathOf(loop)}`, { method: 'PUT', headers, localAddress });
      outgoing.once('response', (response) => resolve(response.resume().statusCode ?? 0));
      outgoing.once('error', reject);
      outgoing.end(JSON.stringify({ cpu }));
    });
  }

  async function flood(): Promise<FloodResult> {
    const target = [on.operator.ingestUrl, pathOf('known'), pushesPerSecond, floodSeconds, addresses.flood].map(String);
    const { stdout } = await run(process.execPath, ['--import', 'tsx', floodProgram, ...target]);
    return JSON.parse(stdout);
  }

  /** Largest resident memory so far, bytes. */
  async function peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${on.operator.pid}/status`, 'utf8').catch(() => '');
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    return kibibytes === undefined
      ? on.operator.metric('process_resident_memory_bytes')
      : Number.parseInt(kibibytes, 10) * 1024;
  }

  it('is refused in bounded memory, costs the API server next to nothing, and keeps nobody else from pushing', async () => {
    const tokens = { known: await pusher('known'), unknown: await pusher('unknown') };
    const { operator } = on;
    await expect.poll(() => push('known', tokens.known, 50, addresses.known), within(10)).toBe(200);
    const reviews = () => operator.metric('duoloop_ingest_review_duration_seconds_count', 'review="token"');
    const before = { reviews: await reviews(), memory: await peakMemory(), started: performance.now() };

    const flooding = flood();
    // Once it flows.
    const refused = () => operator.metric('duoloop_ingest_pushes_total', 'result="limited"');
    await expect.poll(refused, within(15)).toBeGreaterThan(1000);
    // One who pushed before goes on from the flood's own address; one who comes now comes from another.
    const waits: number[] = [];
    for (const loop of ['known', 'unknown'] as const) {
      for (let attempt = 0; attempt < 5; attempt++) {
        const started = performance.now();
        expect(await push(loop, tokens[loop], 95, addresses[loop])).toBe(200);
        waits.push((performance.now() - started) / 1000);
        await delay(100);
      }
      expect(Math.max(...waits)).toBeLessThan(2);
      await expect.poll(() => on.replicas(loop), within(5)).toBeGreaterThan(1);
    }
    const floods = [await flooding];
    const peaks = [before.memory, await peakMemory()];
    // The heap grows to its working size in the first two.
    for (let further = 0; further < 2; further++) {
      floods.push(await flood());
      peaks.push(await peakMemory());
    }
    const seconds = (performance.now() - before.started) / 1000;
    const asked = (await reviews()) - before.reviews;
    const figures = JSON.stringify({
      perSecond: floods.map(({ sent, seconds }) => Math.round(sent / seconds)),
      answers: floods.map(({ answers }) => answers),
      peakMebibytes: peaks.map((bytes) => Math.round(bytes / mebibyte)),
      tokenReviews: asked,
      longestGoodPushSeconds: Math.max(...waits),
    });

    for (const { sent, answers, ended } of floods) {
      expect((answers[401] ?? 0) + (answers[429] ?? 0), figures).toBe(sent);
      expect(ended).toBe(0);
      expect(sent).toBeGreaterThan(10_000);
    }
    // 20 at once and one a second for the flood, and the pusher that was new.
    expect(asked, figures).toBeLessThanOrEqual(20 + 4 + Math.ceil(seconds) + 1);
    expect((peaks[3] - peaks[2]) / mebibyte, figures).toBeLessThan(40);
    expect((peaks[3] - peaks[0]) / mebibyte, figures).toBeLessThan(200);
    expect(operator.end).toBeUndefined();
  });
});
