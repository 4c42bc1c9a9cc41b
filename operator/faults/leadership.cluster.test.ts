/** Operators that are killed, frozen and told to end in the middle of a scaling: the next leader completes it, once. */
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import '../../test/cluster.ts';
import type { AuditedWrite } from './audit.fixture.ts';
import type { GroupScene } from './group.fixture.ts';
import type { OperatorProcess } from './operator-process.fixture.ts';
import { type FaultScene, startFaultScene, systemNamespace } from './scene.fixture.ts';

/** More than are written at a time, so that with this latency a scaling has a middle. */
const members = 24;
const latencyMilliseconds = 100;
/** Short, and long enough for its renewals to get a connection at that latency. */
const leaseDurationSeconds = 4;
const slow = { latencyMilliseconds, leaseDurationSeconds };

describe.skipIf(!inject('sharedCluster').available)('leadership', () => {
  let scene: FaultScene;
  beforeAll(async () => {
    scene = await startFaultScene();
  });
  afterAll(() => scene?.stop());

  test.each([
    ['before its status tells of it', 'members'],
    ['after its status told of it', 'status'],
  ])('a leader killed in the middle of a scaling, %s: the next one completes it, once', async (_, seenIn) => {
    const group = await scene.startGroup('killed', members);
    const [first, second] = await leaderAndStandby(['a', 'b'], slow);
    await group.scaleShop(5);
    await (seenIn === 'members' ? group.begun(5) : begunInStatus(group, 5));
    const before = await group.shop();
    first.kill('SIGKILL');
    const shop = await group.whole(5);

    const writes = await scene.writesIn(group.namespace);
    await expectEachChanged(group, 1);
    const writers = new Set(sizeWrites(writes).map(({ user }) => user));
    expect([...writers], 'members written by').toEqual(['a', 'b']);
    expectInTurn(writes, ['a', 'b']);
    expectOneScaling(writes, 2, 5);
    // One that the first leader had told of keeps its start: its seconds are those that the user waited.
    if (seenIn === 'status') expect(shop.status?.lastScaling?.startedAt).toBe(before.status?.lastScaling?.startedAt);
    expect(await second.metric('duoloop_scaling_group_scalings_total')).toBeLessThanOrEqual(1);
    await expectUntouched(group);
  });

  test('a leader that was frozen beyond its lease writes nothing when it wakes', async () => {
    const group = await scene.startGroup('frozen', members);
    const [first, second, third] = await leaderAndStandby(['a', 'b', 'c'], slow);
    await group.scaleShop(5);
    await group.begun(5);
    first.kill('SIGSTOP');
    await group.whole(5);
    const [next, other] = (await second.isLeader()) ? [second, third] : [third, second];
    expect(await other.isLeader()).toBe(false);
    // It wakes in the middle of what the others do, with work of its own left over.
    await group.scaleShop(3);
    await group.begun(3);
    const wokeAt = Date.now();
    first.kill('SIGCONT');
    await group.whole(3);
    await first.logged('leadership lost');
    expect(await first.isLeader()).toBe(false);
    // A further scaling, of which it hears as all do.
    await group.scaleShop(4);
    await group.whole(4);

    const writes = await scene.writesIn(group.namespace);
    expect(
      writes.filter(({ user, receivedAt }) => user === 'a' && receivedAt >= wokeAt),
      'writes of the leader of before, after it woke',
    ).toEqual([]);
    expectInTurn(writes, ['a', next === second ? 'b' : 'c']);
    await expectEachChanged(group, 3);
    const renewals = (await scene.writesIn(systemNamespace)).filter(
      ({ user, receivedAt, code }) => user === 'a' && receivedAt >= wokeAt && code < 300,
    );
    expect(renewals, 'leases that it wrote after it woke').toEqual([]);
    await expectUntouched(group);
  });

  test('SIGTERM in the middle of a scaling: it ends in seconds and the next leader takes over at once', async () => {
    const group = await scene.startGroup('ended', members);
    // So long that a takeover within seconds can only come from the lease being released.
    const [first, second] = await leaderAndStandby(['a', 'b'], { latencyMilliseconds, leaseDurationSeconds: 15 });
    await group.scaleShop(5);
    await group.begun(5);
    const endedAt = Date.now();
    first.kill('SIGTERM');
    expect(await first.ended).toEqual({ exitCode: 0, signal: null });
    expect(Date.now() - endedAt, 'milliseconds until it had ended').toBeLessThan(5_000);
    await vi.waitFor(async () => expect(await second.isLeader()).toBe(true), { timeout: 5_000, interval: 50 });
    await group.whole(5);

    const writes = await scene.writesIn(group.namespace);
    await expectEachChanged(group, 1);
    expectInTurn(writes, ['a', 'b']);
    expectOneScaling(writes, 2, 5);
    await expectUntouched(group);
  });

  async function leaderAndStandby(
    names: readonly [string, string, ...string[]],
    options: Parameters<FaultScene['startOperator']>[1],
  ): Promise<OperatorProcess[]> {
    const [leader, ...standbys] = names;
    const first = await scene.startOperator(leader, options);
    await first.logged('leading');
    // Without the latency: only the first one's scaling needs a middle.
    const others = { ...options, latencyMilliseconds: 0 };
    return [first, ...(await Promise.all(standbys.map((name) => scene.startOperator(name, others))))];
  }
});

function begunInStatus(group: GroupScene, to: number) {
  return vi.waitFor(
    async () => expect((await group.shop()).status?.lastScaling).toMatchObject({ to, outcome: 'InProgress' }),
    { timeout: 15_000, interval: 5 },
  );
}

/** Writes of members' replicas that the API server accepted. */
function sizeWrites(writes: readonly AuditedWrite[]): AuditedWrite[] {
  return writes.filter(
    ({ resource, subresource, code }) => resource === 'deployments' && subresource === 'scale' && code < 300,
  );
}

/** Nothing was lost and nothing done twice. */
async function expectEachChanged(group: GroupScene, times: number): Promise<void> {
  expect(await group.changes(), 'changes of each member').toEqual(group.members.map(() => times));
}

/** Nobody writes after somebody else has begun to. */
function expectInTurn(writes: readonly AuditedWrite[], operators: readonly string[]): void {
  const turns = writes
    .map(({ user }) => user)
    .filter((user) => operators.includes(user))
    .filter((user, index, users) => user !== users[index - 1]);
  expect(turns, 'who wrote, in turn').toEqual(operators);
}

/** Whatever statuses said on the way, it was one scaling with one start. */
function expectOneScaling(writes: readonly AuditedWrite[], from: number, to: number): void {
  const told = writes.flatMap(({ body, code }) => (code < 300 ? (body?.status?.lastScaling ?? []) : []));
  expect(new Set(told.map((scaling) => `${scaling.from} to ${scaling.to}`))).toEqual(new Set([`${from} to ${to}`]));
  expect(new Set(told.map(({ startedAt }) => startedAt)).size, 'starts').toBe(1);
}

/** Nothing of ours hangs on the members. */
async function expectUntouched(group: GroupScene): Promise<void> {
  for (const { metadata } of await group.deployments()) {
    expect(metadata).not.toHaveProperty('finalizers');
    expect(metadata).not.toHaveProperty('ownerReferences');
  }
}
