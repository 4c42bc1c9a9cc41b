/** What a round means for one DeliberativeLoop: its proposals, its conditions, its figures. Pure. */
import type { Proposal } from '../../policies/resources/deliberative-loop.ts';
import type { LoopFigures } from '../agent-metrics.ts';
import { addToCanary, type CanarySummary } from './canary.ts';
import type { Job, Verdict } from './decide.ts';
import type { GuardedDecision } from './guard.ts';
import type { Measured } from './measure.ts';
import { intervalRemark } from './policy-track.ts';
import { type LoopOutcome, type Readiness, readinessOf } from './readiness.ts';
import { maxClosedLoops } from './selection.ts';

export interface Conclusion {
  readonly proposals: readonly Proposal[];
  readonly readiness: Readiness;
  readonly canaryReadiness: Readiness | undefined;
  readonly canary: CanarySummary | undefined;
  readonly abstentions: readonly string[];
  readonly figures: Pick<LoopFigures, 'sha256' | 'proposals' | 'confidence' | 'value' | 'abstaining' | 'hpaWouldBe'>;
}

export function conclude(
  job: Job,
  verdicts: readonly Verdict[],
  measured: Measured | undefined,
  timeScale: number,
): Conclusion {
  const { tuner, spec, unreadable, beyond } = job;
  const { incumbent, canary: canaryTrack } = tuner;
  const proposals = verdicts.flatMap(({ decided }) => decided?.proposal ?? []);
  const remarks = incumbent.deliberation
    ? intervalRemark(incumbent.deliberation, spec.intervalSeconds, timeScale)
    : undefined;
  const outcomes = [...unreadable, ...outcomesOf(verdicts, ({ decided }) => decided)];
  const noSpec = tuner.problems === undefined ? undefined : { reason: 'InvalidSpec', message: tuner.problems };
  const isRunning = incumbent.deliberation !== undefined;
  const readiness = readinessOf({
    ...(noSpec && { noPolicy: noSpec }),
    ...(incumbent.problem && (isRunning ? { refusedPolicy: incumbent.problem } : { noPolicy: incumbent.problem })),
    ...(measured?.problem && { noMeasurements: measured.problem }),
    outcomes,
    remarks: [
      ...(remarks ? [remarks] : []),
      ...(beyond > 0
        ? [
            `${beyond} more closed loops are selected than the ${maxClosedLoops} that fit: make another DeliberativeLoop`,
          ]
        : []),
    ],
  });
  const withCanary = spec.policy.canary !== undefined;
  const abstentions = outcomes.flatMap(({ abstention }) => abstention?.reason ?? []);
  return {
    proposals,
    readiness,
    canaryReadiness: withCanary
      ? readinessOf({
          ...(canaryTrack.problem &&
            (canaryTrack.deliberation ? { refusedPolicy: canaryTrack.problem } : { noPolicy: canaryTrack.problem })),
          ...(measured?.problem && { noMeasurements: measured.problem }),
          outcomes: outcomesOf(verdicts, ({ canary }) => canary),
          remarks: [],
        })
      : undefined,
    canary: withCanary ? summedUp(tuner.canarySummary, verdicts, measured) : undefined,
    abstentions,
    figures: {
      abstaining: abstainingOf(readiness, abstentions),
      sha256: isRunning ? incumbent.policy?.sha256 : undefined,
      proposals: proposals.length,
      confidence: meanOf(proposals.map(({ confidence }) => confidence)),
      value: meanOf(proposals.map(({ value }) => value)),
      hpaWouldBe: sumOf(proposals.map(({ hpaWouldBe }) => hpaWouldBe)),
    },
  };
}

/** Closed loops by reason. What keeps all from being decided may keep them from being looked at one by one, too. */
function abstainingOf({ status, reason }: Readiness, abstentions: readonly string[]): Record<string, number> {
  const reasons = status === 'False' && abstentions.length === 0 ? [reason] : abstentions;
  const counts: Record<string, number> = {};
  for (const each of reasons) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
}

function outcomesOf(
  verdicts: readonly Verdict[],
  of: (verdict: Verdict) => GuardedDecision | undefined,
): LoopOutcome[] {
  return verdicts.map((verdict) => ({ closedLoop: verdict.loop.name, abstention: of(verdict)?.abstention }));
}

/** That nothing could be measured is no fault of a canary. */
function summedUp(
  before: CanarySummary | undefined,
  verdicts: readonly Verdict[],
  measured: Measured | undefined,
): CanarySummary | undefined {
  if (before === undefined || measured?.measurements === undefined) return before;
  return addToCanary(before, verdicts.filter(({ canary }) => canary !== undefined).map(compared));
}

/** A hold leaves the size as it is. */
function compared({ view, decided, canary }: Verdict) {
  const sizeOf = (decision: GuardedDecision | undefined) =>
    decision?.proposal && (decision.proposal.setPoint ?? view.groupSize);
  return { canarySize: sizeOf(canary), incumbentSize: sizeOf(decided) };
}

function meanOf(values: readonly (number | undefined)[]): number | undefined {
  const sum = sumOf(values);
  return sum === undefined ? undefined : sum / values.filter((value) => value !== undefined).length;
}

function sumOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}
