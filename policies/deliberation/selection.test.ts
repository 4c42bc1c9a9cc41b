import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeliberativeLoopSpec } from '../resources/deliberative-loop.ts';
import { type Selecting, selectClosedLoops, selectForAll } from './selection.ts';

const tuner = (
  name: string,
  born: number,
  closedLoops: DeliberativeLoopSpec['closedLoops'],
  mode: DeliberativeLoopSpec['mode'] = 'Bounded',
): Selecting => ({
  metadata: { name, creationTimestamp: new Date(born * 1000).toISOString() },
  spec: { closedLoops, mode },
});
const loops = [
  { metadata: { name: 'web', labels: { tier: 'front', app: 'shop' } } },
  { metadata: { name: 'cart', labels: { tier: 'back', app: 'shop' } } },
];

describe('selectClosedLoops', () => {
  it('selects by name, telling what is not there, and by all labels', () => {
    const byName = tuner('n', 1, { names: ['cart', 'gone'] });
    expect(selectClosedLoops(byName, [byName], loops)).toEqual({
      closedLoops: ['cart'],
      conflicts: [],
      absent: ['gone'],
    });
    const byLabel = tuner('l', 1, { matchLabels: { app: 'shop', tier: 'front' } });
    expect(selectClosedLoops(byLabel, [byLabel], loops).closedLoops).toEqual(['web']);
  });

  it('leaves a closed loop to the older one, of one second to the first by name', () => {
    const older = tuner('z', 1, { names: ['web'] });
    const younger = tuner('a', 2, { matchLabels: { app: 'shop' } });
    const twin = tuner('b', 2, { matchLabels: { app: 'shop' } });
    const all = [twin, younger, older];
    expect(selectClosedLoops(older, all, loops)).toMatchObject({ closedLoops: ['web'], conflicts: [] });
    expect(selectClosedLoops(younger, all, loops)).toMatchObject({
      closedLoops: ['cart'],
      conflicts: [{ closedLoop: 'web', keptBy: 'z' }],
    });
    expect(selectClosedLoops(twin, all, loops)).toMatchObject({
      closedLoops: [],
      conflicts: [
        { closedLoop: 'web', keptBy: 'z' },
        { closedLoop: 'cart', keptBy: 'a' },
      ],
    });
  });

  it('lets those that only watch be beside one that acts', () => {
    const watching = tuner('old', 1, { names: ['web'] }, 'Observe');
    const acting = tuner('new', 2, { names: ['web'] }, 'Autonomous');
    const recommending = tuner('newest', 3, { names: ['web'] }, 'Recommend');
    for (const self of [watching, acting, recommending]) {
      expect(selectClosedLoops(self, [watching, acting, recommending], loops)).toMatchObject({
        closedLoops: ['web'],
        conflicts: [],
      });
    }
  });
});

describe('selectForAll', () => {
  const names = ['a', 'b', 'c', 'd'];
  const loops = names.map((name, i) => ({ metadata: { name, labels: { half: String(i % 2) } } }));
  const selectors = fc.oneof(
    fc.subarray(names).map((some) => ({ names: some })),
    fc.constantFrom('0', '1', '2').map((half) => ({ matchLabels: { half } })),
  );
  const tuners = fc
    .array(fc.record({ age: fc.integer({ min: 1, max: 3 }), selector: selectors, acts: fc.boolean() }), {
      maxLength: 6,
    })
    .map((drawn) =>
      drawn.map(({ age, selector, acts }, i) => tuner(`t${i}`, age, selector, acts ? 'Bounded' : 'Recommend')),
    );

  it('has no closed loop acted on by two, and none that is selected acted on by nobody', () => {
    fc.assert(
      fc.property(tuners, (all) => {
        const found = selectForAll(all, loops);
        for (const [i, name] of names.entries()) {
          const acting = all.filter(
            ({ spec: { mode, closedLoops } }) =>
              mode === 'Bounded' &&
              (closedLoops.names?.includes(name) ?? closedLoops.matchLabels?.half === String(i % 2)),
          );
          const keepers = acting.filter(({ metadata }) => found.get(metadata.name)?.includes(name));
          expect(keepers).toHaveLength(acting.length > 0 ? 1 : 0);
          const ages = (some: Selecting[]) =>
            some.map(({ metadata }) => `${metadata.creationTimestamp} ${metadata.name}`).sort();
          expect(ages(keepers)[0]).toBe(ages(acting)[0]);
        }
      }),
    );
  });

  it('gives each what it is given when asked about alone', () => {
    fc.assert(
      fc.property(tuners, (all) => {
        const found = selectForAll(all, loops);
        for (const self of all) {
          expect(found.get(self.metadata.name)).toEqual(selectClosedLoops(self, all, loops).closedLoops);
        }
      }),
    );
  });
});
