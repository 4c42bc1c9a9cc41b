/** Which of the DeliberativeLoops that are due this agent may serve, and what it tells where another one does. */

import { type Standing, seeClaim, staleAfterIntervals, standingOf } from '../../policies/deliberation/claim.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { AgentContext } from '../contract.ts';
import { intervalOf, type Tuner } from './tuner.ts';

export interface Claims {
  /** Whether it is ours to serve now; told by an event when that changes. */
  takeUp(tuner: Tuner): boolean;
  /** Whether the object as it is by now may still be written to by us. */
  mayWrite(tuner: Tuner, current: DeliberativeLoop): boolean;
  /** Somebody else was faster. */
  lost(tuner: Tuner): void;
}

export function createClaims({ events, identity, now }: Pick<AgentContext, 'events' | 'identity' | 'now'>): Claims {
  function look(tuner: Tuner, { status }: DeliberativeLoop): Standing {
    tuner.seen = seeClaim(tuner.seen, status?.agent, now());
    return standingOf(tuner.seen, identity, intervalOf(tuner), now());
  }

  function tellPassive(tuner: Tuner): void {
    if (tuner.isPassive) return;
    tuner.isPassive = true;
    const holder = tuner.seen?.claim.identity;
    const note = `the agent ${holder} decides; ${identity} waits until that has not renewed its claim for ${staleAfterIntervals} intervals`;
    events.record(tuner.object, 'Normal', 'AnotherAgent', note);
  }

  return {
    takeUp(tuner) {
      if (look(tuner, tuner.object) === 'foreign') {
        tellPassive(tuner);
        return false;
      }
      const before = tuner.seen?.claim.identity;
      if (before !== undefined && before !== identity) {
        events.record(tuner.object, 'Normal', 'TakenOver', `${identity} decides from now on; ${before} does no more`);
      }
      tuner.isPassive = false;
      return true;
    },
    mayWrite: (tuner, current) => current.spec?.policy?.checkpoint !== undefined && look(tuner, current) !== 'foreign',
    lost: tellPassive,
  };
}
