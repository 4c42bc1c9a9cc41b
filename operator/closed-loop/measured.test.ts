import { describe, expect, it } from 'vitest';
import { decide } from '../../policies/reactive/decide.ts';
import { initialLoopState } from '../../policies/reactive/loop-state.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { loopSpecOf } from './loop-spec-of.ts';
import { isNothingNew, measuredOf } from './measured.ts';

const spec = closedLoopSpecSchema.parse({
  targetRef: { name: 'web' },
  metrics: [
    {
      name: 'cpu',
      rank: 1,
      source: { push: {} },
      thresholds: [{ kind: 'superior', value: 70, reaction: { horizontal: { by: 1 } } }],
    },
    {
      name: 'queue',
      rank: 2,
      source: { prometheus: { query: 'queue' } },
      thresholds: [{ kind: 'inferior', value: 10, reaction: { horizontal: { by: -1 } } }],
    },
  ],
  behavior: { maxReplicas: 10, scaleDown: { stabilizationWindowSeconds: 0 } },
});
const loopSpec = loopSpecOf(spec, undefined, undefined);
const decideOn = (measured: ReturnType<typeof measuredOf>) =>
  decide(loopSpec, initialLoopState(loopSpec), { groupSize: 5, ...measured }, 1000);

describe('what was measured', () => {
  it('keeps a value that leaves members out from scaling down', () => {
    const measured = measuredOf(
      spec,
      [
        { value: 50, time: 990 },
        { value: 5, incomplete: 'no data of cart' },
      ],
      undefined,
    );
    expect(measured).toMatchObject({ incomplete: ['queue'], messageTime: 990 });
    expect(decideOn(measured)).toMatchObject({ groupSize: 5, clampedBy: ['missingMetrics'] });
  });

  it('is no reason to react again to a message that was decided on, nor to scale down against it', () => {
    const measured = measuredOf(spec, [{ value: 90, time: 990 }, { value: 5 }], 990);
    expect(measured.settled).toEqual(['cpu']);
    expect(decideOn(measured)).toMatchObject({
      message: 'High cpu,Low queue',
      winner: null,
      losers: ['cpu', 'queue'],
      groupSize: 5,
      clampedBy: ['breach'],
    });
    expect(decideOn(measuredOf(spec, [{ value: 50, time: 990 }, { value: 5 }], 990))).toMatchObject({ groupSize: 4 });
  });

  it('takes a message that came late for an old one', () => {
    expect(measuredOf(spec, [{ value: 90, time: 980 }, { value: 50 }], 990).settled).toEqual(['cpu']);
  });

  it('is nothing new only when every metric is settled', () => {
    const pushOnly = { ...spec, metrics: [spec.metrics[0]] };
    expect(isNothingNew(pushOnly, measuredOf(pushOnly, [{ value: 90, time: 990 }], 990))).toBe(true);
    expect(isNothingNew(pushOnly, measuredOf(pushOnly, [{ missing: 'older than 60 s' }], 990))).toBe(false);
    expect(isNothingNew(spec, measuredOf(spec, [{ value: 90, time: 990 }, { value: 5 }], 990))).toBe(false);
  });
});
