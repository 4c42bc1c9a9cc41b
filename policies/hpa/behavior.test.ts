import { describe, expect, it } from 'vitest';
import {
  type HpaScalingPolicy,
  type HpaScalingRules,
  hpaBehaviors,
  parseHpaBehavior,
  scaleDownLimit,
  scaleUpLimit,
} from './behavior.ts';

const none: number[] = [];
/** Changes spread over the last two minutes; one more lies just beyond it, as in the tests of Kubernetes. */
const recent = (added: number[], removed: number[]) => {
  const sum = (changes: number[]) => (periodSeconds: number) =>
    [...changes, 42]
      .map((change, i) => ({ change, age: i === changes.length ? 121 : (i * 120) / changes.length }))
      .reduce((total, { change, age }) => total + (age < periodSeconds ? change : 0), 0);
  return { added: sum(added), removed: sum(removed) };
};
const rules = (pods: number, podsPeriod: number, percent: number, percentPeriod: number): HpaScalingRules => {
  const policies: HpaScalingPolicy[] = [];
  if (pods > 0) policies.push({ type: 'Pods', value: pods, periodSeconds: podsPeriod });
  if (percent > 0) policies.push({ type: 'Percent', value: percent, periodSeconds: percentPeriod });
  return { stabilizationWindowSeconds: 0, selectPolicy: 'Max', tolerance: 0.1, policies };
};

// Cases of TestScalingWithRules in pkg/controller/podautoscaler/horizontal_test.go, Kubernetes v1.36.3,
// where the limit is what decides.
describe('scaleUpLimit', () => {
  const byDefault = hpaBehaviors['kubernetes-default'].scaleUp;
  it.each<
    [name: string, current: number, rules: HpaScalingRules, added: number[], removed: number[], expected: number]
  >([
    ['1 percent rounds up', 3, rules(0, 0, 1, 60), none, none, 4],
    ['default behavior', 10, byDefault, none, none, 20],
    ['default behavior, few pods', 1, byDefault, none, none, 5],
    ['pods policy larger than percent policy', 10, rules(100, 60, 100, 60), none, none, 110],
    ['percent policy larger than pods policy', 10, rules(2, 60, 100, 60), none, none, 20],
    ['pod policy', 10, rules(30, 60, 0, 0), none, none, 40],
    ['percent policy', 10, rules(0, 0, 200, 60), none, none, 30],
    ['a lot of recent scale up events', 100, rules(5, 120, 0, 0), [1, 5, 9], none, 100],
    ['pod policy and previous events', 100, rules(150, 120, 0, 0), [1, 5, 9], none, 235],
    ['percent policy and previous events', 100, rules(0, 0, 200, 120), [1, 5, 9], none, 255],
  ])('%s', (_name, current, scaling, added, removed, expected) => {
    expect(scaleUpLimit(current, scaling, recent(added, removed))).toBe(expected);
  });

  it('counts from the replicas at the start of the period, up and down events', () => {
    expect(scaleUpLimit(6, rules(0, 0, 300, 120), recent([4], [2]))).toBe(16);
  });
});

describe('scaleDownLimit', () => {
  it.each<
    [name: string, current: number, rules: HpaScalingRules, added: number[], removed: number[], expected: number]
  >([
    ['pods policy', 1000, rules(20, 60, 0, 0), none, none, 980],
    ['larger pods policy', 100, rules(20, 60, 1, 60), none, none, 80],
    ['pods policy and percent policy', 100, rules(2, 60, 1, 60), none, none, 98],
    ['pods policy and previous events', 100, rules(5, 120, 0, 0), none, [1, 5, 9], 100],
    ['percent policy and previous events', 100, rules(0, 0, 50, 120), none, [2, 4, 6], 56],
    ['percent policy and events both ways', 10, rules(0, 0, 50, 120), [2], [4], 6],
    ['previous events preventing more', 100, rules(0, 0, 10, 120), none, [10, 10, 10], 100],
    ['below zero', 10, rules(0, 0, 1000, 120), none, [10, 10, 10], -360],
  ])('%s', (_name, current, scaling, added, removed, expected) => {
    expect(scaleDownLimit(current, scaling, recent(added, removed))).toBe(expected);
  });
});

describe('selectPolicy', () => {
  it('Min takes the smaller change, Disabled none', () => {
    const min: HpaScalingRules = { ...rules(2, 60, 50, 60), selectPolicy: 'Min' };
    expect(scaleUpLimit(10, min, recent(none, none))).toBe(12);
    expect(scaleDownLimit(10, min, recent(none, none))).toBe(8);
    const disabled: HpaScalingRules = { ...min, selectPolicy: 'Disabled' };
    expect(scaleUpLimit(10, disabled, recent(none, none))).toBe(10);
    expect(scaleDownLimit(10, disabled, recent(none, none))).toBe(10);
  });
});

describe('parseHpaBehavior', () => {
  it('fills in the defaults of the API server field by field', () => {
    const { scaleUp, scaleDown } = parseHpaBehavior({ scaleDown: { stabilizationWindowSeconds: 60 } });
    expect(scaleDown).toEqual({ ...hpaBehaviors['kubernetes-default'].scaleDown, stabilizationWindowSeconds: 60 });
    expect(scaleUp.policies).toEqual([
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ]);
  });

  it('refuses what the API server refuses, and names the field', () => {
    expect(() =>
      parseHpaBehavior({ scaleUp: { policies: [{ type: 'Pods', value: 1, periodSeconds: 1801 }] } }),
    ).toThrow(/periodSeconds/);
  });
});
