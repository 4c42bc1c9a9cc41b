import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hpaBehaviors, parseHpaBehavior } from './behavior.ts';
import { HpaReconciler } from './reconciler.ts';
import { invalidMetric } from './replica-calculator.ts';

const byDefault = hpaBehaviors['kubernetes-default'];
const unlimited = [{ type: 'Pods' as const, value: 1000, periodSeconds: 1 }];
const windows = (up: number, down: number) =>
  parseHpaBehavior({
    scaleUp: { stabilizationWindowSeconds: up, policies: unlimited },
    scaleDown: { stabilizationWindowSeconds: down, policies: unlimited },
  });
const lone = (behavior = byDefault) => new HpaReconciler({ instances: 1, behavior, syncPeriodSeconds: 15 });

// Cases of TestScalingWithRules (v1.36.3) where the bounds decide, with Kubernetes' default behavior.
describe('bounds', () => {
  it.each([
    ['desired replicas within range', 5, 7, 3, 8, 7],
    ['desired replicas below the minimum', 3, 1, 2, 8, 2],
    ['the maximum comes before the scale-up limit', 20, 1000, 1, 25, 25],
    ['current above the maximum: no metric is asked', 12, invalidMetric, 1, 10, 10],
    ['current below the minimum: no metric is asked', 1, invalidMetric, 2, 10, 2],
    ['scaled to zero by hand', 0, 5, 1, 10, 0],
    ['no valid metric', 5, invalidMetric, 1, 10, 5],
  ])('%s', (_name, current, recommended, min, max, expected) => {
    expect(lone(windows(0, 0)).reconcile(0, 0, current, recommended, min, max)).toBe(expected);
  });

  it('the scale-up limit comes before the maximum', () => {
    expect(lone().reconcile(0, 0, 10, 50, 1, 1000)).toBe(20);
  });
});

// Cases of TestNormalizeDesiredReplicasWithBehavior (v1.36.3): earlier recommendations with their age in seconds.
describe('stabilisation', () => {
  it.each<
    [
      name: string,
      up: number,
      down: number,
      earlier: [number, number][],
      current: number,
      recommended: number,
      expected: number,
    ]
  >([
    ['no recommendations', 0, 0, [], 100, 5, 5],
    [
      'scale down stabilization',
      0,
      180,
      [
        [4, 120],
        [5, 60],
      ],
      100,
      3,
      5,
    ],
    [
      'scale up stabilization',
      300,
      0,
      [
        [4, 120],
        [5, 60],
      ],
      1,
      7,
      4,
    ],
    [
      'no scale down stabilization',
      300,
      0,
      [
        [1, 120],
        [2, 60],
      ],
      100,
      3,
      3,
    ],
    [
      'no scale up stabilization',
      0,
      300,
      [
        [4, 120],
        [5, 60],
      ],
      1,
      3,
      3,
    ],
    [
      'old recommendations',
      0,
      0,
      [
        [10, 600],
        [9, 540],
      ],
      100,
      3,
      3,
    ],
    [
      'two of four are old',
      0,
      180,
      [
        [10, 600],
        [9, 540],
        [5, 120],
        [4, 60],
      ],
      100,
      3,
      5,
    ],
    [
      'one of four is old',
      300,
      0,
      [
        [10, 6000],
        [9, 180],
        [5, 120],
        [6, 60],
      ],
      1,
      100,
      5,
    ],
    [
      'do not scale up when the recommendation goes down',
      300,
      300,
      [
        [2, 6000],
        [3, 180],
      ],
      2,
      1,
      2,
    ],
    [
      'do not scale down when the recommendation goes up',
      300,
      300,
      [
        [2, 6000],
        [1, 180],
      ],
      2,
      3,
      2,
    ],
  ])('%s', (_name, up, down, earlier, current, recommended, expected) => {
    const hpa = lone(windows(up, down));
    hpa.reconcile(0, -100_000, current, current, 1, 1000); // its first recommendation is what it finds, long ago
    for (const [replicas, age] of earlier) hpa.reconcile(0, -age, replicas, replicas, 1, 1000);
    expect(hpa.reconcile(0, 0, current, recommended, 1, 1000)).toBe(expected);
  });

  it('takes what it finds as its first recommendation, so a new HPA waits for the window before it removes pods', () => {
    const hpa = lone();
    const replicas = [0, 15, 285, 300].map((second) => hpa.reconcile(0, second, 8, 2, 1, 15));
    expect(replicas).toEqual([8, 8, 8, 2]);
  });
});

describe('an HPA over time', () => {
  it('of the measured project removes one pod per 30 s', () => {
    const hpa = lone(hpaBehaviors['measured-project']);
    let replicas = 6;
    const seen = [];
    for (let second = 0; second <= 150; second += 15) {
      replicas = hpa.reconcile(0, second, replicas, 3, 1, 15);
      seen.push(replicas);
    }
    // 30 s of stabilisation on the 6 that it found, then a pod at every second reconciliation.
    expect(seen).toEqual([6, 6, 5, 5, 4, 4, 3, 3, 3, 3, 3]);
  });

  // Seen in the differential test against kube-controller-manager 1.36.3.
  it('forgets, as the real one does, a removal older than its own policies’ periods when the next one comes', () => {
    const hpa = lone(
      parseHpaBehavior({
        scaleUp: { policies: [{ type: 'Pods', value: 2, periodSeconds: 9 }] },
        scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 5, periodSeconds: 3 }] },
      }),
    );
    const at = (second: number, current: number, recommended: number) =>
      hpa.reconcile(0, second, current, recommended, 1, 100);
    expect(at(0, 10, 7)).toBe(7);
    expect(at(4, 7, 6)).toBe(6);
    // Ten replicas nine seconds ago, so twelve would be allowed, but only the last removal is still known.
    expect(at(5, 6, 50)).toBe(9);
  });

  it('forgets a lane that starts anew, and keeps its neighbours apart', () => {
    const pair = new HpaReconciler({ instances: 2, behavior: byDefault, syncPeriodSeconds: 15 });
    pair.reconcile(0, 0, 10, 10, 1, 15);
    pair.reconcile(1, 0, 10, 10, 1, 15);
    pair.reset(0);
    pair.reconcile(0, 15, 2, 2, 1, 15);
    expect(pair.reconcile(0, 30, 2, 1, 1, 15)).toBe(2);
    expect(pair.reconcile(0, 320, 2, 1, 1, 15)).toBe(1);
    expect(pair.reconcile(1, 30, 10, 1, 1, 15)).toBe(10);
  });

  it('stays in its bounds, never passes what the metrics ask for, and grows no faster than the policies allow', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 60 }), (recommendations) => {
        const hpa = lone();
        let replicas = 3;
        for (const [i, recommended] of recommendations.entries()) {
          const next = hpa.reconcile(0, i * 15, replicas, recommended, 2, 40);
          expect(next).toBeGreaterThanOrEqual(2);
          expect(next).toBeLessThanOrEqual(Math.min(40, Math.max(2 * replicas, replicas + 4)));
          if (next > replicas) expect(next).toBeLessThanOrEqual(recommended);
          if (next < replicas)
            expect(next).toBeGreaterThanOrEqual(Math.max(2, ...recommendations.slice(Math.max(0, i - 19), i + 1)));
          replicas = next;
        }
      }),
    );
  });
});
