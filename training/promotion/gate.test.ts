import { describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { createDraw } from '../../env/random.ts';
import type { Trace } from '../../env/workload/trace.ts';
import { type Checkpoint, networkShape, readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import { networkLayout } from '../../policies/actor-critic/network.ts';
import { splitTrace, traceHash } from '../held-out.ts';
import { heldOutTraces } from '../trace-sets.ts';
import { holdGate } from './gate.ts';
import { beats, differenceOf } from './spread.ts';

const app = await loadApp('frontend');
const trained = await readCheckpoint('policies/checkpoints/frontend');
const traces = heldOutTraces({ app, perFamily: 1, durationSeconds: 2 * 3600 });
const options = { heldOut: traces, training: [], seeds: 2, minHours: 6, log: () => {} };

/** The trained policy with the bias of one set-point move raised, so that it makes that move far too often. */
function inclinedTo(move: number): Checkpoint {
  const parameters = trained.parameters.slice();
  const { actor } = networkLayout(networkShape(trained.document));
  const raises = trained.document.actionHeads[0].choices.length;
  parameters[actor[actor.length - 1].biasOffset + raises + move] += 20;
  return { ...trained, parameters };
}

/** The trained policy, a fifth of its first layer the wrong way round. */
function damaged(): Checkpoint {
  const { actor } = networkLayout(networkShape(trained.document));
  const parameters = trained.parameters.slice();
  for (let i = actor[0].offset; i < actor[0].biasOffset; i += 5) parameters[i] *= -1;
  return { ...trained, parameters };
}

describe('the gate', () => {
  it('lets a trained policy pass that beats the tuned HPA and a bad incumbent, and says by how much', async () => {
    const result = await holdGate({ ...options, candidate: trained, incumbent: damaged() });
    expect(result.reason).toMatch(/beats hpa-tuned: violations −\d.*; the incumbent: violations/);
    expect(result).toMatchObject({ passed: true, rivals: [{ isBeaten: true }, { isBeaten: true }] });
  });

  it.each([
    ['far too many pods', 5],
    ['far too few', 0],
  ])('turns down one that takes %s', async (_, move) => {
    const result = await holdGate({ ...options, candidate: inclinedTo(move), incumbent: undefined });
    expect(result).toMatchObject({ passed: false, rivals: [{ rival: 'hpa-tuned', isBeaten: false }] });
  });

  it('turns down one that is no better than the incumbent', async () => {
    const result = await holdGate({ ...options, candidate: trained, incumbent: trained });
    expect(result.rivals).toMatchObject([{ isBeaten: true }, { rival: 'the incumbent', isBeaten: false }]);
    expect(result.reason).toContain('does not beat the incumbent');
  });

  it('refuses traffic that the candidate has seen, and too little of it', async () => {
    const trainingTraces = [{ name: 'other name', sha256: traceHash(traces[1]) }];
    const candidate = { ...trained, document: { ...trained.document, trainingTraces } };
    const seen = holdGate({ ...options, candidate, incumbent: undefined });
    await expect(seen).rejects.toMatchObject({ message: expect.stringContaining(traces[1].name) });
    const short = holdGate({ ...options, heldOut: traces.slice(0, 1), candidate: trained, incumbent: undefined });
    await expect(short).rejects.toMatchObject({ message: expect.stringContaining('2.00 hours') });
  });
});

describe('the spread', () => {
  const draw = createDraw(3);
  const windows = (violations: (i: number) => number, pods: (i: number) => number) =>
    Array.from({ length: 40 }, (_, i) => ({ ticks: 720, violationTicks: violations(i), podTicks: 720 * pods(i) }));
  const plain = windows(
    (i) => i % 5,
    () => 10,
  );

  it.each([
    [
      'fewer violations everywhere',
      windows(
        (i) => (i % 5) / 2,
        () => 10,
      ),
      true,
    ],
    [
      'fewer violations for more pods',
      windows(
        () => 0,
        () => 10.5,
      ),
      false,
    ],
    [
      'fewer pods at the same violations',
      windows(
        (i) => i % 5,
        () => 9,
      ),
      true,
    ],
    [
      'fewer pods for more violations',
      windows(
        (i) => (i % 5) + 3,
        () => 9,
      ),
      false,
    ],
    [
      'fewer violations in one lucky window',
      windows(
        (i) => (i === 4 ? 0 : i % 5),
        () => 10,
      ),
      false,
    ],
    ['the very same', plain, false],
  ])('judges %s', (_, candidate, wins) => {
    const difference = differenceOf(candidate, plain, draw);
    expect(difference.violationPoints.low).toBeLessThanOrEqual(difference.violationPoints.mean);
    expect(difference.violationPoints.mean).toBeLessThanOrEqual(difference.violationPoints.high);
    expect(beats(difference)).toBe(wins);
  });

  it('finds a true difference of none outside its bounds about as often as it says', () => {
    const noise = createDraw(8);
    let misses = 0;
    for (let run = 0; run < 200; run++) {
      const difference = differenceOf(
        windows(
          () => noise.uniform(0, 72),
          () => 10,
        ),
        windows(
          () => noise.uniform(0, 72),
          () => 10,
        ),
        draw,
      );
      if (difference.violationPoints.high < 0) misses++;
    }
    // 5 % of 200 are 10; the bootstrap of a mean of 40 is a little too narrow.
    expect(misses).toBeGreaterThan(2);
    expect(misses).toBeLessThan(25);
  });
});

describe('splitting a trace', () => {
  const trace: Trace = { name: 'week', seconds: [0, 100, 200, 300, 400], rps: [1, 2, 3, 4, 4] };

  it('gives training the earlier part and judging the rest, from second 0', () => {
    expect(splitTrace(trace, 0.5)).toEqual({
      training: { name: 'week-training', seconds: [0, 100, 200], rps: [1, 2, 3] },
      heldOut: { name: 'week-held-out', seconds: [0, 100, 200], rps: [3, 4, 4] },
    });
  });

  it('refuses to hold out nothing', () => {
    expect(() => splitTrace(trace, 0.01)).toThrow(/too few to hold out/);
  });
});
