import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLoopSpec } from '../../policies/reactive/loop-spec.ts';
import { initialLoopState, type LoopState } from '../../policies/reactive/loop-state.ts';
import { type Guardrails, guardrailsSchema, type Proposal } from '../../policies/resources/deliberative-loop.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import { type GuardedLoop, type GuardInput, guardProposals, type Mode, type Verdict } from './guard.ts';

const now = 1_700_000_000;
const metrics = ['cpu', 'memory', 'p95'];
const spec = parseLoopSpec({
  metrics: metrics.map((name, index) => ({
    name,
    rank: index + 1,
    thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
  })),
  behavior: { maxReplicas: 10 },
});
const fresh = initialLoopState(spec);
const behavior = { minReplicas: 1, maxReplicas: 100 };
const loop = (name: string, size: number | undefined, state: Partial<LoopState> = {}): GuardedLoop => ({
  name,
  behavior,
  size,
  state: { ...fresh, ...state },
});
const propose = (closedLoop: string, age: number, rest: Partial<Proposal>): Proposal => ({
  closedLoop,
  time: toTimestamp(now - age),
  ...rest,
});
const limits = (rest: Partial<Guardrails> = {}): Guardrails => guardrailsSchema.parse(rest);
const guard = (rest: Partial<GuardInput>): Verdict[] =>
  guardProposals({ mode: 'Bounded', guardrails: limits(), proposals: [], loops: [], now, ...rest });
const reasons = ({ refusals }: Verdict) => refusals.map(({ reason }) => reason);
const swapped = { cpu: 2, memory: 1, p95: 3 };

const names = ['a', 'b', 'c', 'd'];
const arbitraryInput: fc.Arbitrary<GuardInput> = fc
  .record({
    mode: fc.constantFrom<Mode>('Observe', 'Recommend', 'Bounded', 'Autonomous'),
    guardrails: fc
      .record({
        maxStep: fc.integer({ min: 1, max: 8 }),
        rankChangesPerHour: fc.integer({ min: 0, max: 3 }),
        staleAfterSeconds: fc.integer({ min: 1, max: 300 }),
        minReplicas: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
        maxReplicas: fc.option(fc.integer({ min: 5, max: 40 }), { nil: undefined }),
        maxReplicaBudget: fc.option(fc.integer({ min: 1, max: 80 }), { nil: undefined }),
      })
      .map(limits),
    loops: fc.tuple(
      ...names.map((name) =>
        fc
          .record({
            size: fc.option(fc.nat(30), { nil: undefined }),
            minReplicas: fc.nat(4),
            maxReplicas: fc.integer({ min: 4, max: 40 }),
            setPointAge: fc.option(fc.integer({ min: -20, max: 300 }), { nil: undefined }),
            setPointSize: fc.nat(40),
            rankAge: fc.option(fc.integer({ min: 0, max: 5000 }), { nil: undefined }),
          })
          .map(
            ({ size, minReplicas, maxReplicas, setPointAge, setPointSize, rankAge }): GuardedLoop => ({
              name,
              size,
              behavior: { minReplicas, maxReplicas },
              state: {
                ...fresh,
                setPoint:
                  setPointAge === undefined ? null : { size: setPointSize, second: now - setPointAge, applied: true },
                increaseTime: rankAge === undefined ? null : now - rankAge,
                rankChangeSeconds: rankAge === undefined ? [] : [now - rankAge],
              },
            }),
          ),
      ),
    ),
    proposals: fc.array(
      fc
        .record({
          closedLoop: fc.constantFrom(...names, 'unknown'),
          age: fc.integer({ min: -30, max: 400 }),
          setPoint: fc.option(fc.nat(60), { nil: undefined }),
          ranks: fc.option(
            fc.oneof(
              fc
                .shuffledSubarray(metrics, { minLength: 3 })
                .map((order) => Object.fromEntries(order.map((name, index) => [name, index + 1]))),
              fc.dictionary(fc.constantFrom(...metrics, 'disk'), fc.integer({ min: 1, max: 4 })),
            ),
            { nil: undefined },
          ),
        })
        .map(({ closedLoop, age, ...rest }) => propose(closedLoop, age, rest)),
      { maxLength: 6 },
    ),
  })
  .map((input) => ({ ...input, now }));

