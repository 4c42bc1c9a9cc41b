import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createMemoryKubernetes, type MemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import { createLogger } from '../../env/service/logger.ts';
import { createLeaderElector } from './leader-elector.ts';
import type { Lease } from './lease-record.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A replica whose wall clock is off by `skewSeconds`. Its work ends `drainMilliseconds` after it was told to. */
function startReplica(server: MemoryKubernetes, identity: string, skewSeconds = 0, drainMilliseconds = 0) {
  const connection = server.connect();
  let clockSkewSeconds = skewSeconds;
  const elector = createLeaderElector({
    api: connection.api,
    namespace: 'duoloop',
    name: 'operator',
    identity,
    context: { logger: createLogger({ level: 'silent' }), metrics: new Registry() },
    unixSeconds: () => Date.now() / 1000 + clockSkewSeconds,
    random: () => 0.5,
  });
  const ending = new AbortController();
  const sessions: { from: number; until?: number }[] = [];
  const running = elector.run(ending.signal, async (signal) => {
    const session: { from: number; until?: number } = { from: Date.now() };
    sessions.push(session);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await new Promise((resolve) => setTimeout(resolve, drainMilliseconds));
    session.until = Date.now();
  });
  return {
    ...connection,
    elector,
    sessions,
    running,
    stop: () => ending.abort(),
    setClock(seconds: number) {
      clockSkewSeconds = seconds;
    },
  };
}
type Replica = ReturnType<typeof startReplica>;

/** Lets time pass and looks every 100 ms. @returns how many led at most, and for how long nobody did */
async function pass(seconds: number, replicas: readonly Replica[]) {
  let most = 0;
  let leaderless = 0;
  for (let elapsed = 0; elapsed < seconds; elapsed += 0.1) {
    await vi.advanceTimersByTimeAsync(100);
    const leading = replicas.filter(({ elector }) => elector.isLeader()).length;
    most = Math.max(most, leading);
    if (leading === 0) leaderless += 0.1;
  }
  return { most, leaderless };
}

async function end(...replicas: readonly Replica[]) {
  for (const { stop } of replicas) stop();
  await vi.advanceTimersByTimeAsync(30_000);
  await Promise.all(replicas.map(({ running }) => running));
}

const leaseOf = (server: MemoryKubernetes) =>
  Promise.all([
    server.connect().api.get<Lease>(resourceTypes.lease, 'duoloop', 'operator'),
    vi.advanceTimersByTimeAsync(10),
  ]).then(([lease]) => lease);

test('whatever connections and clocks do, there are never two leaders, and with all well again there is one', async () => {
  const fault = fc.record({
    replica: fc.nat({ max: 2 }),
    kind: fc.constantFrom('cut', 'restore', 'clock'),
    seconds: fc.integer({ min: -7_200, max: 7_200 }),
    forSeconds: fc.integer({ min: 1, max: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 15 }), async (faults) => {
      const server = createMemoryKubernetes();
      const replicas = [0, 3_600, -3_600].map((skew, index) => startReplica(server, `replica-${index}`, skew));
      let most = 0;
      for (const { replica, kind, seconds, forSeconds } of faults) {
        if (kind === 'clock') replicas[replica].setClock(seconds);
        else replicas[replica].setDown(kind === 'cut');
        most = Math.max(most, (await pass(forSeconds, replicas)).most);
      }
      for (const replica of replicas) replica.setDown(false);
      most = Math.max(most, (await pass(25, replicas)).most);
      expect(most).toBeLessThanOrEqual(1);
      expect(replicas.filter(({ elector }) => elector.isLeader())).toHaveLength(1);
      // What ran under one leader had been told to end before it ran under another.
      const sessions = replicas.flatMap((replica) => replica.sessions).sort((a, b) => a.from - b.from);
      for (const [index, { from }] of sessions.slice(1).entries()) {
        expect(sessions[index].until).toBeLessThanOrEqual(from);
      }
      await end(...replicas);
    }),
    { numRuns: 40 },
  );
}, 60_000);

