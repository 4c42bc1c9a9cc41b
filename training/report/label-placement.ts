/** Puts labels beside points so that they cover neither each other nor a point. */

/** Pixels; y grows downwards. */
export interface LabelledPoint {
  x: number;
  y: number;
  /** Empty: an obstacle without a label. */
  text: string;
}

export interface Area {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Placement {
  /** Where the text is anchored, in pixels. */
  x: number;
  y: number;
  align: 'left' | 'right' | 'center';
}

const lineHeight = 16;
const pointRadius = 8;
const gap = 10;

/** Without a font at hand: the mean advance of a wide sans-serif in bold, so that real text is rather narrower. */
const estimatedWidth = (text: string, fontSize: number) => text.length * fontSize * 0.62;

/**
 * Greedy, in the order given: the first of right, left, above, below and then further up and down on either
 * side that is inside the area and free; the first that is inside when none is free.
 */
export function placeLabels(points: readonly LabelledPoint[], area: Area, fontSize: number): (Placement | null)[] {
  const taken: Area[] = points.map(({ x, y }) => ({
    left: x - pointRadius,
    right: x + pointRadius,
    top: y - pointRadius,
    bottom: y + pointRadius,
  }));
  return points.map((point, own) => {
    if (point.text === '') return null;
    const width = estimatedWidth(point.text, fontSize);
    const inside = candidates(point).filter((one) => {
      const box = boxOf(one, width);
      return box.left >= area.left && box.right <= area.right && box.top >= area.top && box.bottom <= area.bottom;
    });
    const free = inside.find((one) => taken.every((other, i) => i === own || !overlap(boxOf(one, width), other)));
    const chosen = free ?? inside[0] ?? candidates(point)[0];
    taken.push(boxOf(chosen, width));
    return chosen;
  });
}

function candidates({ x, y }: LabelledPoint): Placement[] {
  const sides = (shift: number): Placement[] => [
    { x: x + gap, y: y + shift, align: 'left' },
    { x: x - gap, y: y + shift, align: 'right' },
  ];
  return [
    ...sides(0),
    { x, y: y - lineHeight, align: 'center' },
    { x, y: y + lineHeight, align: 'center' },
    ...[-1, 1, -2, 2, -3, 3].flatMap((lines) => sides(lines * lineHeight)),
  ];
}

function boxOf({ x, y, align }: Placement, width: number): Area {
  const left = align === 'left' ? x : align === 'right' ? x - width : x - width / 2;
  return { left, right: left + width, top: y - lineHeight / 2, bottom: y + lineHeight / 2 };
}

const overlap = (a: Area, b: Area) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