describe('guardProposals, whatever is proposed', () => {
  const each = (check: (input: GuardInput, verdicts: Verdict[]) => void) =>
    fc.assert(
      fc.property(arbitraryInput, (input) => check(input, guardProposals(input))),
      { numRuns: 500 },
    );
  const loopOf = ({ loops }: GuardInput, { closedLoop }: Verdict) =>
    loops.find(({ name }) => name === closedLoop) as GuardedLoop;

  it('changes nothing in Observe and Recommend, and shows there what Bounded would do without a past', () => {
    each((input, verdicts) => {
      if (input.mode === 'Bounded' || input.mode === 'Autonomous') return;
      expect(verdicts.every(({ state, takenInBefore }) => state === undefined && !takenInBefore)).toBe(true);
      const loops = input.loops.map((each) => ({ ...each, state: { ...each.state, increaseTime: null } }));
      const unapplied = {
        ...input,
        loops: loops.map((each) => ({ ...each, state: { ...each.state, setPoint: null } })),
      };
      const bounded = guardProposals({ ...unapplied, mode: 'Bounded' });
      const gist = ({ setPoint, ranks }: Verdict) => ({ setPoint, ranks });
      expect(guardProposals(unapplied).map(gist)).toEqual(bounded.map(gist));
    });
  });

  it('takes nothing in that is stale, dated ahead, unknown or not newer than what was taken in', () => {
    each((input, verdicts) => {
      verdicts.forEach(({ state, closedLoop, setPoint, ranks }, index) => {
        if (state === undefined) return;
        const second = Date.parse(input.proposals[index].time) / 1000;
        expect(now - second).toBeLessThan(input.guardrails.staleAfterSeconds);
        expect(second - now).toBeLessThanOrEqual(5);
        const { state: before } = input.loops.find(({ name }) => name === closedLoop) as GuardedLoop;
        if (setPoint) expect(second).toBeGreaterThan(before.setPoint?.second ?? Number.NEGATIVE_INFINITY);
        if (ranks) expect(second).toBeGreaterThan(before.increaseTime ?? Number.NEGATIVE_INFINITY);
        expect(Object.values(state.ranks).sort()).toEqual([1, 2, 3]);
      });
      // One that was taken in is not taken in once more.
      const after = input.loops.map((each) => {
        const taken = verdicts.find(({ closedLoop, state }) => closedLoop === each.name && state !== undefined);
        return { ...each, state: taken?.state ?? each.state };
      });
      expect(guardProposals({ ...input, loops: after }).every(({ state }) => state === undefined)).toBe(true);
    });
  });

  it('keeps set-points within bounds and step, or moves them towards the bounds', () => {
    each((input, verdicts) => {
      for (const verdict of verdicts) {
        if (verdict.setPoint === undefined) continue;
        const { size: current = 0, behavior: own } = loopOf(input, verdict);
        const { size } = verdict.setPoint;
        const minimum = Math.max(own.minReplicas, input.guardrails.minReplicas ?? 0);
        // Of bounds that contradict each other the lower one holds.
        const maximum = Math.max(
          minimum,
          Math.min(own.maxReplicas, input.guardrails.maxReplicas ?? Number.POSITIVE_INFINITY),
        );
        if (input.mode !== 'Autonomous') {
          expect(Math.abs(size - current)).toBeLessThanOrEqual(input.guardrails.maxStep);
        }
        // Outside of its bounds only on the way there.
        expect(size).toBeLessThanOrEqual(Math.max(maximum, current));
        expect(size).toBeGreaterThanOrEqual(Math.min(minimum, current));
        expect(verdict.setPoint.clampedBy.length === 0).toBe(size === verdict.setPoint.asked);
      }
    });
  });

  it('keeps the sum within the budget, lowers nobody for it, and does not depend on the order', () => {
    each((input, verdicts) => {
      const budget = input.guardrails.maxReplicaBudget;
      const { maxReplicaBudget: _, ...unlimited } = input.guardrails;
      const without = guardProposals({ ...input, guardrails: unlimited });
      let sum = 0;
      let atLeast = 0;
      for (const { name, size = 0, behavior: own } of input.loops) {
        const index = verdicts.findIndex((verdict) => verdict.closedLoop === name && verdict.setPoint !== undefined);
        const wanted = index < 0 ? size : (without[index].setPoint?.size ?? 0);
        const got = index < 0 ? size : (verdicts[index].setPoint?.size ?? 0);
        const minimum = Math.max(own.minReplicas, input.guardrails.minReplicas ?? 0);
        sum += Math.max(size, got);
        atLeast += Math.max(size, Math.min(wanted, minimum));
        expect(got).toBeLessThanOrEqual(wanted);
        expect(got).toBeGreaterThanOrEqual(Math.min(size, wanted));
      }
      if (budget !== undefined) expect(sum).toBeLessThanOrEqual(Math.max(budget, atLeast));
      const byLoop = (all: Verdict[]) =>
        Object.fromEntries(
          all.filter(({ setPoint }) => setPoint).map(({ closedLoop, setPoint }) => [closedLoop, setPoint]),
        );
      // Two of one moment on one loop are told apart by their order, so leave those out.
      const times = new Set(input.proposals.map(({ closedLoop, time }) => `${closedLoop} ${time}`));
      if (times.size < input.proposals.length) return;
      const reversed = { ...input, proposals: [...input.proposals].reverse(), loops: [...input.loops].reverse() };
      expect(byLoop(guardProposals(reversed))).toEqual(byLoop(verdicts));
    });
  });
});

