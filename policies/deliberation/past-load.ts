/** The load of the past that a deliberation is told before its first decision on a closed loop. Pure. */
import type { LoadRequest, LoadSample } from '../../env/cluster/live/load-history.ts';
import type { LiveDeliberation } from './deliberation.ts';
import type { PastLoad } from './loop-observer.ts';
import { deliberationTime, type ModelClock } from './model-clock.ts';

/** What to ask for before a first decision now: as long a past as counts, a decision interval apart. @param now Unix seconds */
export function pastLoadRequest(
  { intervalSeconds, historySeconds }: Pick<LiveDeliberation, 'intervalSeconds' | 'historySeconds'>,
  { timeScale }: Pick<ModelClock, 'timeScale'>,
  now: number,
): LoadRequest {
  const stepSeconds = intervalSeconds / timeScale;
  const toSecond = now - stepSeconds;
  return { fromSecond: toSecond - historySeconds / timeScale, toSecond, stepSeconds };
}

/** The answer by the clock of the app model. */
export function pastLoads(samples: readonly LoadSample[], clock: ModelClock): PastLoad[] {
  return samples.map(({ unixSecond, load }) => ({ second: deliberationTime(clock, unixSecond).second, load }));
}
