/** What the rows of a comparison say per policy, over its traces and over the seeds of one training recipe. */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { UserError } from '../../env/errors.ts';
import type { ComparisonRow } from '../comparison.ts';

/** Mean, sample standard deviation (null below two values) and range of a figure. */
export interface Spread {
  mean: number;
  standardDeviation: number | null;
  min: number;
  max: number;
}

/** One policy over all its traces; every trace weighs the same. */
export interface PolicySummary {
  policy: string;
  traces: number;
  violationPercent: Spread;
  meanReplicas: Spread;
  podHours: Spread;
  scalingActions: Spread;
  p95Milliseconds: { mean: number; max: number };
}

/** Checkpoints that differ only by the seed they were trained with; the spread is over the seeds' means. */
export interface SeedSummary {
  /** The policy names without their seed part. */
  recipe: string;
  policies: string[];
  violationPercent: Spread;
  meanReplicas: Spread;
  podHours: Spread;
  scalingActions: Spread;
}

/** Map.groupBy, which Node 20 lacks: groups in the order in which their keys first appear. */
export function groupInOrder<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

export function spreadOf(values: readonly number[]): Spread {
  const list = values as number[];
  return {
    mean: mean(list),
    standardDeviation: list.length > 1 ? sampleStandardDeviation(list) : null,
    min: Math.min(...list),
    max: Math.max(...list),
  };
}

/**
 * One summary per policy, in the order in which policies first appear.
 * @throws UserError EMPTY_COMPARISON without rows.
 */
export function summarizePolicies(rows: readonly ComparisonRow[]): PolicySummary[] {
  if (rows.length === 0) {
    throw new UserError('EMPTY_COMPARISON', 'The comparison has no rows: name at least one --trace and one --policy.');
  }
  return [...groupInOrder(rows, (row) => row.policy)].map(([policy, own]) => ({
    policy,
    traces: own.length,
    violationPercent: spreadOf(own.map((row) => row.violationPercent)),
    meanReplicas: spreadOf(own.map((row) => row.meanReplicas)),
    podHours: spreadOf(own.map((row) => row.podHours)),
    scalingActions: spreadOf(own.map((row) => row.scalingActions)),
    p95Milliseconds: {
      mean: mean(own.map((row) => row.p95Milliseconds.mean)),
      max: Math.max(...own.map((row) => row.p95Milliseconds.max)),
    },
  }));
}

const seedSuffix = /^(checkpoint:.*?)[/_.-]?seed[-_]?\d+\/*$/;

/** The name of a checkpoint policy without a trailing `/seed-N`, `-seedN` or the like; null when it has none. */
export function recipeOf(policy: string): string | null {
  return seedSuffix.exec(policy)?.[1] ?? null;
}

/** One summary per recipe that at least two policies share. */
export function summarizeSeeds(summaries: readonly PolicySummary[]): SeedSummary[] {
  const byRecipe = groupInOrder(summaries, (summary) => recipeOf(summary.policy));
  return [...byRecipe].flatMap(([recipe, own]) =>
    recipe === null || own.length < 2
      ? []
      : [
          {
            recipe,
            policies: own.map((summary) => summary.policy),
            violationPercent: spreadOf(own.map((summary) => summary.violationPercent.mean)),
            meanReplicas: spreadOf(own.map((summary) => summary.meanReplicas.mean)),
            podHours: spreadOf(own.map((summary) => summary.podHours.mean)),
            scalingActions: spreadOf(own.map((summary) => summary.scalingActions.mean)),
          },
        ],
  );
}

/**
 * Short names for charts and tables: a checkpoint is called by as few trailing folders as tell it from the
 * others (`checkpoint:runs/a/seed-1` → `a/seed-1`); other policies keep their name.
 */
export function displayNames(policies: readonly string[]): Map<string, string> {
  const unique = [...new Set(policies)];
  const others = new Set(unique.filter((policy) => !policy.startsWith('checkpoint:')));
  const folders = new Map(
    unique
      .filter((policy) => !others.has(policy))
      .map((policy) => [
        policy,
        policy
          .slice('checkpoint:'.length)
          .split('/')
          .filter((part) => part !== '' && part !== '.'),
      ]),
  );
  const lastParts = (policy: string, count: number) => folders.get(policy)?.slice(-count).join('/') ?? policy;
  return new Map(
    unique.map((policy) => {
      const parts = folders.get(policy);
      if (parts === undefined || parts.length === 0) return [policy, policy];
      // A folder that is only a seed says nothing by itself.
      const least = /^seed[-_]?\d+$/.test(parts[parts.length - 1]) ? 2 : 1;
      for (let count = least; count <= parts.length; count++) {
        const name = lastParts(policy, count);
        const clashes =
          others.has(name) || [...folders.keys()].some((other) => other !== policy && lastParts(other, count) === name);
        if (!clashes) return [policy, name];
      }
      return [policy, policy];
    }),
  );
}
