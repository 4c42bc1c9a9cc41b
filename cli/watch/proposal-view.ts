/** What the deliberative loops propose for one closed loop. Pure. */

import { printable } from '../../env/report/printable.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';

export interface ProposalView {
  /** Name of the DeliberativeLoop. */
  readonly by: string;
  readonly mode: string;
  /** Whether the operator carries out what it proposes in this mode. */
  readonly acts: boolean;
  /** Unix seconds; undefined: it has proposed nothing for this loop yet, and the rest is undefined too. */
  readonly second: number | undefined;
  /** Too old to be applied. */
  readonly isStale: boolean;
  /** Undefined: hold. */
  readonly setPoint: number | undefined;
  /** "p95, cpu", best first; undefined: leave them. */
  readonly ranking: string | undefined;
  /** Probability, 0 to 1. */
  readonly confidence: number | undefined;
  readonly value: number | undefined;
  readonly hpaWouldBe: number | undefined;
}

const modesByWeight = ['Autonomous', 'Bounded', 'Recommend', 'Observe'];
const defaultStaleAfterSeconds = 180;

export function proposalViews(agents: readonly DeliberativeLoop[], closedLoop: string, now: number): ProposalView[] {
  return agents
    .map((agent) => proposalView(agent, closedLoop, now))
    .sort((a, b) => modesByWeight.indexOf(a.mode) - modesByWeight.indexOf(b.mode) || (a.by < b.by ? -1 : 1));
}

function proposalView({ metadata, spec, status }: DeliberativeLoop, closedLoop: string, now: number): ProposalView {
  const proposal = status?.proposals?.find((each) => each.closedLoop === closedLoop);
  const second = proposal === undefined ? undefined : fromTimestamp(proposal.time);
  const mode = printable(spec?.mode ?? 'Observe');
  return {
    by: printable(metadata.name),
    mode,
    acts: mode === 'Bounded' || mode === 'Autonomous',
    second,
    isStale: second !== undefined && now - second >= (spec?.guardrails?.staleAfterSeconds ?? defaultStaleAfterSeconds),
    setPoint: proposal?.setPoint,
    ranking: rankingText(proposal?.ranks),
    confidence: proposal?.confidence,
    value: proposal?.value,
    hpaWouldBe: proposal?.hpaWouldBe,
  };
}

function rankingText(ranks: Readonly<Record<string, number>> | undefined): string | undefined {
  if (ranks === undefined) return undefined;
  const names = Object.keys(ranks).sort((a, b) => ranks[a] - ranks[b]);
  return printable(names.join(', '));
}
