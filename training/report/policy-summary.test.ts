import { describe, expect, it } from 'vitest';
import { displayNames, recipeOf, summarizePolicies, summarizeSeeds } from './policy-summary.ts';
import { testRow } from './report.fixture.ts';

describe('summarizePolicies', () => {
  it('gives mean and sample standard deviation over traces', () => {
    const [hpa, oracle] = summarizePolicies([
      testRow('hpa', 'a', 1, 3),
      testRow('oracle', 'a', 0, 2.5),
      testRow('hpa', 'b', 3, 4),
    ]);
    expect(hpa).toMatchObject({ policy: 'hpa', traces: 2, violationPercent: { mean: 2, min: 1, max: 3 } });
    expect(hpa.violationPercent.standardDeviation).toBeCloseTo(Math.SQRT2, 12);
    expect(oracle.violationPercent.standardDeviation).toBeNull();
  });

  it('refuses an empty comparison', () => {
    expect(() => summarizePolicies([])).toThrow(expect.objectContaining({ code: 'EMPTY_COMPARISON' }));
  });
});

describe('seeds', () => {
  it.each([
    ['checkpoint:runs/frontend/seed-1', 'checkpoint:runs/frontend'],
    ['checkpoint:runs/frontend-seed12', 'checkpoint:runs/frontend'],
    ['checkpoint:runs/frontend/seed_3/', 'checkpoint:runs/frontend'],
    ['checkpoint:runs/seed-1/best', null],
    ['checkpoint:runs/frontend', null],
    ['seed-1', null],
  ])('takes the seed off %s', (policy, recipe) => {
    expect(recipeOf(policy)).toBe(recipe);
  });

  it('spreads over the means of the seeds, not over all their traces', () => {
    const rows = [1, 2, 3].flatMap((seed) => [
      testRow(`checkpoint:runs/x/seed-${seed}`, 'a', seed, 3),
      testRow(`checkpoint:runs/x/seed-${seed}`, 'b', seed + 2, 3),
    ]);
    const [seeds, ...others] = summarizeSeeds(
      summarizePolicies([...rows, testRow('checkpoint:runs/y/seed-1', 'a', 9, 9)]),
    );
    expect(others).toEqual([]);
    expect(seeds.violationPercent).toEqual({ mean: 3, standardDeviation: 1, min: 2, max: 4 });
  });
});

describe('displayNames', () => {
  it('uses as few folders as tell checkpoints apart', () => {
    const names = displayNames([
      'checkpoint:runs/a/seed-1',
      'checkpoint:runs/b/seed-1',
      'checkpoint:./best',
      'checkpoint:old/hpa',
      'hpa',
    ]);
    expect([...names.values()]).toEqual(['a/seed-1', 'b/seed-1', 'best', 'old/hpa', 'hpa']);
  });
});
