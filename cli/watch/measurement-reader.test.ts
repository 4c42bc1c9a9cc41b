import { expect, it } from 'vitest';
import { PrometheusError } from '../../env/cluster/prometheus.ts';
import type { ObservedSystem } from '../../env/ports.ts';
import { historyWindow } from './history.ts';
import { createMeasurementReader } from './measurement-reader.ts';
import { watchedSystem } from './observed-system.ts';
import { closedLoop, measurement, scalingGroup } from './watch.fixture.ts';

const systemOf = (name: string) => ({ key: `shop/${name}`, namespace: 'shop', workloads: [name], sizeOf: 0 });

/** Resolves when it holds, asked again and again while the reader runs. */
async function seen(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

function startReader() {
  const state = { isDown: false, second: 1000, rounds: 0 };
  const histories: string[] = [];
  const observer = {
    source: {
      async measure(systems: readonly ObservedSystem[]) {
        state.rounds += 1;
        if (state.isDown) throw new PrometheusError('unreachable', 'query up at http://prometheus: ECONNREFUSED');
        return systems.map(({ key }) => measurement(key, 5, 20));
      },
    },
    async readHistory() {
      return { seconds: Float64Array.of(), stepSeconds: 10, workloads: [], missing: [] };
    },
  };
  const systems = [systemOf('web')];
  const reader = createMeasurementReader({
    name: 'Prometheus',
    groups: () => [{ observer, systems }],
    window: historyWindow(1800, 5),
    intervalSeconds: 0.001,
    now: () => state.second,
    onHistory: (key) => void histories.push(key),
  });
  const stop = new AbortController();
  const running = reader.run(stop.signal);
  return {
    reader,
    state,
    histories,
    systems,
    async stop() {
      stop.abort();
      await running;
    },
  };
}

it('asks for the history of each loop once, and anew after Prometheus was away', async () => {
  const { reader, state, histories, systems, stop } = startReader();
  expect(reader.source()).toMatchObject({ state: 'waiting' });
  await seen(() => histories.length === 1);
  systems.push(systemOf('api'));
  await seen(() => histories.length === 2);
  const { rounds } = state;
  await seen(() => state.rounds > rounds + 2);
  expect(histories).toEqual(['shop/web', 'shop/api']);
  expect([...reader.measurements().keys()]).toEqual(['shop/web', 'shop/api']);
  state.isDown = true;
  await seen(() => reader.source().state === 'lost');
  expect(reader.source()).toMatchObject({ lastSeenSecond: 1000, message: expect.stringContaining('ECONNREFUSED') });
  state.isDown = false;
  await seen(() => histories.length === 4);
  expect(reader.source()).toMatchObject({ state: 'ok', message: '' });
  await stop();
});

it('shows no measurement that is older than three intervals as if it were of now', async () => {
  const { reader, state, stop } = startReader();
  await seen(() => reader.measurements().size === 1);
  state.isDown = true;
  await seen(() => reader.source().state === 'lost');
  state.second += 0.004;
  expect(reader.measurements().size).toBe(0);
  await stop();
});

it.each([
  ['its Deployment', undefined, [], { workloads: ['web'], sizeOf: 0 }],
  ['a StatefulSet', { kind: 'StatefulSet', name: 'db' }, [], { workloads: ['db'], sizeOf: 0 }],
  [
    'a kind that has no pods of its own',
    { kind: 'Rollout', apiVersion: 'argoproj.io/v1alpha1', name: 'web' },
    [],
    undefined,
  ],
  ['a group that is not there', { kind: 'ScalingGroup', name: 'gone' }, [], undefined],
  [
    'the members of its group',
    { kind: 'ScalingGroup', name: 'all' },
    [scalingGroup('all', [{ name: 'front', ratio: 2 }, { name: 'back' }], 3, 3)],
    { workloads: ['front', 'back'], sizeOf: 1 },
  ],
])('measures %s', (_, target, groups, system) => {
  const observed = watchedSystem(closedLoop('web', target === undefined ? {} : { target }), groups);
  if (system === undefined) expect(observed).toBeUndefined();
  else expect(observed).toEqual({ key: 'shop/web', namespace: 'shop', ...system });
});
