import { describe, expect, it } from 'vitest';
import type { RewardSummary } from '../../policies/resources/deliberative-loop.ts';
import type { Observed } from './contract.ts';
import { judgeCanary, judgeWatch } from './judge.ts';
import type { Band, OpenRecord } from './record.ts';
import { criteria } from './scene.fixture.ts';

const candidate = 'c'.repeat(64);
const incumbent = 'd'.repeat(64);
const second = 1_000_000;
const since = new Date(second * 1000).toISOString();

function observed(afterSeconds: number, status: Observed['loop']['status']): Observed {
  return {
    inForce: incumbent,
    record: undefined,
    stored: { canary: undefined, previous: undefined },
    loop: { canary: candidate, pin: undefined, applies: true, closedLoops: 4, status },
    unixSecond: second + afterSeconds,
  };
}
const reward = (sha256: string, more: Partial<RewardSummary> = {}): RewardSummary => ({
  sha256,
  decisions: 100,
  mean: -5,
  deviation: 2,
  ...more,
});

describe('the canary', () => {
  const record: OpenRecord = { stage: 'Canary', candidate, incumbent, since, reason: '', earlier: [] };
  const canary = { sha256: candidate, since, decisions: 20, abstentions: 4 };

  it('leaves the incumbent’s advantage over the HPA’s twin as its band, where there is one', () => {
    const advantage = { advantageMean: 0.5, advantageDeviation: 0.2 };
    const verdict = judgeCanary(observed(600, { canary, reward: reward(incumbent, advantage) }), record, criteria);
    expect(verdict).toMatchObject({
      kind: 'good',
      band: { measure: 'advantageMean', mean: 0.5, deviation: 0.2, decisions: 100 },
    });
    expect(judgeCanary(observed(600, { canary, reward: reward(incumbent) }), record, criteria)).toMatchObject({
      band: { measure: 'mean', mean: -5, deviation: 2 },
    });
  });

  it.each([
    [
      'one abstention too many for 20 decisions on 4 closed loops',
      600,
      { ...canary, abstentions: 5 },
      incumbent,
      'bad',
    ],
    ['too early', 599, canary, incumbent, 'wait'],
    ['another canary’s report', 600, { ...canary, sha256: incumbent }, incumbent, 'wait'],
    ['a reward of another policy', 600, canary, candidate, 'wait'],
    ['still no reward of the incumbent', 1800, canary, candidate, 'bad'],
  ])('with %s', (_, after, seen, of, kind) => {
    expect(judgeCanary(observed(after, { canary: seen, reward: reward(of) }), record, criteria).kind).toBe(kind);
  });
});

describe('the watch', () => {
  const band: Band = { measure: 'mean', mean: -5, deviation: 3, decisions: 900 };
  const record: OpenRecord = { stage: 'Watch', candidate, incumbent, since, reason: '', band, earlier: [] };
  // 3 · √(9 ÷ 900 + 4 ÷ 100) ≈ 0.671
  it.each([
    ['just inside the band, early', 10, reward(candidate, { mean: -5.67 }), 'wait'],
    ['just below it, early', 10, reward(candidate, { mean: -5.68 }), 'bad'],
    ['just inside it, at the end', 1200, reward(candidate, { mean: -5.67 }), 'good'],
    ['far below, but of too few decisions', 10, reward(candidate, { mean: -50, decisions: 9 }), 'wait'],
    ['of too few decisions at the end', 1200, reward(candidate, { decisions: 9 }), 'bad'],
    ['of another policy', 10, reward(incumbent, { mean: -50 }), 'wait'],
    ['of another policy at the end', 1200, reward(incumbent), 'bad'],
  ])('with a reward %s', (_, after, seen, kind) => {
    expect(judgeWatch(observed(after, { reward: seen }), record, criteria).kind).toBe(kind);
  });

  it('compares advantages with advantages only', () => {
    const ofTwin: OpenRecord = { ...record, band: { ...band, measure: 'advantageMean', mean: 0 } };
    expect(judgeWatch(observed(1200, { reward: reward(candidate) }), ofTwin, criteria).kind).toBe('bad');
    const seen = reward(candidate, { advantageMean: -0.6, advantageDeviation: 2 });
    expect(judgeWatch(observed(1200, { reward: seen }), ofTwin, criteria).kind).toBe('good');
  });
});
