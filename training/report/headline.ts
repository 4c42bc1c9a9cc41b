/** The one sentence at the top of a comparison. */
import { formatDecimal, formatPercent } from '../../env/report/number-format.ts';
import type { ComparisonReport, Frontier } from '../comparison.ts';
import { displayNames, type PolicySummary, summarizePolicies, summarizeSeeds } from './policy-summary.ts';

interface Standing {
  label: string;
  violationPercent: number;
  meanReplicas: number;
}

/** The strongest first: what a user would otherwise run. */
const baselineOrder = ['rps-tuned', 'hpa-tuned', 'hpa', 'hpa-measured', 'reactive', 'forecast', 'last-ten'];

/** `duoloop` is the checkpoint that is shipped for the application, as live comparisons call it. */
const isCheckpoint = ({ policy }: PolicySummary) => policy.startsWith('checkpoint:') || policy === 'duoloop';
const isBaseline = (summary: PolicySummary) => !isCheckpoint(summary) && summary.policy !== 'oracle';

/** Checkpoints as the headline counts them: a recipe with several seeds by its seeds' mean, not by its luckiest seed. */
function contenders(summaries: readonly PolicySummary[], names: ReadonlyMap<string, string>): Standing[] {
  const seeds = summarizeSeeds(summaries);
  const seeded = new Set(seeds.flatMap((seed) => seed.policies));
  return [
    ...seeds.map((seed) => ({
      label: `checkpoint ${recipeLabel(seed.recipe)} (mean of ${seed.policies.length} seeds)`,
      violationPercent: seed.violationPercent.mean,
      meanReplicas: seed.meanReplicas.mean,
    })),
    ...summaries
      .filter((summary) => isCheckpoint(summary) && !seeded.has(summary.policy))
      .map((summary) => ({ label: checkpointLabel(summary, names), ...standingOf(summary) })),
  ];
}

const checkpointLabel = ({ policy }: PolicySummary, names: ReadonlyMap<string, string>) =>
  policy === 'duoloop' ? policy : `checkpoint ${names.get(policy)}`;

export function recipeLabel(recipe: string): string {
  return (
    recipe
      .replace(/^checkpoint:/, '')
      .split('/')
      .filter(Boolean)
      .slice(-1)[0] ?? recipe
  );
}

function standingOf(summary: PolicySummary): Omit<Standing, 'label'> {
  return { violationPercent: summary.violationPercent.mean, meanReplicas: summary.meanReplicas.mean };
}

/**
 * Compares the first checkpoint with the strongest baselines in plain words; without a checkpoint it
 * names the policies that come out best. Every figure is the mean over the traces.
 */
export function headlineOf(report: Pick<ComparisonReport, 'rows' | 'frontiers'>): string {
  const summaries = summarizePolicies(report.rows);
  const names = displayNames(summaries.map((summary) => summary.policy));
  const baselines = summaries
    .filter(isBaseline)
    .sort((a, b) => rankOf(a.policy) - rankOf(b.policy))
    .map((summary) => ({ label: summary.policy, ...standingOf(summary) }));
  const [focus] = contenders(summaries, names);
  if (focus === undefined) return withoutCheckpoint(summaries, names);
  const own = `${capitalize(focus.label)}: ${formatPercent(focus.violationPercent)} of time above the SLA at ${formatDecimal(focus.meanReplicas)} replicas`;
  if (baselines.length === 0) return `${own}.`;
  const others = baselines
    .slice(0, 2)
    .map((one) => `${one.label} needs ${formatDecimal(one.meanReplicas)} for ${formatPercent(one.violationPercent)}`);
  return `${own}; ${others.join(', ')}. ${[verdict(focus, baselines[0]), atSameViolations(focus, report.frontiers)].join(' ').trim()}`;
}

/**
 * The fewest replicas at which a swept baseline is at no more than `violationPercent`, points joined by straight
 * lines; null when no setting of it is that good.
 */
