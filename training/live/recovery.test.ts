import { expect, it } from 'vitest';
import { recoveriesOf, steadySeconds } from './recovery.ts';

const sla = 5;
const series = (p95: number[]) => ({ p95: Float32Array.from(p95), stepSeconds: 5 });

it('is the time from the drop until the SLA holds for good, not until it holds first', () => {
  // Down at tick 2; above the SLA at 3, 4 and again at 6.
  const found = recoveriesOf(series([4, 4, 4, 9, 9, 4, 9, 4, 4, 4]), [{ second: 10, factor: 0.7 }], sla);
  expect(found).toEqual([{ second: 10, from: 1, to: expect.closeTo(0.7), seconds: 25, violationPercent: 37.5 }]);
});

it('is no matter of a later peak', () => {
  const quiet = Array.from({ length: steadySeconds / 5 }, () => 4);
  const drop = [{ second: 5, factor: 0.7 }];
  expect(recoveriesOf(series([4, 9, 9, ...quiet, 9, 9]), drop, sla)).toMatchObject([{ seconds: 10 }]);
  expect(recoveriesOf(series([4, 9, 9, ...quiet.slice(1), 9, 4]), drop, sla)).toMatchObject([
    { seconds: 5 * quiet.length + 10 },
  ]);
});

it('is nothing where p95 never left the SLA, and null where it never came back', () => {
  const drop = [{ second: 10, factor: 0.5 }];
  expect(recoveriesOf(series([9, 9, 4, 4]), drop, sla)).toMatchObject([{ seconds: 0, violationPercent: 0 }]);
  expect(recoveriesOf(series([4, 4, 4, 9]), drop, sla)).toMatchObject([{ seconds: null }]);
});

it('looks at each drop up to the next change, and at no rise', () => {
  const changes = [
    { second: 0, factor: 0.9 },
    { second: 5, factor: 0.6 },
    { second: 15, factor: 1 },
    { second: 20, factor: 0.8 },
  ];
  expect(recoveriesOf(series([4, 9, 4, 9, 4, 9]), changes, sla)).toMatchObject([
    { second: 5, seconds: 5 },
    { second: 20, seconds: null },
  ]);
});
