/** The rules that keep the loop safe, each from its sentence in the specification. */
import { describe, expect, it } from 'vitest';
import { decide, type LoopDecision, type LoopObservation } from './decide.ts';
import { type LoopSpecInput, parseLoopSpec } from './loop-spec.ts';
import { initialLoopState, type LoopState, proposeSetPoint, raiseRank } from './loop-state.ts';

const cpu: LoopSpecInput['metrics'][number] = {
  name: 'cpu',
  rank: 2,
  thresholds: [
    { kind: 'superior', value: 75, reaction: { horizontal: { by: 2 } } },
    { kind: 'inferior', value: 40, reaction: { horizontal: { by: -1 } } },
  ],
};
const queue: LoopSpecInput['metrics'][number] = {
  name: 'queue',
  rank: 1,
  thresholds: [
    { kind: 'superior', value: 100, reaction: { horizontal: { by: '20%' } } },
    { kind: 'inferior', value: 10, reaction: { horizontal: { by: '-30%' } } },
  ],
};
const memory: LoopSpecInput['metrics'][number] = {
  name: 'memory',
  rank: 3,
  thresholds: [
    { kind: 'superior', value: 85, reaction: { vertical: { resource: 'memory', by: 0.25, min: 1, max: 1.5 } } },
    { kind: 'inferior', value: 30, reaction: { vertical: { resource: 'memory', by: -0.25, min: 1, max: 1.5 } } },
  ],
};
const now0 = { stabilizationWindowSeconds: 0 };

/** A loop that carries its own size forward, as an operator does. */
function loop(input: Partial<LoopSpecInput> = {}, size = 10) {
  const spec = parseLoopSpec({
    metrics: [cpu, queue],
    ...input,
    behavior: { maxReplicas: 20, scaleDown: now0, ...input.behavior },
  });
  let state: LoopState = initialLoopState(spec);
  let groupSize = size;
  return {
    propose: (wanted: number, second: number) => {
      state = proposeSetPoint(state, wanted, second);
    },
    raise: (metric: string, second: number) => {
      const raise = raiseRank(spec, state, metric, second);
      state = raise.state;
      return raise;
    },
    tick: (now: number, metrics: LoopObservation['metrics'], more: Partial<LoopObservation> = {}): LoopDecision => {
      const decision = decide(spec, state, { groupSize, metrics, ...more }, now);
      ({ state, groupSize } = decision);
      return decision;
    },
  };
}

const quiet = { cpu: 60, queue: 50 };

describe('which reaction', () => {
  it('lets an up-reaction beat a better-ranked down-reaction', () => {
    expect(loop().tick(0, { cpu: 80, queue: 5 })).toMatchObject({
      message: 'High cpu,Low queue',
      winner: 'cpu',
      losers: ['queue'],
      groupSize: 12,
    });
  });

  it('lets ranks order the ups among themselves and the downs among themselves, one reaction a tick', () => {
    expect(loop().tick(0, { cpu: 80, queue: 101 })).toMatchObject({ winner: 'queue', losers: ['cpu'], groupSize: 12 });
    expect(loop().tick(0, { cpu: 39, queue: 9 })).toMatchObject({ winner: 'queue', losers: ['cpu'], groupSize: 7 });
  });

  it('follows a rank that was raised', () => {
    const raised = loop();
    expect(raised.raise('cpu', 0)).toMatchObject({ raised: true, state: { increaseRank: 'cpu', increaseTime: 0 } });
    expect(raised.tick(0, { cpu: 39, queue: 9 })).toMatchObject({ winner: 'cpu', groupSize: 9 });
  });

  it('compares strictly, and knows "Equal"', () => {
    const equal = {
      name: 'mode',
      rank: 9,
      thresholds: [{ kind: 'equal' as const, value: 3, reaction: { horizontal: { by: 1 } } }],
    };
    const { tick } = loop({ metrics: [cpu, equal] });
    expect(tick(0, { cpu: 75, mode: 3 })).toMatchObject({
      message: 'Equal mode',
      action: 'React to mode',
      groupSize: 11,
    });
    expect(tick(15, { cpu: 40, mode: 2 }).message).toBe('No Event');
  });

  it('lets a pod at its largest give way, so that the group can still grow', () => {
    const first = { metrics: [cpu, { ...memory, rank: 1 }] };
    expect(loop(first).tick(0, { cpu: 80, memory: 90 })).toMatchObject({
      winner: 'memory',
      groupSize: 10,
      vertical: { resource: 'memory', size: 1.25 },
    });
    const atLargest = { verticalSize: { memory: 1.5 } };
    expect(loop(first).tick(0, { cpu: 80, memory: 90 }, atLargest)).toMatchObject({ winner: 'cpu', groupSize: 12 });
    expect(loop(first).tick(0, { cpu: 60, memory: 90 }, atLargest)).toMatchObject({
      winner: 'memory',
      vertical: null,
      clampedBy: ['verticalMax'],
    });
  });

  it.each([
    // [total, from size, to size, message]: ceil(total ÷ 100), nothing inside 0.9…1.1
    [1100, 10, 10, 'No Event'],
    [1101, 10, 12, 'High load'],
    [900, 10, 10, 'No Event'],
    [899, 10, 9, 'Low load'],
    [50, 1, 1, 'No Event'],
    [5000, 10, 20, 'High load'],
  ])('tracks a total of %d from %d to %d', (total, from, to, message) => {
    const load = {
      name: 'load',
      rank: 1,
      thresholds: [{ kind: 'superior' as const, reaction: { horizontal: { track: 100 } } }],
    };
    expect(loop({ metrics: [load] }, from).tick(0, { load: total })).toMatchObject({ groupSize: to, message });
  });
});

