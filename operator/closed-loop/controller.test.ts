/** The controller as a whole, on stand-ins for cluster, clock and metrics. */
import { describe, expect, it } from 'vitest';
import { conditionOf, running, start } from './controller.fixture.ts';
import { closedLoopObject, namespace, pushedCpuAndMemory } from './doubles.fixture.ts';

const key = `${namespace}/web`;

describe('the classical case', () => {
  it('reacts to the best-ranked metric of a message, and to each message once', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.push(2, 40);
    expect((await loop.tick())?.lastDecision).toMatchObject({
      message: 'Low cpu,Low memory',
      winner: 'cpu',
      losers: ['memory'],
      action: 'React to cpu',
      from: 30,
      to: 29,
      time: new Date(start * 1000).toISOString(),
    });
    const writes = loop.writes.length;
    await loop.tick();
    await loop.tick();
    expect(loop.cluster.scaled).toEqual([{ name: 'web', from: 30, to: 29 }]);
    expect(loop.writes).toHaveLength(writes);
    expect(loop.writes.at(-1)?.status).toMatchObject({ replicas: 29, lastDecision: { action: 'React to cpu' } });
    loop.push(5, 28);
    expect((await loop.tick())?.lastDecision).toMatchObject({
      message: 'Low memory',
      action: 'React to memory',
      to: 28,
    });
  });

  it('takes the message as not decided on when its reaction could not be carried out', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.push(2, 60);
    loop.cluster.hooks.beforeScale = () => {
      throw new Error('quota');
    };
    const status = await loop.tick();
    expect(conditionOf(status, 'ScalingActive')).toMatchObject({ status: 'False', reason: 'UnexpectedScaling' });
    expect(status?.reactionEpochs.cpu).toEqual([]);
    const writes = loop.writes.length;
    await loop.tick();
    expect(loop.writes).toHaveLength(writes);
    expect(await loop.sample('duoloop_scaling_failures_total')).toMatchObject([{ value: 2 }]);
    loop.cluster.hooks.beforeScale = undefined;
    expect((await loop.tick())?.lastDecision).toMatchObject({ action: 'React to cpu', to: 29 });
    expect(loop.writes.at(-1)?.status.reactionEpochs.cpu).toHaveLength(1);
  });
});

describe('what is never scaled', () => {
  it('refuses a target that an HPA owns, from the tick on in which the HPA is there', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.cluster.owners.set('web', { kind: 'HorizontalPodAutoscaler', name: 'web-hpa' });
    loop.push(2, 40);
    const status = await loop.tick();
    expect(loop.cluster.scaled).toEqual([]);
    expect(conditionOf(status, 'Ready')).toMatchObject({ status: 'False', reason: 'OwnedByAnother' });
    expect(loop.events).toContainEqual(
      expect.objectContaining({ type: 'Warning', reason: 'OwnedByAnother', note: expect.stringContaining('web-hpa') }),
    );
    expect(await loop.sample('duoloop_refusals_total')).toMatchObject([{ labels: { reason: 'OwnedByAnother' } }]);
    expect(loop.metrics.asked).toEqual([]);
    loop.cluster.owners.clear();
    expect(conditionOf(await loop.tick(), 'Ready')).toMatchObject({ status: 'True' });
    expect(loop.cluster.scaled).toHaveLength(1);
  });

  it('is watched by a paused loop beside an HPA, whose sizes it shows, until the HPA is gone and the loop let go', async () => {
    const loop = await running(closedLoopObject('web', { ...pushedCpuAndMemory, paused: true }));
    loop.cluster.owners.set('web', { kind: 'HorizontalPodAutoscaler', name: 'web-hpa' });
    loop.push(2, 40);
    const status = await loop.tick();
    expect(conditionOf(status, 'Ready')).toMatchObject({
      status: 'True',
      reason: 'WatchesBesideAnother',
      message: expect.stringContaining('HorizontalPodAutoscaler web-hpa scales it'),
    });
    expect(status?.lastDecision).toMatchObject({ action: 'No action', clampedBy: ['paused'] });
    loop.cluster.put('web', { replicas: 12 });
    expect((await loop.tick())?.replicas).toBe(12);
    expect(loop.cluster.scaled).toEqual([]);
    expect(loop.events.filter(({ type }) => type === 'Warning')).toEqual([]);
  });

  it('lets the older of two loops on one target go on', async () => {
    const older = closedLoopObject('web', pushedCpuAndMemory, { creationTimestamp: '2026-01-01T00:00:00Z' });
    const younger = closedLoopObject('web-two', pushedCpuAndMemory, { creationTimestamp: '2026-01-02T00:00:00Z' });
    const loop = await running(younger, older);
    loop.push(2, 40);
    await loop.tick();
    expect(loop.cluster.scaled).toHaveLength(1);
    const refused = loop.writes.find(({ name }) => name === 'web-two')?.status;
    expect(conditionOf(refused, 'Ready')).toMatchObject({ reason: 'AnotherClosedLoop' });
    loop.cache.remove('web');
    await loop.settle();
    loop.push(2, 40);
    await loop.tick();
    expect(loop.cluster.scaled).toHaveLength(2);
  });

  it('says at once what is wrong with a spec, and stops scaling by the old one', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.cache.put(closedLoopObject('web', { ...pushedCpuAndMemory, behavior: { maxReplicas: 0 } }, { generation: 2 }));
    await loop.settle();
    const ready = conditionOf(loop.writes.at(-1)?.status, 'Ready');
    expect(ready).toMatchObject({ reason: 'InvalidSpec', message: expect.stringContaining('behavior.maxReplicas') });
    loop.push(2, 40);
    await loop.tick();
    expect(loop.cluster.scaled).toEqual([]);
  });

  it('leaves a target alone that was scaled to 0', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.cluster.put('web', { replicas: 0, ready: 0 });
    loop.push(60, 60);
    expect(conditionOf(await loop.tick(), 'ScalingActive')).toMatchObject({ status: 'False', reason: 'ScaledToZero' });
    expect(loop.cluster.scaled).toEqual([]);
  });
});