describe('guardProposals', () => {
  it('clamps by every guardrail and names them', () => {
    const one = (mode: Mode, setPoint: number, guardrails: Partial<Guardrails>, size = 5) =>
      guard({
        mode,
        guardrails: limits(guardrails),
        loops: [loop('a', size)],
        proposals: [propose('a', 1, { setPoint })],
      })[0].setPoint;
    expect(one('Bounded', 7, {})).toEqual({ asked: 7, size: 7, clampedBy: [] });
    expect(one('Bounded', 20, {})).toEqual({ asked: 20, size: 9, clampedBy: ['maxStep'] });
    expect(one('Autonomous', 20, {})).toEqual({ asked: 20, size: 20, clampedBy: [] });
    expect(one('Autonomous', 20, { maxReplicas: 12 })).toEqual({ asked: 20, size: 12, clampedBy: ['maxReplicas'] });
    expect(one('Bounded', 0, { minReplicas: 3 })).toEqual({ asked: 0, size: 3, clampedBy: ['minReplicas'] });
    expect(one('Bounded', 20, { maxReplicas: 12, maxReplicaBudget: 8 })).toEqual({
      asked: 20,
      size: 8,
      clampedBy: ['maxReplicas', 'maxStep', 'maxReplicaBudget'],
    });
  });

  it('shares a short budget evenly, counting fresh set-points of others that are not reached yet', () => {
    const pending = { setPoint: { size: 9, second: now - 10, applied: true } };
    const verdicts = guard({
      mode: 'Autonomous',
      guardrails: limits({ maxReplicaBudget: 30 }),
      loops: [loop('a', 5), loop('b', 5), loop('c', 5, pending), loop('gone', undefined)],
      proposals: [propose('a', 1, { setPoint: 20 }), propose('b', 1, { setPoint: 6 })],
    });
    expect(verdicts.map(({ setPoint }) => setPoint?.size)).toEqual([15, 6]);
  });

  it.each<[string, Proposal, string[]]>([
    ['an unknown loop', propose('z', 1, { setPoint: 3 }), ['UnknownLoop']],
    ['a stale one', propose('a', 180, { setPoint: 3 }), ['Stale']],
    ['one dated ahead', propose('a', -6, { setPoint: 3 }), ['FutureDated']],
    ['an unknown metric', propose('a', 1, { ranks: { ...swapped, disk: 4 } }), ['UnknownMetric']],
    ['an incomplete ranking', propose('a', 1, { ranks: { cpu: 1, memory: 2 } }), ['IncompleteRanking']],
    ['a target that is gone', propose('gone', 1, { setPoint: 3 }), ['TargetMissing']],
  ])('refuses %s', (_, proposal, expected) => {
    const [verdict] = guard({ proposals: [proposal], loops: [loop('a', 5), loop('gone', undefined)] });
    expect(reasons(verdict)).toEqual(expected);
    expect(verdict.state).toBeUndefined();
  });

  it('takes in the sound half of a proposal', () => {
    const [verdict] = guard({
      proposals: [propose('a', 1, { setPoint: 6, ranks: { cpu: 1 } })],
      loops: [loop('a', 5)],
    });
    expect(reasons(verdict)).toEqual(['IncompleteRanking']);
    expect(verdict.state).toMatchObject({ setPoint: { size: 6, second: now - 1, applied: false }, ranks: fresh.ranks });
  });

  it('adopts ranks until the hour has had its share, and again when it has passed', () => {
    const guardrails = limits({ rankChangesPerHour: 1 });
    const adopt = (changed: number) =>
      guard({
        guardrails,
        proposals: [propose('a', 1, { ranks: swapped })],
        loops: [loop('a', 5, { rankChangeSeconds: [changed] })],
      })[0];
    expect(reasons(adopt(now - 100))).toEqual(['RankChangesPerHour']);
    expect(adopt(now - 3700).state).toMatchObject({ ranks: swapped, increaseRank: 'memory', increaseTime: now - 1 });
  });

  it('takes a proposal that was dated slightly ahead, and the newest of several for one loop', () => {
    const verdicts = guard({
      loops: [loop('a', 5)],
      proposals: [propose('a', 20, { setPoint: 4 }), propose('a', -3, { setPoint: 7 })],
    });
    expect(verdicts.map(reasons)).toEqual([['Superseded'], []]);
    expect(verdicts[1].state?.setPoint).toEqual({ size: 7, second: now + 3, applied: false });
  });

  it('says of one that was taken in and grew old that it expired, and refuses nothing', () => {
    const state = { setPoint: { size: 7, second: now - 500, applied: true } };
    const [verdict] = guard({ loops: [loop('a', 5, state)], proposals: [propose('a', 500, { setPoint: 7 })] });
    expect(verdict).toMatchObject({ expired: true, takenInBefore: true, refusals: [] });
  });
});
