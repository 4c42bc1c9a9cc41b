import { expect, test } from 'vitest';
import { maxClosedLoops, servedLoops } from './selection.ts';

test('what does not fit into a status is left out, and counted', () => {
  const loops = Array.from({ length: maxClosedLoops + 3 }, (_, i) => ({
    metadata: { name: `l${i}`, labels: { all: 'yes' } },
  }));
  const spec = { mode: 'Bounded', closedLoops: { matchLabels: { all: 'yes' } } } as const;
  const found = servedLoops([{ metadata: { name: 't' }, spec }], loops).get('t');
  expect(found?.closedLoops).toHaveLength(maxClosedLoops);
  expect(found?.beyond).toBe(3);
});
