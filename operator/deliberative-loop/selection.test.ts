import { describe, expect, it } from 'vitest';
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import { type Candidate, selectClosedLoops } from './selection.ts';

const tuner = (
  name: string,
  born: number,
  closedLoops: DeliberativeLoopSpec['closedLoops'],
  mode: DeliberativeLoopSpec['mode'] = 'Bounded',
): Candidate => ({
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
