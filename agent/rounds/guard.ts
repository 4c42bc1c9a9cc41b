/**
 * The agent's own guard: what leaves it is sound and within the guardrails already. The operator checks again, with the same
 * order of bounds and step, since it trusts no agent. Pure.
 */
import type { LoopDecision } from '../../policies/deliberation/contract.ts';
import { guardedSize, type Rails } from '../../policies/deliberation/guarded-size.ts';
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';
import { type Proposal, proposalSchema } from '../../policies/resources/deliberative-loop.ts';

export interface GuardedLoop {
  readonly name: string;
  readonly spec: Pick<ClosedLoopSpec, 'behavior' | 'metrics'>;
  readonly groupSize: number;
}

export type GuardedDecision =
  | { readonly proposal: Proposal; readonly abstention?: undefined }
  | { readonly proposal?: undefined; readonly abstention: { readonly reason: string; readonly message: string } };

export function guardDecision(decision: LoopDecision, loop: GuardedLoop, rails: Rails): GuardedDecision {
  const { proposal, abstention } = decision;
  if (proposal === undefined) {
    return { abstention: abstention ?? unsound('the policy gave neither a proposal nor a reason') };
  }
  const { ranks, setPoint, confidence, value, hpaWouldBe, time } = proposal;
  if (ranks !== undefined && !isRanking(ranks, loop)) {
    return { abstention: unsound(`the ranking ${JSON.stringify(ranks).slice(0, 200)} is not one of its metrics`) };
  }
  const parsed = proposalSchema.safeParse({
    closedLoop: loop.name,
    ...(ranks && { ranks }),
    ...(setPoint !== undefined && { setPoint: guardedSize(setPoint, loop, rails) }),
    time,
    ...(confidence !== undefined && { confidence }),
    ...(value !== undefined && { value }),
    ...(hpaWouldBe !== undefined && { hpaWouldBe }),
  });
  if (parsed.success) return { proposal: parsed.data };
  const [{ path, message }] = parsed.error.issues;
  return { abstention: unsound(`what the policy proposes is unsound: ${path.join('.')} ${message}`) };
}

/** Every metric once, ranked 1 to their number. */
function isRanking(ranks: Readonly<Record<string, number>>, { spec }: GuardedLoop): boolean {
  const places = spec.metrics.map(({ name }) => ranks[name]);
  const isComplete = Object.keys(ranks).length === places.length && new Set(places).size === places.length;
  return isComplete && places.every((place) => Number.isInteger(place) && place >= 1 && place <= places.length);
}

function unsound(message: string) {
  return { reason: 'NotANumber', message };
}
