/** What became of the last proposal per closed loop, over the several reconciles that look at it. Pure but for its memory. */
import type { GuardClamp, RefusalReason, Verdict } from './guard.ts';

export interface Outcome {
  readonly time: string;
  readonly takenIn: boolean;
  readonly expired: boolean;
  readonly clampedBy: readonly GuardClamp[];
  readonly refusals: Verdict['refusals'];
}

/** What a verdict says that was not known of this proposal yet: each to be counted and told once. */
export interface News {
  readonly takenIn: boolean;
  readonly shown: boolean;
  readonly clampedBy: readonly GuardClamp[];
  readonly refusals: readonly { readonly reason: RefusalReason; readonly message: string }[];
}

/** @param applies whether verdicts are carried out, not only shown */
export function nextOutcome(
  before: Outcome | undefined,
  verdict: Verdict,
  applies: boolean,
): { outcome: Outcome; news: News } {
  const known = before?.time === verdict.time ? before : undefined;
  const takesIn = applies && verdict.state !== undefined;
  const clampedBy = verdict.setPoint?.clampedBy ?? known?.clampedBy ?? [];
  const outcome: Outcome = {
    time: verdict.time,
    takenIn: takesIn || verdict.takenInBefore,
    expired: verdict.expired,
    clampedBy,
    refusals: verdict.refusals,
  };
  const isKnown = (reason: RefusalReason) => known?.refusals.some((refusal) => refusal.reason === reason) ?? false;
  return {
    outcome,
    news: {
      takenIn: takesIn,
      shown: !applies && known === undefined,
      clampedBy: clampedBy.filter((clamp) => !(known?.clampedBy.includes(clamp) ?? false)),
      refusals: verdict.refusals.filter(({ reason }) => !isKnown(reason)),
    },
  };
}
