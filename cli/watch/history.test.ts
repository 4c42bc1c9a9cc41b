import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HistoryPoint, historyOfDecisions, historyWindow, mergeHistory } from './history.ts';
import { historyPoints } from './measurement-reader.ts';
import { decision, now, timestampBefore } from './watch.fixture.ts';

const window = historyWindow(1800, 5);

const points = fc.array(
  fc.record(
    {
      second: fc.integer({ min: now - 3600, max: now + 60 }),
      load: fc.integer({ min: 0, max: 9 }),
      p95Milliseconds: fc.integer({ min: 0, max: 9 }),
      desired: fc.integer({ min: 0, max: 9 }),
    },
    { requiredKeys: ['second'] },
  ),
  { maxLength: 60 },
);
const stepOf = ({ second }: HistoryPoint) => Math.floor(second / window.stepSeconds);

describe('merging histories', () => {
  it('gives one point a step, in order, within the window, and changes nothing when done again', () => {
    fc.assert(
      fc.property(points, points, (earlier, later) => {
        const merged = mergeHistory(earlier, later, window, now);
        const steps = merged.map(stepOf);
        expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
        expect(merged.every(({ second }) => second >= now - 1800 && second <= now)).toBe(true);
        expect(mergeHistory(merged, [], window, now)).toEqual(merged);
        const inside = [...earlier, ...later].filter(({ second }) => second >= now - 1800 && second <= now);
        expect(new Set(steps)).toEqual(new Set(inside.map(stepOf)));
      }),
    );
  });

  it('keeps the peak of p95 and the later of everything else', () => {
    fc.assert(
      fc.property(points, points, (earlier, later) => {
        for (const point of mergeHistory(earlier, later, window, now)) {
          const same = [...earlier, ...later].filter(
            (each) => stepOf(each) === stepOf(point) && each.second <= now && each.second >= now - 1800,
          );
          const of = (quantity: 'load' | 'desired' | 'p95Milliseconds') =>
            same.map((each) => each[quantity]).filter((value) => value !== undefined);
          expect(point.load).toBe(of('load').at(-1));
          expect(point.desired).toBe(of('desired').at(-1));
          expect(point.p95Milliseconds).toBe(
            of('p95Milliseconds').length > 0 ? Math.max(...of('p95Milliseconds')) : undefined,
          );
        }
      }),
    );
  });
});

it('begins with the sizes that the last decisions led to, the oldest of them at the start of the window', () => {
  const decisions = [
    decision({ time: timestampBefore(60), to: 8 }),
    decision({ time: timestampBefore(900), to: 5 }),
    decision({ time: timestampBefore(4000), to: 3 }),
    decision({ time: timestampBefore(9000), to: 2 }),
  ];
  expect(historyOfDecisions(decisions, window, now)).toEqual([
    { second: now - 1800, desired: 3 },
    { second: now - 900, desired: 5 },
    { second: now - 60, desired: 8 },
  ]);
});

it('takes load and p95 of the entry and sizes of the member that has the size of the group', () => {
  const history = (name: string, offset: number) => ({
    name,
    requestsPerSecond: Float64Array.of(offset + 1, Number.NaN),
    p95Milliseconds: Float64Array.of(offset + 2, offset + 2),
    cpuPercent: Float64Array.of(0, 0),
    memoryPercent: Float64Array.of(0, 0),
    measuredPods: Float64Array.of(0, 0),
    readyPods: Float64Array.of(offset + 3, offset + 3),
    desiredPods: Float64Array.of(offset + 4, Number.NaN),
  });
  const fleet = {
    seconds: Float64Array.of(10, 20),
    stepSeconds: 10,
    workloads: [history('front', 0), history('back', 100)],
    missing: [],
  };
  const system = { key: 'shop/web', namespace: 'shop', workloads: ['front', 'back'] };
  expect(historyPoints({ ...system, sizeOf: 1 }, fleet)).toEqual([
    { second: 10, load: 1, p95Milliseconds: 2, ready: 103, desired: 104 },
    { second: 20, load: undefined, p95Milliseconds: 2, ready: 103, desired: undefined },
  ]);
  expect(historyPoints({ ...system, sizeOf: undefined }, fleet)[0]).toMatchObject({ load: 1, ready: undefined });
});
