import { expect, it } from 'vitest';
import { decide } from '../../policies/reactive/decide.ts';
import { initialLoopState, type LoopState, proposeSetPoint } from '../../policies/reactive/loop-state.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { loopSpecOf } from './loop-spec-of.ts';
import { undone } from './undone.ts';

const spec = loopSpecOf(
  closedLoopSpecSchema.parse({
    targetRef: { name: 'web' },
    metrics: [
      {
        name: 'cpu',
        rank: 1,
        source: { push: {} },
        thresholds: [{ kind: 'superior', value: 70, reaction: { horizontal: { by: 2 } } }],
      },
    ],
    behavior: { maxReplicas: 20, scaleUp: { rateLimit: { pods: 2, periodSeconds: 60 } } },
  }),
  undefined,
  undefined,
);
const before: LoopState = proposeSetPoint(initialLoopState(spec), 6, 90);
const high = { groupSize: 5, metrics: { cpu: 90 } };
const decision = decide(spec, before, high, 100);

it('lets the next tick decide what could not be carried out, with its whole rate limit and set-point', () => {
  expect(decision).toMatchObject({ groupSize: 7, state: { added: [{ size: 2 }], setPoint: { applied: true } } });
  const again = decide(spec, undone(decision.state, before, decision.state, false), high, 115);
  expect(again).toMatchObject({ groupSize: 7, clampedBy: [], state: { reactionEpochs: { cpu: [115] } } });
  // Left as it was, the change that never came would use up the limit.
  expect(decide(spec, decision.state, high, 115)).toMatchObject({ groupSize: 5, clampedBy: ['scaleUpRate'] });
});

it('keeps the account of a size that was changed before something else failed', () => {
  const state = undone(decision.state, before, decision.state, true);
  expect(state).toMatchObject({ added: [{ size: 2 }], setPoint: { applied: true }, recentReactions: [] });
});

it('does not touch what came in meanwhile', () => {
  const meanwhile = { ...proposeSetPoint(decision.state, 9, 110), ranks: { cpu: 1 } };
  expect(undone(meanwhile, before, decision.state, false).setPoint).toEqual({ size: 9, second: 110, applied: false });
});
