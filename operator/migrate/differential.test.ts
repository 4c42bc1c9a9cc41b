/** A migrated HorizontalPodAutoscaler asks for the replicas that Kubernetes' HPA controller asks for. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseHpaBehavior } from '../../policies/hpa/behavior.ts';
import { HpaReconciler } from '../../policies/hpa/reconciler.ts';
import {
  averageValueReplicas,
  combineProposals,
  externalPerPodReplicas,
  invalidMetric,
} from '../../policies/hpa/replica-calculator.ts';
import { decide } from '../../policies/reactive/decide.ts';
import { initialLoopState } from '../../policies/reactive/loop-state.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { loopSpecOf } from '../closed-loop/loop-spec-of.ts';
import { migrateAutoscalers } from './migrate.ts';
import { readAutoscalers } from './read-autoscalers.ts';

const syncPeriodSeconds = 15;
const tolerances = { scaleUp: 0.1, scaleDown: 0.1 };

// Periods and windows on whose very end no sync falls, and that no reversal falls into: there the two count differently.
const policies = fc.uniqueArray(
  fc.record({
    type: fc.constantFrom('Pods', 'Percent'),
    value: fc.constantFrom(1, 3, 10, 50, 100, 150),
    periodSeconds: fc.constant(15),
  }),
  { minLength: 1, maxLength: 2, selector: ({ type }) => type },
);
const rules = fc.record(
  { stabilizationWindowSeconds: fc.constantFrom(0, 25, 50, 200), policies, selectPolicy: fc.constant('Max') },
  { requiredKeys: [] },
);
const behavior = fc.record(
  {
    scaleUp: rules,
    // Without a window, an HPA remembers its first size for going up and a closed loop does not.
    scaleDown: rules.map((direction) => ({
      ...direction,
      stabilizationWindowSeconds: direction.stabilizationWindowSeconds || 40,
    })),
  },
  { requiredKeys: ['scaleDown'] },
);

function hpa(metrics: readonly object[], behaviorInput: object) {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 2,
      maxReplicas: 30,
      metrics,
      behavior: behaviorInput,
    },
  };
}

function loopOf(object: object) {
  const [{ manifest }] = migrateAutoscalers(readAutoscalers([object], undefined).autoscalers, new Map());
  const spec = closedLoopSpecSchema.parse({ ...manifest?.spec, paused: false });
  return loopSpecOf(spec, undefined, undefined);
}

function reconcilerOf(behaviorInput: object) {
  const parsed = parseHpaBehavior(behaviorInput as Parameters<typeof parseHpaBehavior>[0]);
  return new HpaReconciler({ instances: 1, behavior: parsed, syncPeriodSeconds });
}

test('one metric: the same replicas at every sync, whatever load and behavior', () => {
  fc.assert(
    fc.property(
      behavior,
      // Below its minimum an HPA goes to that first, and looks at metrics at the next sync.
      fc.integer({ min: 2, max: 30 }),
      fc.array(fc.integer({ min: 0, max: 4000 }), { minLength: 30, maxLength: 60 }),
      (behaviorInput, start, loads) => {
        const external = { metric: { name: 'load' }, target: { type: 'AverageValue', averageValue: '100' } };
        const spec = loopOf(hpa([{ type: 'External', external }], behaviorInput));
        const reconciler = reconcilerOf(behaviorInput);
        let replicas = start;
        let state = initialLoopState(spec);
        let size = start;
        for (const [i, load] of loads.entries()) {
          const now = i * syncPeriodSeconds;
          const wanted = externalPerPodReplicas(replicas, 100, load, tolerances);
          replicas = reconciler.reconcile(0, now, replicas, wanted, 2, 30);
          const decision = decide(spec, state, { groupSize: size, metrics: { load }, rollingOut: false }, now);
          ({ state } = decision);
          size = decision.groupSize;
          expect(size, `sync ${i}, load ${load}`).toBe(replicas);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('several metrics: where load stays, both end within 10 % of what the metric that needs most asks for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 30 }),
      fc.integer({ min: 50, max: 2500 }),
      fc.integer({ min: 50, max: 2500 }),
      (start, busy, requests) => {
        const resource = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } };
        const pods = { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '100' } };
        const spec = loopOf(
          hpa(
            [
              { type: 'Resource', resource },
              { type: 'Pods', pods },
            ],
            {},
          ),
        );
        const reconciler = reconcilerOf({});
        let replicas = start;
        let state = initialLoopState(spec);
        let size = start;
        const classes = (average: number, measured: number) => ({ measured, average, unready: 0, missing: 0 });
        for (let i = 0; i < 60; i++) {
          const now = i * syncPeriodSeconds;
          const proposals = [
            averageValueReplicas(replicas, 70, classes(busy / replicas, replicas), tolerances),
            averageValueReplicas(replicas, 100, classes(requests / replicas, replicas), tolerances),
          ];
          const invalid = proposals.filter((proposal) => proposal === invalidMetric).length;
          const wanted = combineProposals(Math.max(...proposals), invalid, 2, replicas);
          replicas = reconciler.reconcile(0, now, replicas, wanted, 2, 30);
          const metrics = { cpu: busy, requests };
          const decision = decide(spec, state, { groupSize: size, metrics, rollingOut: false }, now);
          ({ state } = decision);
          size = decision.groupSize;
        }
        const needed = Math.max(2, Math.min(30, Math.max(Math.ceil(busy / 70), Math.ceil(requests / 100))));
        // On the way up ranks decide who is served first, so that they may stop at either end of the tolerance.
        const end = `${size} and ${replicas} for a need of ${needed}`;
        expect(Math.abs(size - needed), end).toBeLessThanOrEqual(Math.ceil(0.1 * needed));
        expect(Math.abs(replicas - needed), end).toBeLessThanOrEqual(Math.ceil(0.1 * needed));
      },
    ),
    { numRuns: 300 },
  );
});
