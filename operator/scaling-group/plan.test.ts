import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type LastScaling,
  type ScalingGroupSpec,
  scalingGroupSpecSchema,
} from '../../policies/resources/scaling-group.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { Workload } from '../workloads/contract.ts';
import { completeSets } from './complete-sets.ts';
import { type GroupObservation, type GroupPlan, type ObservedMember, planGroup } from './plan.ts';

const ref = (name: string) => ({ apiVersion: 'apps/v1', kind: 'Deployment', name });

function workload(name: string, replicas: number, changes: Partial<Workload> = {}): Workload {
  return {
    ref: ref(name),
    namespace: 'shop',
    uid: name,
    resourceVersion: '1',
    replicas,
    ready: replicas,
    rollingOut: false,
    observed: true,
    podSelector: `app=${name}`,
    labels: {},
    failure: undefined,
    requests: { cpu: undefined, memory: undefined },
    ...changes,
  };
}

type MemberOptions = Partial<Omit<ObservedMember, 'workload'>> & { workload?: Partial<Workload> | null };

/** A member that follows the group one to one and has `replicas`, all ready. */
function member(
  name: string,
  replicas: number,
  { workload: changes = {}, ...rest }: MemberOptions = {},
): ObservedMember {
  return {
    ref: ref(name),
    ratio: 1,
    min: 1,
    max: 100_000,
    owner: undefined,
    workload: changes === null ? undefined : workload(name, replicas, changes),
    ...rest,
  };
}

const spec = (replicas: number, changes: Partial<ScalingGroupSpec> = {}): ScalingGroupSpec => ({
  ...scalingGroupSpecSchema.parse({ replicas, members: [{ targetRef: { name: 'unused' } }] }),
  ...changes,
});

function plan(members: ObservedMember[], replicas: number, changes: Partial<GroupObservation> = {}): GroupPlan {
  return planGroup({
    spec: spec(replicas),
    members,
    lastScaling: undefined,
    edited: false,
    requestedAt: 100,
    now: 100,
    ...changes,
  });
}

const settled = (to: number): LastScaling => ({
  from: 1,
  to,
  startedAt: '1970-01-01T00:00:10.000Z',
  completedAt: '1970-01-01T00:00:11.000Z',
  seconds: 1,
  outcome: 'Complete',
});
const rollback = { partial: 'Rollback', timeoutSeconds: 60 } as const;
const states = (result: GroupPlan) => result.members.map(({ state }) => state);
const patched = (result: GroupPlan) =>
  result.members.filter(({ patch }) => patch).map(({ name, desired }) => `${name} ${desired}`);

