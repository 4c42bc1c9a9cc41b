import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxClosedLoops, type Selecting, selectClosedLoops } from './selection.ts';

const loop = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels } });
const tuner = (name: string, age: string, mode: Selecting['spec']['mode'], closedLoops: object): Selecting => ({
  metadata: { name, creationTimestamp: `2026-01-01T00:00:0${age}Z` },
  spec: { mode, closedLoops },
});

test('the oldest that acts keeps a closed loop; one that only watches neither keeps nor gives way', () => {
  const found = selectClosedLoops(
    [
      tuner('young', '3', 'Bounded', { matchLabels: { team: 'a' } }),
      tuner('watcher', '1', 'Observe', { names: ['web', 'gone'] }),
      tuner('old', '2', 'Autonomous', { names: ['web'] }),
    ],
    [loop('web', { team: 'a' }), loop('api', { team: 'a' }), loop('db', { team: 'b' })],
  );
  expect(found.get('watcher')).toMatchObject({ closedLoops: ['web'], keptByOthers: [] });
  expect(found.get('old')).toMatchObject({ closedLoops: ['web'], keptByOthers: [] });
  expect(found.get('young')).toMatchObject({ closedLoops: ['api'], keptByOthers: ['web'] });
});

test('no closed loop is acted on by two, and none that is selected is acted on by nobody', () => {
  const names = ['a', 'b', 'c', 'd'];
  const tuners = fc.array(
    fc.record({ age: fc.constantFrom('1', '2', '3'), names: fc.subarray(names), acts: fc.boolean() }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(tuners, (drawn) => {
      const all = drawn.map(({ age, names: wanted, acts }, i) =>
        tuner(`t${i}`, age, acts ? 'Bounded' : 'Recommend', { names: wanted }),
      );
      const found = selectClosedLoops(
        all,
        names.map((name) => loop(name)),
      );
      for (const name of names) {
        const acting = all.filter(({ spec }) => spec.mode === 'Bounded' && spec.closedLoops.names?.includes(name));
        const keepers = acting.filter(({ metadata }) => found.get(metadata.name)?.closedLoops.includes(name));
        expect(keepers.length).toBe(acting.length > 0 ? 1 : 0);
        const oldest = acting.map(({ metadata }) => `${metadata.creationTimestamp} ${metadata.name}`).sort()[0];
        expect(keepers.map(({ metadata }) => `${metadata.creationTimestamp} ${metadata.name}`)[0]).toBe(oldest);
      }
    }),
  );
});

test('what does not fit into a status is left out, and counted', () => {
  const loops = Array.from({ length: maxClosedLoops + 3 }, (_, i) => loop(`l${i}`, { all: 'yes' }));
  const found = selectClosedLoops([tuner('t', '1', 'Bounded', { matchLabels: { all: 'yes' } })], loops);
  expect(found.get('t')?.closedLoops).toHaveLength(maxClosedLoops);
  expect(found.get('t')?.beyond).toBe(3);
});
