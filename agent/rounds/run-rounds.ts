/** Rounds one after another until aborted, and whether they go as they should. */
import { pause } from '../../env/service/waiting.ts';
import type { AgentContext } from '../contract.ts';
import type { Rounds } from './rounds.ts';

export interface RunningRounds {
  /** Settles once aborted and all claims are given up; what fails in a round is logged, and tried again. */
  run(signal: AbortSignal): Promise<void>;
  /** Undefined, or why a restart would help. */
  live(): string | undefined;
  /** Undefined, or why it does not do its work. */
  ready(): string | undefined;
}

const retrySeconds = 1;
/** No longer at a time: what lies further ahead was reckoned before somebody set the clock back. */
const longestPauseSeconds = 5;
/** A round ends itself long before. */
const stuckSeconds = 180;
const releaseMilliseconds = 5_000;

export function runRounds(rounds: Rounds, { logger, now }: Pick<AgentContext, 'logger' | 'now'>): RunningRounds {
  let beganSecond = now();
  let problem: string | undefined = 'no round has ended yet';

  async function attempt(signal: AbortSignal): Promise<void> {
    beganSecond = now();
    try {
      await rounds.round(signal);
      problem = undefined;
    } catch (error) {
      if (signal.aborted) return;
      problem = (error as Error).message;
      logger.error({ error: problem }, 'round failed');
      await pause(retrySeconds * 1000, signal);
    }
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        const seconds = Math.min(longestPauseSeconds, rounds.nextSecond() - now());
        await pause(Math.max(0, seconds * 1000), signal);
        if (!signal.aborted) await attempt(signal);
      }
      await rounds.release(AbortSignal.timeout(releaseMilliseconds));
    },
    live: () => (Math.abs(now() - beganSecond) > stuckSeconds ? `no round has begun for ${stuckSeconds} s` : undefined),
    ready: () => problem,
  };
}