describe('members', () => {
  it('are sized exactly by ratio within their bounds, and only what is off is written', () => {
    const shape = fc
      .record({
        ratio: fc.constantFrom(0.1, 0.25, 1 / 3, 0.5, 1, 1.5, 2, 3),
        min: fc.integer({ min: 0, max: 3 }),
        span: fc.integer({ min: 0, max: 40 }),
        replicas: fc.integer({ min: 0, max: 40 }),
      })
      .map(({ span, ...rest }) => ({ ...rest, max: rest.min + span }));
    fc.assert(
      fc.property(fc.array(shape, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 60 }), (shapes, size) => {
        const bounds = { minReplicas: 2, maxReplicas: 40 };
        const members = shapes.map(({ replicas, ...bound }, i) => member(`m${i}`, replicas, bound));
        const result = plan(members, size, { spec: spec(size, bounds) });
        const inForce = Math.min(40, Math.max(2, size));
        expect(result.size).toBe(inForce);
        for (const [i, { desired, patch }] of result.members.entries()) {
          const { ratio, min, max, replicas } = shapes[i];
          // Independent of the code: the fraction's numerator and denominator as integers.
          const [numerator, denominator] = ratio === 1 / 3 ? [1, 3] : [ratio * 100, 100];
          const exact = Math.floor((numerator * inForce + denominator - 1) / denominator);
          expect(desired).toBe(Math.min(max, Math.max(min, exact)));
          expect(patch).toBe(replicas !== desired);
        }
      }),
    );
  });

  it('of a paused group are left alone, and its size is the smallest that covers them', () => {
    const members = [
      member('web', 5, { owner: { kind: 'HorizontalPodAutoscaler', name: 'web' } }),
      member('db', 2, { ratio: 0.5 }),
      member('cache', 3, { ratio: 2 }),
    ];
    const lastScaling = { ...settled(9), outcome: 'InProgress' } as const;
    const result = plan(members, 9, { spec: spec(9, { paused: true, maxReplicas: 20 }), lastScaling });
    expect(patched(result)).toEqual([]);
    expect(result).toMatchObject({ size: 5, follows: 5, whole: true, lastScaling: undefined, deadline: undefined });
    expect(states(result)).toEqual(['Ready', 'Ready', 'Ready']);
    expect(result.members[0].message).toBe('HorizontalPodAutoscaler web scales it');
    // Never beyond its bounds, and a member that is not there is told.
    const bounded = plan([...members, member('gone', 0, { workload: null })], 9, {
      spec: spec(9, { paused: true, maxReplicas: 4 }),
    });
    expect(bounded).toMatchObject({ follows: 4, whole: false });
    expect(states(bounded).at(-1)).toBe('Missing');
  });

  it('count as complete sets only as far as every one of them goes', () => {
    const shape = fc.record({
      ratio: fc.constantFrom(0.5, 1, 2),
      min: fc.integer({ min: 0, max: 2 }),
      max: fc.integer({ min: 2, max: 9 }),
      count: fc.integer({ min: 0, max: 12 }),
    });
    fc.assert(
      fc.property(
        fc.array(shape, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 12 }),
        (members, limit) => {
          const has = (size: number) =>
            members.every((m) => m.count >= Math.min(m.max, Math.max(m.min, Math.ceil(m.ratio * size))));
          const sizes = Array.from({ length: limit + 1 }, (_, size) => size).filter(has);
          expect(completeSets(members, limit)).toBe(sizes.at(-1) ?? 0);
        },
      ),
    );
    expect(completeSets([], 10)).toBe(0);
  });

  it('are left alone when missing, owned by another or unreadable; the others are scaled', () => {
    const result = plan(
      [
        member('web', 1),
        member('gone', 0, { workload: null }),
        member('owned', 1, { owner: { kind: 'HorizontalPodAutoscaler', name: 'h' } }),
        member('loop', 1, { obstacle: 'is the group' }),
      ],
      3,
    );
    expect(states(result)).toEqual(['Scaling', 'Missing', 'OwnedByAnother', 'Failed']);
    expect(patched(result)).toEqual(['web 3']);
    expect(result.members[2].message).toContain('HorizontalPodAutoscaler h');
    expect(result.whole).toBe(false);
  });

  it('that another scaler owns keep nobody waiting', () => {
    const owned = member('owned', 9, { owner: { kind: 'ScalingGroup', name: 'older' } });
    const result = plan([member('web', 3), owned], 3, { lastScaling: { ...settled(3), outcome: 'InProgress' } });
    expect(result).toMatchObject({ whole: true, readySets: 3, lastScaling: { outcome: 'Complete' } });
    expect(plan([owned], 3).whole).toBe(false);
  });

  it('give the reason why they have no pods', () => {
    const quota = { replicas: 3, ready: 1, failure: 'exceeded quota: pods' };
    const result = plan(
      [
        member('a', 3, { workload: quota }),
        member('b', 3, { workload: { ready: 1 }, failure: 'admission webhook refused it' }),
        // A complaint from before it recovered.
        member('c', 3, { workload: { failure: 'exceeded quota: pods' } }),
      ],
      3,
    );
    expect(states(result)).toEqual(['QuotaExceeded', 'Failed', 'Ready']);
  });

  it('in a rollout are scaled all the same, and readiness counts', () => {
    const rolling = { rollingOut: true };
    expect(patched(plan([member('a', 1, { workload: rolling })], 3))).toEqual(['a 3']);
    const surging = plan([member('a', 3, { workload: { ...rolling, ready: 4 } })], 3);
    expect(surging).toMatchObject({ whole: true, members: [{ state: 'RollingOut' }] });
    // Scaled down a moment ago: the surplus is still to go, that is no surge.
    const shrinking = plan([member('a', 3, { workload: { ...rolling, observed: false, ready: 4 } })], 3);
    expect(shrinking).toMatchObject({ whole: false, members: [{ state: 'Scaling' }] });
  });

  it('tell the HPA of the first one with ratio 1', () => {
    const half = member('half', 1, { ratio: 0.5 });
    expect(plan([half, member('one', 1), member('two', 1)], 1).selector).toBe('app=one');
    expect(plan([half], 1).selector).toBe('');
    // Not those of another while it is away: an HPA would look at other pods.
    expect(plan([member('one', 1, { workload: null }), member('two', 1)], 1).selector).toBe('');
  });
});

