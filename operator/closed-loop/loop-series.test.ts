import { describe, expect, it } from 'vitest';
import { running } from './controller.fixture.ts';
import { closedLoopObject, pushedCpuAndMemory } from './doubles.fixture.ts';

const ofLoop = { namespace: 'shop', closed_loop: 'web' };
const scaled = { ...pushedCpuAndMemory, whileRollingOut: 'React' as const };

async function series(loop: Awaited<ReturnType<typeof running>>, name: string) {
  const samples = await loop.sample(`duoloop_closed_loop_${name}`);
  return samples.map(({ labels: { namespace, closed_loop, ...own }, value }) => {
    expect({ namespace, closed_loop }).toEqual(ofLoop);
    return { ...own, value };
  });
}

describe('series of a closed loop', () => {
  it('tell what it measured, against what, by which rank, and what it did', async () => {
    const loop = await running(closedLoopObject('web', scaled));
    loop.push(2, 60);
    await loop.tick();
    expect(await series(loop, 'metric')).toEqual([
      { metric: 'cpu', value: 2 },
      { metric: 'memory', value: 60 },
    ]);
    expect(await series(loop, 'threshold')).toEqual([
      { metric: 'cpu', kind: 'inferior', value: 5 },
      { metric: 'memory', kind: 'inferior', value: 50 },
    ]);
    expect(await series(loop, 'rank')).toEqual([
      { metric: 'cpu', value: 1 },
      { metric: 'memory', value: 2 },
    ]);
    expect(await series(loop, 'replicas')).toEqual([{ value: 30 }]);
    expect(await series(loop, 'wanted_replicas')).toEqual([{ value: 29 }]);
    expect(await series(loop, 'set_point_replicas')).toEqual([]);
    loop.push(2, 60);
    await loop.tick();
    expect(await series(loop, 'changes_total')).toEqual([
      { metric: 'cpu', kind: 'horizontal', direction: 'down', value: 2 },
    ]);
  });

  it('compare a tracked metric with what the present size is meant to carry', async () => {
    const track = { kind: 'superior', reaction: { horizontal: { track: 10 } } };
    const metric = { name: 'cpu', rank: 1, source: { push: {} }, thresholds: [track] };
    const loop = await running(closedLoopObject('web', { ...scaled, metrics: [metric] } as typeof scaled));
    loop.push(300, 0);
    await loop.tick();
    expect(await series(loop, 'threshold')).toEqual([{ metric: 'cpu', kind: 'track', value: 300 }]);
  });

  it('have no value for a metric that is missing, and name the conditions that are not met until they are', async () => {
    const loop = await running(closedLoopObject('web', scaled));
    loop.push(20, 60);
    await loop.tick();
    expect(await series(loop, 'unmet_condition')).toEqual([]);
    loop.metrics.set('cpu', { missing: 'the query has no result' });
    await loop.tick();
    expect(await series(loop, 'metric')).toEqual([{ metric: 'memory', value: 60 }]);
    expect(await series(loop, 'missing_metrics')).toEqual([{ value: 1 }]);
    expect(await series(loop, 'unmet_condition')).toContainEqual({
      type: 'MetricsAvailable',
      reason: 'MissingMetrics',
      value: 1,
    });
    loop.push(20, 60);
    await loop.tick();
    expect(await series(loop, 'unmet_condition')).toEqual([]);
  });

  it('say why a target is refused, and nothing of the time before', async () => {
    const loop = await running(closedLoopObject('web', scaled));
    loop.push(20, 60);
    await loop.tick();
    loop.cluster.remove('web');
    await loop.tick();
    expect(await series(loop, 'unmet_condition')).toContainEqual({ type: 'Ready', reason: 'TargetMissing', value: 1 });
    expect(await series(loop, 'replicas')).toEqual([]);
    expect(await series(loop, 'metric')).toEqual([]);
  });

  it('end with the loop, and with the term of the leader', async () => {
    const loop = await running(closedLoopObject('web', scaled));
    loop.push(2, 60);
    await loop.tick();
    loop.cache.remove('web');
    await loop.settle();
    expect(await series(loop, 'replicas')).toEqual([]);
    loop.cache.put(closedLoopObject('web', scaled));
    await loop.settle();
    await loop.tick();
    expect(await series(loop, 'replicas')).toHaveLength(1);
    loop.stop();
    await loop.settle();
    for (const name of ['replicas', 'metric', 'changes_total']) expect(await series(loop, name)).toEqual([]);
    expect((await loop.sample('duoloop_closed_loops')).map(({ value }) => value)).toEqual([0, 0, 0]);
  });
});