describe('what holds a reaction back', () => {
  it('takes one missing metric as a reason not to scale down, but to let others scale up', () => {
    for (const missing of [Number.NaN, undefined]) {
      expect(loop().tick(0, { cpu: 30, queue: missing })).toMatchObject({
        message: 'Low cpu',
        groupSize: 10,
        clampedBy: ['missingMetrics'],
      });
      expect(loop().tick(0, { cpu: 80, queue: missing }).groupSize).toBe(12);
    }
    expect(loop().tick(0, { cpu: 30, queue: 50 }, { incomplete: ['cpu'] }).groupSize).toBe(10);
    expect(loop().tick(0, { cpu: 80, queue: 50 }, { incomplete: ['cpu'] }).groupSize).toBe(12);
  });

  it('scales down only to the largest recommendation of the window, and one that starts waits a window', () => {
    const { tick } = loop({ behavior: { maxReplicas: 20, scaleDown: { stabilizationWindowSeconds: 60 } } });
    const sizes = [0, 15, 30, 45, 60, 61].map((second) => tick(second, { cpu: 30, queue: 50 }).groupSize);
    expect(sizes).toEqual([10, 10, 10, 10, 10, 9]);
    expect(tick(75, { cpu: 30, queue: 50 })).toMatchObject({ groupSize: 9, clampedBy: ['scaleDownStabilization'] });
    expect(tick(90, quiet).groupSize).toBe(9);
    // The quiet tick at 90 wanted 9, and holds until it is out of the window.
    expect(tick(150, { cpu: 30, queue: 50 }).groupSize).toBe(9);
    expect(tick(151, { cpu: 30, queue: 50 }).groupSize).toBe(8);
  });

  it('scales up only to the smallest recommendation of its window', () => {
    const { tick } = loop({ behavior: { maxReplicas: 20, scaleUp: { stabilizationWindowSeconds: 30 } } });
    expect(tick(0, quiet).groupSize).toBe(10);
    expect(tick(15, { cpu: 80, queue: 50 })).toMatchObject({ groupSize: 10, clampedBy: ['scaleUpStabilization'] });
    expect(tick(31, { cpu: 80, queue: 50 }).groupSize).toBe(12);
  });

  it('keeps rate limits in each direction, the larger of pods and percent', () => {
    const up = loop({
      behavior: { maxReplicas: 20, scaleUp: { rateLimit: { pods: 3, percent: 10, periodSeconds: 60 } } },
    });
    expect([0, 15, 30, 59].map((s) => up.tick(s, { cpu: 80, queue: 50 }).groupSize)).toEqual([12, 13, 13, 13]);
    expect(up.tick(60, { cpu: 80, queue: 50 }).groupSize).toBe(15);
    const down = loop({
      behavior: { maxReplicas: 20, scaleDown: { ...now0, rateLimit: { percent: 20, periodSeconds: 60 } } },
    });
    expect([0, 15, 30].map((s) => down.tick(s, { cpu: 30, queue: 50 }).groupSize)).toEqual([9, 8, 8]);
  });

  it('stays within min and max and says so', () => {
    expect(loop({}, 19).tick(0, { cpu: 80, queue: 50 })).toMatchObject({ groupSize: 20, clampedBy: ['maxReplicas'] });
    expect(loop({}, 1).tick(0, { cpu: 30, queue: 50 })).toMatchObject({ groupSize: 1, clampedBy: ['minReplicas'] });
    expect(loop({}, 25).tick(0, quiet).groupSize).toBe(20);
  });

  it('decides nothing while paused, or while a member rolls out unless told to', () => {
    const rolling = { rollingOut: true };
    const held = { winner: null, action: 'No action', groupSize: 10, message: 'High cpu' };
    expect(loop({ paused: true }).tick(0, { cpu: 90, queue: 50 })).toMatchObject({ ...held, clampedBy: ['paused'] });
    expect(loop().tick(0, { cpu: 90, queue: 50 }, rolling)).toMatchObject({ ...held, clampedBy: ['rollingOut'] });
    expect(loop({ whileRollingOut: 'React' }).tick(0, { cpu: 90, queue: 50 }, rolling).groupSize).toBe(12);
  });

  it('falls back to a size after n ticks without a metric, only ever upwards', () => {
    const onMissingMetrics = { action: 'Fallback' as const, replicas: 8, afterTicks: 3 };
    const small = loop({ onMissingMetrics }, 4);
    expect([0, 15, 30].map((s) => small.tick(s, { queue: 50 }).groupSize)).toEqual([4, 4, 8]);
    expect(small.tick(45, { cpu: 30, queue: 50 }).groupSize).toBe(7);
    const large = loop({ onMissingMetrics }, 12);
    expect([0, 15, 30].map((s) => large.tick(s, {}).groupSize)).toEqual([12, 12, 12]);
  });

  it('shrinks pods only after a window in which that was wanted', () => {
    const { tick } = loop({
      metrics: [memory],
      behavior: { maxReplicas: 20, scaleDown: { stabilizationWindowSeconds: 30 } },
    });
    const verticalSize = { memory: 1.5 };
    const sizes = [0, 15, 30, 31].map((second) => tick(second, { memory: 20 }, { verticalSize }).vertical?.size);
    expect(sizes).toEqual([undefined, undefined, undefined, 1.25]);
  });
});

