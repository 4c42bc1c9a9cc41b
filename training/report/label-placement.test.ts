import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placeLabels } from './label-placement.ts';

const area = { left: 0, top: 0, right: 1000, bottom: 450 };

it('keeps labels apart around a crowd of points', () => {
  fc.assert(
    fc.property(
      fc.float({ min: 200, max: 800, noNaN: true }),
      fc.float({ min: 100, max: 350, noNaN: true }),
      (x, y) => {
        const points = ['rps-tuned', 'hpa-tuned', 'hpa', 'frontend'].map((text, i) => ({
          x: x + 3 * i,
          y: y - 2 * i,
          text,
        }));
        const lines = placeLabels(points, area, 12).map((placement, i) => {
          const width = points[i].text.length * 7;
          const { x: at, y: line, align } = placement as NonNullable<typeof placement>;
          const left = align === 'left' ? at : align === 'right' ? at - width : at - width / 2;
          return { left, right: left + width, line };
        });
        for (const [i, a] of lines.entries()) {
          for (const b of lines.slice(i + 1)) {
            expect(Math.abs(a.line - b.line) >= 12 || a.right <= b.left || b.right <= a.left).toBe(true);
          }
        }
      },
    ),
  );
});

it('turns to the left at the right edge', () => {
  expect(placeLabels([{ x: 990, y: 200, text: 'random-group' }], area, 12)[0]?.align).toBe('right');
});