describe('a scaling', () => {
  it('begins at the request, from the size that is there', () => {
    const result = plan([member('a', 2), member('b', 1)], 4, { now: 101.5, requestedAt: 101.25 });
    expect(result.lastScaling).toEqual({
      from: 1,
      to: 4,
      startedAt: '1970-01-01T00:01:41.250Z',
      outcome: 'InProgress',
    });
    expect(result.deadline).toBe(401.25);
  });

  it('is none when members are as asked for, or one was scaled by somebody else', () => {
    expect(plan([member('a', 3), member('b', 3)], 3).lastScaling).toBeUndefined();
    const drifted = plan([member('a', 9), member('b', 3)], 3, { lastScaling: settled(3) });
    expect(drifted.lastScaling).toEqual(settled(3));
    expect(patched(drifted)).toEqual(['a 3']);
  });

  it('completes once, when the last member is ready, and not before its surplus is gone', () => {
    const lastScaling: LastScaling = { from: 3, to: 2, startedAt: '1970-01-01T00:01:40.000Z', outcome: 'InProgress' };
    const at = (now: number, ready: number, previous: LastScaling = lastScaling) =>
      plan([member('a', 2), member('b', 2, { workload: { ready } })], 2, { now, lastScaling: previous }).lastScaling;
    expect(at(101, 3)).toEqual(lastScaling);
    expect(at(101, 1)).toEqual(lastScaling);
    const complete = at(102.5, 2);
    expect(complete).toMatchObject({ outcome: 'Complete', seconds: 2.5, completedAt: '1970-01-01T00:01:42.500Z' });
    expect(at(200, 2, complete)).toEqual(complete);
    expect(at(200, 1, complete)).toEqual(complete);
  });

  it('that is superseded starts anew from the last size that was reached', () => {
    const running: LastScaling = { from: 2, to: 5, startedAt: '1970-01-01T00:00:50.000Z', outcome: 'InProgress' };
    const members = [member('a', 5, { workload: { ready: 3 } })];
    expect(plan(members, 8, { lastScaling: running }).lastScaling).toMatchObject({
      from: 2,
      to: 8,
      outcome: 'InProgress',
    });
    const withdrawn = plan(members, 2, { lastScaling: running });
    expect(withdrawn.lastScaling).toMatchObject({ from: 5, to: 2, outcome: 'InProgress' });
    expect(patched(withdrawn)).toEqual(['a 2']);
  });

  it('that takes too long keeps the others, and completes when the last member comes after all', () => {
    const running: LastScaling = { from: 2, to: 5, startedAt: '1970-01-01T00:00:50.000Z', outcome: 'InProgress' };
    const at = (now: number, ready: number, lastScaling = running) =>
      plan([member('a', 5), member('b', 5, { workload: { ready } })], 5, { now, lastScaling });
    expect(at(349, 4).lastScaling?.outcome).toBe('InProgress');
    const late = at(350, 4);
    expect(late).toMatchObject({ size: 5, readySets: 4, lastScaling: { outcome: 'Partial' }, deadline: undefined });
    expect(patched(late)).toEqual([]);
    expect(at(400, 5, late.lastScaling).lastScaling).toMatchObject({ outcome: 'Complete', seconds: 350 });
  });

  it('is rolled back at the timeout, stays so, and is tried again when the spec is edited', () => {
    const running: LastScaling = { from: 2, to: 5, startedAt: '1970-01-01T00:00:50.000Z', outcome: 'InProgress' };
    const strategy = spec(5, { strategy: rollback });
    const stuck = [member('a', 5), member('b', 5, { workload: { ready: 3 } })];
    const back = plan(stuck, 5, { spec: strategy, lastScaling: running, now: 110 });
    expect(back).toMatchObject({ size: 2, lastScaling: { from: 2, to: 5, outcome: 'RolledBack' } });
    expect(patched(back)).toEqual(['a 2', 'b 2']);

    const lastScaling = back.lastScaling;
    const small = [member('a', 2), member('b', 2)];
    const stays = plan(small, 5, { spec: strategy, lastScaling, now: 500 });
    expect(stays).toMatchObject({ size: 2, whole: true, lastScaling });
    expect(patched(stays)).toEqual([]);
    const again = plan(small, 5, { spec: strategy, lastScaling, now: 500, requestedAt: 500, edited: true });
    expect(again).toMatchObject({ size: 5, lastScaling: { from: 2, to: 5, outcome: 'InProgress' } });
    const accepted = plan(small, 2, { spec: spec(2, { strategy: rollback }), lastScaling, now: 500, edited: true });
    expect(accepted).toMatchObject({ size: 2, whole: true, lastScaling });
    const other = plan(small, 4, {
      spec: spec(4, { strategy: rollback }),
      lastScaling,
      now: 500,
      requestedAt: 500,
      edited: true,
    });
    expect(other.lastScaling).toMatchObject({ from: 2, to: 4, outcome: 'InProgress' });
  });

  it('downwards is never rolled back', () => {
    const running: LastScaling = { from: 5, to: 2, startedAt: '1970-01-01T00:00:50.000Z', outcome: 'InProgress' };
    const crashing = [member('a', 2, { workload: { ready: 1 } })];
    const late = plan(crashing, 2, { spec: spec(2, { strategy: rollback }), lastScaling: running, now: 200 });
    expect(late).toMatchObject({ size: 2, lastScaling: { outcome: 'Partial' } });
  });

  it('ends and leaves everything as wanted, whatever is asked for on the way', () => {
    const request = fc.record({ size: fc.integer({ min: 0, max: 12 }), readyShare: fc.constantFrom(0, 0.5, 1) });
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 8 }), fc.boolean(), (requests, rollsBack) => {
        const strategy = { partial: rollsBack ? 'Rollback' : 'Keep', timeoutSeconds: 60 } as const;
        let now = 1000;
        let lastScaling: LastScaling | undefined;
        let fleet = [1, 1].map((replicas) => ({ replicas, ready: replicas }));
        const look = (size: number, edited: boolean): GroupPlan => {
          const members = fleet.map(({ replicas, ready }, i) =>
            member(`m${i}`, replicas, { ratio: i + 1, workload: { ready } }),
          );
          const wanted = spec(size, { strategy, maxReplicas: 10 });
          const result = plan(members, size, { spec: wanted, lastScaling, edited, requestedAt: now, now });
          lastScaling = result.lastScaling;
          fleet = result.members.map(({ desired, ready }) => ({ replicas: desired, ready }));
          return result;
        };
        for (const { size, readyShare } of requests) {
          now += 1;
          look(size, true);
          fleet = fleet.map(({ replicas }) => ({ replicas, ready: Math.ceil(replicas * readyShare) }));
          now += 1;
          look(size, false);
          if (lastScaling !== undefined) expect(fromTimestamp(lastScaling.startedAt)).toBeLessThanOrEqual(now);
        }
        // Long after the last request, with every pod ready.
        const { size } = requests[requests.length - 1];
        now += 1000;
        look(size, false);
        fleet = fleet.map(({ replicas }) => ({ replicas, ready: replicas }));
        const end = look(size, false);
        expect(end.whole).toBe(true);
        expect(patched(end)).toEqual([]);
        expect(['Complete', 'RolledBack', undefined]).toContain(end.lastScaling?.outcome);
        if (end.lastScaling?.outcome !== 'RolledBack') expect(end.size).toBe(Math.min(10, size));
      }),
      { numRuns: 300 },
    );
  });
});