test('a leader that was released is followed within a retry, one that crashed after its lease', async () => {
  const server = createMemoryKubernetes();
  const first = startReplica(server, 'first');
  await pass(1, [first]);
  const second = startReplica(server, 'second');
  expect((await pass(10, [first, second])).leaderless).toBe(0);
  expect(second.elector.holder()).toBe('first');
  first.stop();
  expect((await pass(5, [first, second])).leaderless).toBeLessThan(3);
  expect(second.elector.isLeader()).toBe(true);
  expect((await leaseOf(server)).spec).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 });

  const third = startReplica(server, 'third');
  await pass(3, [third]);
  second.setDown(true);
  const { most, leaderless } = await pass(25, [second, third]);
  expect(most).toBe(1);
  // Not before the lease's 15 s, and 5 s after the old leader stopped at the latest.
  expect(leaderless).toBeGreaterThan(2);
  expect(leaderless).toBeLessThan(10);
  expect(third.elector.isLeader()).toBe(true);
  await end(first, second, third);
});

test('the lease is kept while the work ends, and only then given up', async () => {
  const server = createMemoryKubernetes();
  const first = startReplica(server, 'first', 0, 20_000);
  await pass(1, [first]);
  const second = startReplica(server, 'second');
  first.stop();
  await pass(19, [first, second]);
  expect([first.elector.isLeader(), second.elector.isLeader()]).toEqual([true, false]);
  await pass(5, [first, second]);
  expect([first.elector.isLeader(), second.elector.isLeader()]).toEqual([false, true]);
  expect(first.sessions[0].until).toBeLessThanOrEqual(second.sessions[0].from);
  await end(first, second);
});

test('a machine that was suspended does not act on what it knew before', async () => {
  const server = createMemoryKubernetes();
  const replica = startReplica(server, 'first');
  await pass(1, [replica]);
  expect(replica.elector.isLeader()).toBe(true);
  replica.setClock(60);
  expect(replica.elector.isLeader()).toBe(false);
  await end(replica);
});

test('a clock that is set back does not prolong the leadership of one that is cut off', async () => {
  const server = createMemoryKubernetes();
  const replica = startReplica(server, 'first');
  await pass(1, [replica]);
  replica.setDown(true);
  replica.setClock(-3_600);
  await pass(10.5, [replica]);
  expect(replica.elector.isLeader()).toBe(false);
  await end(replica);
});

test('a lease that somebody deleted or took is not written over: the work ends', async () => {
  const server = createMemoryKubernetes();
  const replica = startReplica(server, 'first');
  await pass(1, [replica]);
  const { api } = server.connect();
  const lease = await leaseOf(server);
  const taken = { ...lease, spec: { ...lease.spec, holderIdentity: 'other' } };
  await Promise.all([api.replace(resourceTypes.lease, taken), vi.advanceTimersByTimeAsync(10)]);
  await pass(3, [replica]);
  expect(replica.elector.isLeader()).toBe(false);
  expect(replica.sessions[0].until).toBeDefined();
  expect((await leaseOf(server)).spec?.holderIdentity).toBe('other');
  await end(replica);
});

test('an idle leader asks for one write every two seconds and nothing else', async () => {
  const server = createMemoryKubernetes();
  const replica = startReplica(server, 'first');
  await pass(1, [replica]);
  replica.calls.length = 0;
  await pass(20, [replica]);
  expect(new Set(replica.calls)).toEqual(new Set(['replace Lease duoloop/operator']));
  expect(replica.calls.length).toBeLessThanOrEqual(10);
  await end(replica);
});

test('times without a margin are refused', () => {
  const api = createMemoryKubernetes().connect().api;
  const context = { logger: createLogger({ level: 'silent' }), metrics: new Registry() };
  const options = { api, namespace: 'n', name: 'l', identity: 'i', context };
  expect(() => createLeaderElector({ ...options, leaseSeconds: 10, renewDeadlineSeconds: 10 })).toThrow(/longer than/);
});
