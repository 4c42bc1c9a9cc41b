/** How long pods take to start, and how old measurements are. */
import { quantileSorted } from 'simple-statistics';
import type { History } from './history.ts';
import { defaultRateWindowSeconds } from './steady-steps.ts';

export interface StartUpFit {
  /** Of all services, increasing; from creation until ready. */
  readonly seconds: readonly number[];
  /** NaN without any. */
  readonly medianSeconds: number;
  readonly p90Seconds: number;
  /** What the model gets. */
  readonly coldStartSeconds: number;
  readonly origin: 'seen' | 'given' | 'assumed';
  readonly warnings: readonly string[];
}

const assumedColdStartSeconds = 30;
const fewestStarts = 5;

/** @param givenSeconds wins over what was seen */
export function fitStartUp(history: History, givenSeconds?: number): StartUpFit {
  const seconds = history.services
    .flatMap(({ podStarts }) => podStarts.map((start) => start.seconds))
    .filter((value) => value >= 0 && Number.isFinite(value))
    .sort((a, b) => a - b);
  const quantile = (share: number) => (seconds.length > 0 ? quantileSorted(seconds, share) : Number.NaN);
  const medianSeconds = quantile(0.5);
  const seen = { seconds, medianSeconds, p90Seconds: quantile(0.9) };
  if (givenSeconds !== undefined) return { ...seen, coldStartSeconds: givenSeconds, origin: 'given', warnings: [] };
  if (seconds.length === 0) {
    const warning = `no pod was seen to start: coldStartSeconds is assumed to be ${assumedColdStartSeconds}; scale by hand while recording, or give --cold-start`;
    return { ...seen, coldStartSeconds: assumedColdStartSeconds, origin: 'assumed', warnings: [warning] };
  }
  const few = `only ${seconds.length} pods were seen to start: their median may not be what is usual`;
  return {
    ...seen,
    coldStartSeconds: Number(medianSeconds.toFixed(1)),
    origin: 'seen',
    warnings: seconds.length < fewestStarts ? [few] : [],
  };
}

export interface MetricDelay {
  readonly lagSeconds: number;
  readonly averagingSeconds: number;
  /** In words, how it was told. */
  readonly statement: string;
}

/**
 * What a controller sees by PromQL's `rate`: it spans from the first to the last sample in its window, one interval less
 * than the window; the last sample is as old as it was observed to be, else half an interval on average.
 */
export function metricDelay(history: History): MetricDelay {
  const { rateWindowSeconds, sampleIntervalSeconds, sampleAgeSeconds } = history;
  const window = known(rateWindowSeconds) ? rateWindowSeconds : defaultRateWindowSeconds;
  const interval = known(sampleIntervalSeconds) ? sampleIntervalSeconds : window / 2;
  const lag = known(sampleAgeSeconds) ? sampleAgeSeconds : interval / 2;
  const windowWords = `rate window ${rounded(window)} s${known(rateWindowSeconds) ? '' : ' (assumed)'}`;
  const intervalWords = `one interval of samples, ${rounded(interval)} s${known(sampleIntervalSeconds) ? '' : ' (assumed: two to a window)'}`;
  const lagWords = known(sampleAgeSeconds)
    ? 'the newest sample was seen to be that old (median)'
    : 'the newest sample is taken to be half an interval old';
  return {
    lagSeconds: rounded(lag),
    averagingSeconds: rounded(Math.max(0, window - interval)),
    statement: `averaging: ${windowWords} less ${intervalWords}; lag: ${lagWords}`,
  };
}

const known = (seconds: number) => !Number.isNaN(seconds);
const rounded = (seconds: number) => Number(seconds.toFixed(1));
