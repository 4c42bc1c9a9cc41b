import { describe, expect, it } from 'vitest';
import { hpaPolicy } from './policies.ts';
import { isBetter, tune, tunePerService } from './tuning.ts';

/** A world in which violations fall and replicas grow as the CPU target goes down. */
const outcomeOf = (target: number) => ({ violationPercent: target / 50, meanReplicas: 300 / target });
const targetOf = (name: string) => Number(name.split('-').at(-1));

describe('tune', () => {
  const options = {
    policyFor: (cpuTargetPercent: number) => hpaPolicy({ cpuTargetPercent }),
    evaluate: async ({ name }: { name: string }) => outcomeOf(targetOf(name)),
  };

  it('takes the fewest replicas within the budget, and returns all that was tried in order', async () => {
    const { best, frontier } = await tune({ ...options, grid: [80, 30, 50, 60] });
    expect(best).toEqual({ value: 50, violationPercent: 1, meanReplicas: 6 });
    expect(frontier.map((point) => point.value)).toEqual([30, 50, 60, 80]);
  });

  it('takes the fewest violations when nothing fits the budget', async () => {
    expect((await tune({ ...options, grid: [80, 70], budgetPercent: 0.5 })).best.value).toBe(70);
  });

  it('refuses an empty grid', async () => {
    await expect(tune({ ...options, grid: [] })).rejects.toThrow(/grid/);
  });
});

describe('isBetter', () => {
  it('prefers what fits the budget to what is cheap', () => {
    expect(isBetter({ violationPercent: 1, meanReplicas: 9 }, { violationPercent: 1.1, meanReplicas: 2 }, 1)).toBe(
      true,
    );
    expect(isBetter({ violationPercent: 1.1, meanReplicas: 2 }, { violationPercent: 1, meanReplicas: 9 }, 1)).toBe(
      false,
    );
  });
});

describe('tunePerService', () => {
  it('raises the targets of services that do not need their pods, and keeps the budget', async () => {
    // Only the first service makes violations: 1 % at a target of 50.
    const evaluate = async ({ name }: { name: string }) => {
      const [first, second] = name.slice('hpa-cpu-'.length).split('/').map(Number);
      return { violationPercent: first / 50, meanReplicas: 300 / first + 300 / second };
    };
    const { targets, outcome } = await tunePerService({
      grid: [40, 50, 60, 70, 80, 90],
      start: [40, 40],
      policyFor: (cpuTargetPercent) => hpaPolicy({ cpuTargetPercent }),
      evaluate,
    });
    expect(targets).toEqual([50, 90]);
    expect(outcome.violationPercent).toBe(1);
  });
});
