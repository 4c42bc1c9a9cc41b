import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loopSpecSchema } from '../../policies/reactive/loop-spec.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { guardrailsSchema } from '../../policies/resources/deliberative-loop.ts';
import { loopSpecOf } from './loop-spec-of.ts';

const specWith = (minReplicas: number, maxReplicas: number) =>
  closedLoopSpecSchema.parse({
    targetRef: { kind: 'ScalingGroup', apiVersion: 'duoloop.dev/v1alpha1', name: 'shop' },
    metrics: [
      {
        name: 'cpu',
        rank: 1,
        source: { push: {} },
        thresholds: [{ kind: 'superior', value: 70, reaction: { horizontal: { by: 1 } } }],
      },
    ],
    behavior: { minReplicas, maxReplicas },
  });

it('asks for no size that the group would refuse, and for none outside its own bounds where the two meet', () => {
  const bounds = fc
    .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 50 }))
    .map(([a, b]) => ({ minReplicas: Math.min(a, b), maxReplicas: Math.max(a, b) }));
  fc.assert(
    fc.property(bounds, bounds, (own, group) => {
      const { minReplicas, maxReplicas } = loopSpecOf(
        specWith(own.minReplicas, own.maxReplicas),
        group,
        undefined,
      ).behavior;
      expect(minReplicas).toBeLessThanOrEqual(maxReplicas);
      expect(minReplicas).toBeGreaterThanOrEqual(group.minReplicas);
      expect(maxReplicas).toBeLessThanOrEqual(group.maxReplicas);
      if (own.minReplicas <= group.maxReplicas && group.minReplicas <= own.maxReplicas) {
        expect(minReplicas).toBeGreaterThanOrEqual(own.minReplicas);
        expect(maxReplicas).toBeLessThanOrEqual(own.maxReplicas);
      }
    }),
  );
});

it('gives the guardrails to the decision, without the step when the agent is autonomous', () => {
  const guardrails = guardrailsSchema.parse({ maxStep: 2, maxReplicas: 9, rankChangesPerHour: 3 });
  const bounded = loopSpecOf(specWith(1, 10), undefined, { ...guardrails, boundedByStep: true });
  expect(bounded.guardrails).toEqual({ maxStep: 2, maxReplicas: 9, rankChangesPerHour: 3, staleAfterSeconds: 180 });
  const autonomous = loopSpecOf(specWith(1, 10), undefined, { ...guardrails, boundedByStep: false });
  expect(autonomous.guardrails.maxStep).toBe(100_000);
  const { metrics, ...rest } = autonomous;
  expect(
    loopSpecSchema.parse({
      ...rest,
      metrics: metrics.map(({ name, rank, thresholds }) => ({ name, rank, thresholds })),
    }),
  ).toEqual({
    ...rest,
    metrics: [{ name: 'cpu', rank: 1, thresholds: metrics[0].thresholds }],
  });
});