describe('what changes in mid-tick', () => {
  it('does nothing for a loop that was deleted while it was measured', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.push(2, 40);
    loop.metrics.hooks.beforeAnswer = async () => {
      loop.cache.remove('web');
      await new Promise((resolve) => setImmediate(resolve));
    };
    await loop.tick();
    expect(loop.cluster.scaled).toEqual([]);
    expect(loop.writes).toEqual([]);
  });

  it('leaves another’s change of the size as it is, and loses no set-point over it', async () => {
    const quiet = { ...pushedCpuAndMemory, paused: false };
    const loop = await running(closedLoopObject('web', quiet));
    loop.push(20, 60);
    await loop.tick();
    const state = loop.controller.table.get(key)?.state;
    if (state === undefined) throw new Error('the loop runs');
    const setPoint = { size: 28, second: start + 20, applied: false };
    loop.controller.table.change(key, { state: { ...state, setPoint } });
    loop.cluster.hooks.beforeScale = () => loop.cluster.put('web', { replicas: 31 });
    await loop.tick();
    expect(loop.cluster.scaled).toEqual([]);
    expect(loop.controller.table.get(key)?.state.setPoint).toEqual(setPoint);
    loop.cluster.hooks.beforeScale = undefined;
    await loop.tick();
    expect(loop.cluster.scaled).toEqual([{ name: 'web', from: 31, to: 28 }]);
  });

  it('keeps what the deliberative side changed while a failing write was under way', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.push(2, 40);
    loop.cluster.hooks.beforeScale = () => {
      const state = loop.controller.table.get(key)?.state;
      if (state) loop.controller.table.change(key, { state: { ...state, ranks: { cpu: 2, memory: 1 } } });
      throw new Error('refused');
    };
    const status = await loop.tick();
    expect(status).toMatchObject({ ranks: { cpu: 2, memory: 1 }, ranking: 'memory,cpu' });
    expect(status?.recentReactions).toEqual([]);
  });

  it('writes and scales nothing once leadership is in doubt', async () => {
    const loop = await running(closedLoopObject('web', pushedCpuAndMemory));
    loop.push(2, 40);
    loop.metrics.hooks.beforeAnswer = () => {
      loop.state.mayAct = false;
    };
    await loop.tick();
    expect([loop.cluster.scaled, loop.writes]).toEqual([[], []]);
  });
});

describe('the status', () => {
  const polled = {
    ...pushedCpuAndMemory,
    metrics: [
      {
        name: 'cpu',
        rank: 1,
        source: { prometheus: { query: 'up' } },
        thresholds: [{ kind: 'superior', value: 70, reaction: { horizontal: { by: 1 } } }],
      },
    ],
  };

  it('is written once for a state that lasts, whatever the numbers', async () => {
    const loop = await running(closedLoopObject('web', polled));
    for (let i = 0; i < 8; i++) {
      loop.metrics.set('cpu', { value: 40 + i });
      await loop.tick();
    }
    expect(loop.writes).toHaveLength(1);
    for (let i = 0; i < 5; i++) {
      loop.metrics.set('cpu', { missing: `older than ${60 + i} s` });
      await loop.tick();
    }
    expect(loop.writes).toHaveLength(2);
    expect(loop.writes[1].status.recentDecisions).toHaveLength(2);
    expect(conditionOf(loop.writes[1].status, 'MetricsAvailable')).toMatchObject({
      status: 'False',
      message: 'cpu: older than 60 s',
    });
  });

  it('is written once for a breach at the largest size', async () => {
    const loop = await running(closedLoopObject('web', { ...polled, behavior: { maxReplicas: 30 } }));
    loop.metrics.set('cpu', { value: 90 });
    for (let i = 0; i < 5; i++) await loop.tick();
    expect(loop.writes).toHaveLength(1);
    expect(conditionOf(loop.writes[0].status, 'ScalingLimited')).toMatchObject({
      status: 'True',
      reason: 'MaxReplicas',
    });
  });

  it('is written by the tick after one that could not', async () => {
    const loop = await running(closedLoopObject('web', polled));
    loop.metrics.set('cpu', { value: 40 });
    loop.state.failWrites = true;
    await loop.tick();
    loop.state.failWrites = false;
    await loop.tick();
    expect(loop.writes).toHaveLength(1);
  });

  it('is not written again by a process that takes over', async () => {
    const first = await running(closedLoopObject('web', polled));
    first.metrics.set('cpu', { value: 80 });
    await first.tick();
    first.metrics.set('cpu', { value: 40 });
    await first.tick();
    first.stop();
    const { status } = first.writes.at(-1) ?? {};
    const second = await running({ ...closedLoopObject('web', polled), status });
    second.cluster.put('web', { replicas: 31 });
    second.metrics.set('cpu', { value: 41 });
    await second.tick();
    expect(second.writes).toEqual([]);
    expect(second.controller.table.get(key)?.state.reactionEpochs.cpu).toHaveLength(1);
  });

  it('leaves no series behind when the loop is deleted', async () => {
    const loop = await running(closedLoopObject('web', polled));
    loop.metrics.set('cpu', { value: 40 });
    await loop.tick();
    expect(await loop.sample('duoloop_closed_loop_replicas')).toHaveLength(1);
    loop.cache.remove('web');
    await loop.settle();
    expect(await loop.sample('duoloop_closed_loop_replicas')).toEqual([]);
  });
});
