/** Whose guardrails each running loop is under. */
import { isDeepStrictEqual } from 'node:util';
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import type { LoopTable, RunningLoop } from '../closed-loop/contract.ts';
import type { Entry } from './entries.ts';

export interface Tuning {
  /** Puts the loops of an entry under its guardrails, and lets go of those that it had and has no more. */
  update(entry: Entry): void;
  /** Lets go of all its loops. */
  release(entryKey: string): void;
  /** Forgets who tunes what, and leaves the loops as they are: another leader may have had them since. */
  reset(): void;
  /** Whether a loop lacks the guardrails that it should be under, as one that has just started does. */
  isLacking(loop: RunningLoop, entry: Entry): boolean;
  /** Key of the entry that tunes a loop. */
  tunerOf(loopKey: string): string | undefined;
}

export function createTuning(table: LoopTable): Tuning {
  const tuners = new Map<string, string>();

  function letGo(loopKey: string): void {
    tuners.delete(loopKey);
    const loop = table.get(loopKey);
    // Its set-point goes with it: whoever switches a tuner off does not want to wait until that is stale.
    if (loop !== undefined) table.change(loopKey, { guardrails: undefined, state: { ...loop.state, setPoint: null } });
  }

  function releaseExcept(entryKey: string, kept: ReadonlySet<string>): void {
    for (const [loopKey, tuner] of [...tuners]) {
      if (tuner === entryKey && !kept.has(loopKey)) letGo(loopKey);
    }
  }

  const isLacking = (loop: RunningLoop, { spec }: Entry) =>
    appliesProposals(spec.mode) && !isDeepStrictEqual(loop.guardrails, wantedGuardrails(spec));

  return {
    update(entry) {
      const kept = new Set(appliesProposals(entry.spec.mode) ? entry.closedLoops : []);
      releaseExcept(entry.key, kept);
      for (const loopKey of kept) {
        const before = tuners.get(loopKey);
        if (before !== undefined && before !== entry.key) letGo(loopKey);
        tuners.set(loopKey, entry.key);
        const loop = table.get(loopKey);
        if (loop !== undefined && isLacking(loop, entry)) {
          table.change(loopKey, { guardrails: wantedGuardrails(entry.spec) });
        }
      }
    },
    release: (entryKey) => releaseExcept(entryKey, new Set()),
    reset: () => tuners.clear(),
    isLacking,
    tunerOf: (loopKey) => tuners.get(loopKey),
  };
}

function wantedGuardrails({ guardrails, mode }: Entry['spec']): NonNullable<RunningLoop['guardrails']> {
  return { ...guardrails, boundedByStep: mode === 'Bounded' };
}
