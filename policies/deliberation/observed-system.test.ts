import { expect, test } from 'vitest';
import type { SystemMeasurement } from '../../env/ports.ts';
import type { ClosedLoop } from '../resources/closed-loop.ts';
import { loopView } from './observed-system.ts';

const measured = (desired: number) => ({ desired: Int32Array.of(desired) }) as unknown as SystemMeasurement;

function sizeOf(status: object | undefined, measurement: SystemMeasurement | undefined): number {
  const object = { metadata: { name: 'web', namespace: 'shop' }, status } as unknown as ClosedLoop;
  const spec = { targetRef: { kind: 'Deployment', name: 'web' } } as ClosedLoop['spec'];
  return loopView({ key: 'shop/web', object, spec }, undefined, measurement).groupSize;
}
const ready = (status: 'True' | 'False') => [{ type: 'Ready', status }];

test.each([
  ['what the operator saw last', { replicas: 4, conditions: ready('True') }, measured(6), 4],
  ['what is measured where the operator has looked away', { replicas: 4, conditions: ready('False') }, measured(6), 6],
  [
    'what the operator saw before that, where nothing is measured',
    { replicas: 4, conditions: ready('False') },
    undefined,
    4,
  ],
  ['what is measured where no operator runs', undefined, measured(6), 6],
  ['unknown without both', undefined, measured(-1), Number.NaN],
])('the size of a workload is %s', (_, status, measurement, size) => {
  expect(sizeOf(status, measurement)).toBe(size);
});