export function frontierReplicasAt(frontier: Frontier, violationPercent: number): number | null {
  let fewest = Number.POSITIVE_INFINITY;
  for (const [i, point] of frontier.points.entries()) {
    if (point.violationPercent <= violationPercent) fewest = Math.min(fewest, point.meanReplicas);
    const next = frontier.points[i + 1];
    if (!next || (point.violationPercent - violationPercent) * (next.violationPercent - violationPercent) >= 0)
      continue;
    const share = (violationPercent - point.violationPercent) / (next.violationPercent - point.violationPercent);
    fewest = Math.min(fewest, point.meanReplicas + share * (next.meanReplicas - point.meanReplicas));
  }
  return Number.isFinite(fewest) ? fewest : null;
}

/** A baseline at one setting may simply sit elsewhere on the same curve: so its whole frontier is asked as well. */
function atSameViolations(focus: Standing, frontiers: readonly Frontier[]): string {
  const rivals = frontiers
    .filter((frontier) => !/oracle/i.test(frontier.label))
    .map((frontier) => ({ label: frontier.label, meanReplicas: frontierReplicasAt(frontier, focus.violationPercent) }))
    .filter((rival): rival is { label: string; meanReplicas: number } => rival.meanReplicas !== null);
  if (rivals.length === 0) return '';
  const best = rivals.reduce((a, b) => (b.meanReplicas < a.meanReplicas ? b : a));
  const ratio = formatDecimal(focus.meanReplicas / best.meanReplicas);
  return `Set for the same time above the SLA, the best swept baseline (${best.label}) needs ${formatDecimal(best.meanReplicas)} replicas: the checkpoint uses ${ratio} times that.`;
}

const rankOf = (policy: string) => {
  const rank = baselineOrder.indexOf(policy);
  return rank < 0 ? baselineOrder.length : rank;
};

function verdict(focus: Standing, baseline: Standing): string {
  const savedPercent = 100 * (1 - focus.meanReplicas / baseline.meanReplicas);
  const addedPoints = focus.violationPercent - baseline.violationPercent;
  // Differences that the printed digits do not show are none.
  const cost =
    Math.abs(savedPercent) < 0.5
      ? 'the same replicas'
      : `${Math.abs(savedPercent).toFixed(0)} % ${savedPercent > 0 ? 'fewer' : 'more'} replicas`;
  const time =
    Math.abs(addedPoints) < 0.005
      ? 'the same time above the SLA'
      : `${formatDecimal(Math.abs(addedPoints))} percentage points ${addedPoints > 0 ? 'more' : 'less'} time above the SLA`;
  const opposed = (savedPercent >= 0.5 && addedPoints >= 0.005) || (savedPercent <= -0.5 && addedPoints <= -0.005);
  return `Against ${baseline.label} that is ${cost} ${opposed ? 'but' : 'and'} ${time}.`;
}

function withoutCheckpoint(summaries: readonly PolicySummary[], names: ReadonlyMap<string, string>): string {
  const real = summaries.filter((summary) => summary.policy !== 'oracle');
  const ranked = real.length > 0 ? real : summaries;
  const safest = ranked.reduce((best, one) => (one.violationPercent.mean < best.violationPercent.mean ? one : best));
  const leanest = ranked.reduce((best, one) => (one.meanReplicas.mean < best.meanReplicas.mean ? one : best));
  const tell = (one: PolicySummary) =>
    `${names.get(one.policy)} (${formatPercent(one.violationPercent.mean)} of time above the SLA at ${formatDecimal(one.meanReplicas.mean)} replicas)`;
  if (ranked.length === 1) return `${capitalize(tell(safest))}.`;
  if (safest === leanest) return `${capitalize(tell(safest))} breaks the SLA least and uses the fewest replicas.`;
  return `${capitalize(tell(safest))} breaks the SLA least; ${tell(leanest)} uses the fewest replicas.`;
}

const capitalize = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
