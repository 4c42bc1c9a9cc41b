import fc from 'fast-check';
import { expect, test } from 'vitest';
import { proposalSchema } from '../../policies/resources/deliberative-loop.ts';
import { type GuardedLoop, guardDecision } from './guard.ts';

const behavior = {
  minReplicas: 2,
  maxReplicas: 20,
  scaleUp: {},
  scaleDown: {},
} as unknown as GuardedLoop['spec']['behavior'];
const metrics = [{ name: 'cpu' }, { name: 'p95' }] as unknown as GuardedLoop['spec']['metrics'];
const loopOf = (groupSize: number): GuardedLoop => ({ name: 'web', spec: { behavior, metrics }, groupSize });
const time = '2026-01-01T00:00:00.000Z';
const decisionOf = (proposal: object) => ({
  key: 'shop/web',
  proposal: { closedLoop: 'web', time, ...proposal },
  abstention: undefined,
  observation: new Float32Array(),
  raise: 0,
  move: 0,
});
const guardrails = { maxStep: 4, minReplicas: 3, maxReplicas: 12, rankChangesPerHour: 12, staleAfterSeconds: 180 };

test('whatever a policy says, what leaves is valid, of this closed loop, and within bounds and step', () => {
  const anyNumber = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(Number.NaN, 1e308, -0));
  const anyProposal = fc.record(
    {
      closedLoop: fc.constantFrom('web', 'other'),
      setPoint: anyNumber,
      confidence: anyNumber,
      value: anyNumber,
      hpaWouldBe: anyNumber,
      ranks: fc.dictionary(fc.constantFrom('cpu', 'p95', 'x'), anyNumber),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(anyProposal, fc.integer({ min: 0, max: 40 }), fc.boolean(), (proposal, size, isAutonomous) => {
      const mode = isAutonomous ? 'Autonomous' : 'Bounded';
      const guarded = guardDecision(decisionOf(proposal), loopOf(size), { guardrails, mode });
      if (guarded.proposal === undefined) {
        expect(guarded.abstention.reason).toBe('NotANumber');
        return;
      }
      const { setPoint, ranks, closedLoop } = guarded.proposal;
      expect(proposalSchema.safeParse(JSON.parse(JSON.stringify(guarded.proposal))).success).toBe(true);
      expect(closedLoop).toBe('web');
      if (ranks !== undefined) expect(Object.values(ranks).sort()).toEqual([1, 2]);
      if (setPoint === undefined) return;
      const isWithinBounds = setPoint >= 3 && setPoint <= 12;
      const isWithinStep = Math.abs(setPoint - size) <= 4;
      // A bound further away than a step is approached by one.
      const isOnItsWay = Math.abs(setPoint - size) === 4 && (size > 12 ? setPoint < size : setPoint > size);
      expect(isAutonomous ? isWithinBounds : isWithinStep && (isWithinBounds || isOnItsWay)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('a sound proposal goes through as it is, and an abstention keeps its reason', () => {
  const proposal = { setPoint: 7, ranks: { cpu: 2, p95: 1 }, confidence: 0.5, value: -3, hpaWouldBe: 6 };
  const rails = { guardrails, mode: 'Bounded' as const };
  expect(guardDecision(decisionOf(proposal), loopOf(5), rails).proposal).toEqual({
    closedLoop: 'web',
    time,
    ...proposal,
  });
  const abstention = { reason: 'Paused' as const, message: 'it is paused' };
  const abstaining = { ...decisionOf({}), proposal: undefined, abstention };
  expect(guardDecision(abstaining, loopOf(5), rails)).toEqual({ abstention });
});