describe("the agent's set-point", () => {
  const slowDown = { behavior: { maxReplicas: 20, scaleDown: { stabilizationWindowSeconds: 600 } } };

  it('is applied once, down too and without the stabilisation window', () => {
    const { propose, tick } = loop(slowDown);
    tick(0, quiet);
    propose(8, 10);
    expect(tick(15, quiet)).toMatchObject({ groupSize: 8, clampedBy: [] });
    // Reactions may go above; it does not pull down a second time, though seen again.
    expect(tick(30, { cpu: 80, queue: 50 }).groupSize).toBe(10);
    propose(8, 10);
    expect(tick(45, quiet).groupSize).toBe(10);
  });

  it('is a floor while fresh and nothing once stale', () => {
    const { propose, tick } = loop({ guardrails: { staleAfterSeconds: 60 } });
    propose(12, 0);
    expect(tick(0, quiet).groupSize).toBe(12);
    expect(tick(59, { cpu: 30, queue: 50 })).toMatchObject({ groupSize: 12, clampedBy: ['setPoint'] });
    expect(tick(60, { cpu: 30, queue: 50 }).groupSize).toBe(11);
    expect(loop({ guardrails: { staleAfterSeconds: 60 } }).tick(0, quiet).groupSize).toBe(10);
    const late = loop({ guardrails: { staleAfterSeconds: 60 } });
    late.propose(15, 0);
    expect(late.tick(60, quiet).groupSize).toBe(10);
    const ahead = loop({ guardrails: { staleAfterSeconds: 60 } });
    ahead.propose(15, 1_000_000);
    expect(ahead.tick(0, quiet).groupSize).toBe(10);
  });

  it.each([
    ['a breach', { cpu: 60, queue: 101 }, 12, 'breach'],
    ['missing data', { cpu: 60 }, 10, 'missingMetrics'],
  ])('does not scale down on %s', (_, metrics, size, clamp) => {
    const { propose, tick } = loop();
    propose(8, 0);
    expect(tick(0, metrics)).toMatchObject({ groupSize: size, clampedBy: [clamp] });
    expect(tick(15, quiet).groupSize).toBe(size);
  });

  it.each([
    [18, 14, ['maxStep']],
    [99, 14, ['setPointMaxReplicas', 'maxStep']],
    [-5, 6, ['setPointMinReplicas', 'maxStep']],
    [12, 12, []],
  ])('of %d is clamped to %d', (wanted, size, clampedBy) => {
    const { propose, tick } = loop({ guardrails: { maxStep: 4, minReplicas: 3, maxReplicas: 19 } });
    propose(wanted, 0);
    expect(tick(0, quiet)).toMatchObject({ groupSize: size, clampedBy });
  });

  it('ignores what is no number', () => {
    const { propose, tick } = loop();
    propose(Number.NaN, 0);
    expect(tick(0, quiet)).toMatchObject({ groupSize: 10, clampedBy: [] });
  });
});

describe('rank changes', () => {
  it('are limited per hour, and the first cannot rise', () => {
    const { raise } = loop({ guardrails: { rankChangesPerHour: 2 } });
    expect(raise('queue', 0)).toMatchObject({ raised: false, refusedBy: 'firstAlready' });
    expect([raise('cpu', 0).raised, raise('queue', 60).raised]).toEqual([true, true]);
    expect(raise('cpu', 3599)).toMatchObject({ raised: false, refusedBy: 'rankChangesPerHour' });
    expect(raise('cpu', 3600).raised).toBe(true);
  });
});
