/** Finding a policy's target on training traces, independent of how a policy is evaluated. */
import { UserError } from '../../env/errors.ts';
import type { Policy } from '../policy.ts';

/** How a policy did, mean over the training traces. */
export interface Outcome {
  violationPercent: number;
  meanReplicas: number;
}

export type Evaluate = (policy: Policy) => Promise<Outcome>;

export interface SweptPoint extends Outcome {
  value: number;
}

export interface SweepOptions {
  /** The values of the swept parameter. */
  grid: readonly number[];
  policyFor: (value: number) => Policy;
  evaluate: Evaluate;
  /** Violations that are accepted, percent of the time (default 1). */
  budgetPercent?: number;
}

export interface CoordinateOptions {
  grid: readonly number[];
  /** The targets to start from, one per service. */
  start: readonly number[];
  policyFor: (targets: readonly number[]) => Policy;
  evaluate: Evaluate;
  budgetPercent?: number;
  /** Rounds over the services at most (default 3); ends early when a round changes nothing. */
  rounds?: number;
}

const defaultBudgetPercent = 1;

/** Within the budget the fewest replicas win, outside it the fewest violations; a tie goes to the other. */
export function isBetter(candidate: Outcome, than: Outcome, budgetPercent: number): boolean {
  const fits = candidate.violationPercent <= budgetPercent;
  if (fits !== than.violationPercent <= budgetPercent) return fits;
  const byReplicas = candidate.meanReplicas - than.meanReplicas;
  const byViolations = candidate.violationPercent - than.violationPercent;
  return fits
    ? byReplicas < 0 || (byReplicas === 0 && byViolations < 0)
    : byViolations < 0 || (byViolations === 0 && byReplicas < 0);
}

/** Evaluates every value of the grid: the best one, and all of them in ascending order. @throws UserError */
export async function tune(options: SweepOptions): Promise<{ best: SweptPoint; frontier: SweptPoint[] }> {
  const { policyFor, evaluate, budgetPercent = defaultBudgetPercent } = options;
  const grid = checkedGrid(options.grid);
  const frontier: SweptPoint[] = [];
  for (const value of grid) {
    const { violationPercent, meanReplicas } = await evaluate(policyFor(value));
    frontier.push({ value, violationPercent, meanReplicas });
  }
  const best = frontier.reduce((leader, point) => (isBetter(point, leader, budgetPercent) ? point : leader));
  return { best, frontier };
}

/**
 * Coordinate descent: one service's target after another is set to its neighbour on the grid for as long as that is
 * better. The result is never worse than `start`.
 */
export async function tunePerService(options: CoordinateOptions): Promise<{ targets: number[]; outcome: Outcome }> {
  const { policyFor, evaluate, budgetPercent = defaultBudgetPercent, rounds = 3 } = options;
  const grid = checkedGrid(options.grid);
  let targets = [...options.start];
  let outcome = await evaluate(policyFor(targets));
  for (let round = 0; round < rounds; round++) {
    let changed = false;
    for (let service = 0; service < targets.length; service++) {
      for (const direction of [1, -1]) {
        for (;;) {
          const value = neighbour(grid, targets[service], direction);
          if (value === undefined) break;
          const candidate = targets.with(service, value);
          const candidateOutcome = await evaluate(policyFor(candidate));
          if (!isBetter(candidateOutcome, outcome, budgetPercent)) break;
          targets = candidate;
          outcome = candidateOutcome;
          changed = true;
        }
      }
    }
    if (!changed) break;
  }
  return { targets, outcome };
}

function neighbour(grid: readonly number[], value: number, direction: number): number | undefined {
  return direction > 0 ? grid.find((v) => v > value) : grid.findLast((v) => v < value);
}

function checkedGrid(grid: readonly number[]): number[] {
  if (grid.length === 0 || !grid.every(Number.isFinite)) {
    throw new UserError(
      'TUNING_GRID',
      `The grid to tune over is [${grid.join(', ')}]; give one finite number or more.`,
    );
  }
  return [...new Set(grid)].sort((a, b) => a - b);
}
