/**
 * What can be read from the history of the load alone, batched: levels over several windows, trends and a short
 * forecast, volatility, recent peaks, and the rhythm of sudden rises. Every estimate is recursive, so a live agent
 * needs no history at start and a step allocates nothing.
 */
export interface LoadTracker {
  /** Forgets the lane's history; its forecasts look `horizonSeconds` ahead. */
  resetLane(lane: number, horizonSeconds: number): void;
  /** Takes a lane's newest load (requests/s); NaN is skipped, the estimates then stand. */
  update(lane: number, load: number, second: number): void;
  /** Writes `loadFeatureNames.length` features at `offset`. */
  write(lane: number, second: number, out: Float32Array, offset: number): void;
  /** Logarithm of (load + 1) that the lately best forecaster expects at the horizon, and its usual error. Per lane. */
  readonly logForecast: Float64Array;
  readonly forecastDeviation: Float64Array;
  /** Newest known load, requests/s; 0 before the first. */
  readonly load: Float64Array;
}

const levelSeconds = [60, 300, 1800] as const;
const trendSeconds = [45, 150, 600] as const;
const peakSeconds = [300, 1800, 7200] as const;
/** The last value, and Holt's method at each of `trendSeconds`. */
const forecasterCount = 1 + trendSeconds.length;
/** Longest horizon in decisions; beyond it a forecast is judged at this many. */
const maxHorizonSteps = 24;
const forecastErrorSeconds = 900;
/** Deviation assumed before anything is known, and the least one believed in. */
const initialDeviation = 0.08;
const leastDeviation = 0.004;
const jumpRatio = 1.25;
const minJumpGapSeconds = 90;

export const loadFeatureNames: readonly string[] = [
  ...levelSeconds.map((s) => `load.overLevel${s}s`),
  ...trendSeconds.map((s) => `load.forecastTrend${s}s`),
  ...peakSeconds.map((s) => `load.peak${s}s`),
  'load.trough1800s',
  'load.forecastBest',
  'load.forecastDeviation',
  'load.volatilityFast',
  'load.volatilitySlow',
  'load.largestRise',
  'load.sinceRiseShort',
  'load.sinceRiseLong',
  'load.sinceFallShort',
  'load.risePhase',
  'load.riseRegularity',
];

/** Logarithm of a ratio of loads that stays finite near zero load. */
const logRatio = (value: number, reference: number) => Math.log((value + 1) / (reference + 1));

export function createLoadTracker(lanes: number, intervalSeconds: number): LoadTracker {
  const decay = (seconds: number) => Math.exp(-intervalSeconds / seconds);
  const levelDecay = levelSeconds.map(decay);
  const trendDecay = trendSeconds.map(decay);
  const peakDecay = peakSeconds.map(decay);
  const volatilityDecay = [decay(120), decay(1800)];
  const riseDecay = decay(5400);
  const array = () => new Float64Array(lanes);
  const load = array();
  const known = new Uint8Array(lanes);
  const horizon = array();
  const horizonSteps = new Int32Array(lanes);
  const updates = new Int32Array(lanes);
  const forecasts = new Float64Array(forecasterCount * maxHorizonSteps * lanes); // log forecasts, a ring per forecaster
  const errors = Array.from({ length: forecasterCount }, array); // mean squared error of each forecaster
  const errorDecay = decay(forecastErrorSeconds);
  const logForecast = array();
  const forecastDeviation = array();
  const levels = levelSeconds.map(array);
  const trendLevels = trendSeconds.map(array);
  const trends = trendSeconds.map(array); // requests/s per second
  const peaks = peakSeconds.map(array);
  const trough = array();
  const volatility = [array(), array()];
  const largestRise = array();
  const riseSecond = array();
  const fallSecond = array();
  const riseInterval = array();
  const riseDeviation = array();
  const riseCount = array();

  function start(lane: number, value: number): void {
    known[lane] = 1;
    for (const level of [...levels, ...trendLevels, ...peaks]) level[lane] = value;
    trough[lane] = value;
  }

  function logExpected(lane: number, forecaster: number): number {
    if (forecaster === 0) return Math.log(load[lane] + 1);
    const k = forecaster - 1;
    const expected = trendLevels[k][lane] + trends[k][lane] * horizon[lane];
    return Math.log((expected > 0 ? expected : 0) + 1);
  }

  /** Judges the forecasts that were made for now, makes new ones, and keeps the one that has lately been best. */
  function forecast(lane: number): void {
    const steps = horizonSteps[lane];
    const slot = updates[lane] % steps;
    const now = Math.log(load[lane] + 1);
    let best = 0;
    for (let f = 0; f < forecasterCount; f++) {
      const at = (f * maxHorizonSteps + slot) * lanes + lane;
      if (updates[lane] >= steps) {
        const error = now - forecasts[at];
        errors[f][lane] = errorDecay * errors[f][lane] + (1 - errorDecay) * error * error;
      }
      forecasts[at] = logExpected(lane, f);
      if (errors[f][lane] < errors[best][lane]) best = f;
    }
    updates[lane]++;
    logForecast[lane] = forecasts[(best * maxHorizonSteps + slot) * lanes + lane];
    forecastDeviation[lane] = Math.max(leastDeviation, Math.sqrt(errors[best][lane]));
  }

  function trackRhythm(lane: number, value: number, second: number): void {
    const before = levels[0][lane];
    if (value > before * jumpRatio + 1 && second - riseSecond[lane] > minJumpGapSeconds) {
      const gap = second - riseSecond[lane];
      if (riseCount[lane] > 0) {
        const weight = 1 / Math.min(4, riseCount[lane]);
        const error = gap - riseInterval[lane];
        riseInterval[lane] += weight * error;
        riseDeviation[lane] += weight * (Math.abs(error) - riseDeviation[lane]);
      }
      riseCount[lane]++;
      riseSecond[lane] = second;
    }
    if (value * jumpRatio < before - 1) fallSecond[lane] = second;
  }

  return {
    load,
    logForecast,
    forecastDeviation,
    resetLane(lane, horizonSeconds) {
      known[lane] = 0;
      load[lane] = 0;
      horizon[lane] = horizonSeconds;
      horizonSteps[lane] = Math.min(maxHorizonSteps, Math.max(1, Math.round(horizonSeconds / intervalSeconds)));
      updates[lane] = 0;
      for (const error of errors) error[lane] = initialDeviation ** 2;
      logForecast[lane] = 0;
      forecastDeviation[lane] = initialDeviation;
      // Levels too, although a first load sets them: they are read before it when the first measurement is missing.
      for (const values of [...levels, ...trendLevels, ...peaks, trough]) values[lane] = 0;
      for (const values of [...trends, ...volatility, largestRise, riseInterval, riseDeviation, riseCount])
        values[lane] = 0;
      riseSecond[lane] = Number.NEGATIVE_INFINITY;
      fallSecond[lane] = Number.NEGATIVE_INFINITY;
    },
    update(lane, value, second) {
      if (Number.isNaN(value)) return;
      if (known[lane] === 0) start(lane, value);
      trackRhythm(lane, value, second);
      const residual = logRatio(value, load[lane] > 0 ? load[lane] : value);
      for (let k = 0; k < 2; k++) {
        volatility[k][lane] = volatilityDecay[k] * volatility[k][lane] + (1 - volatilityDecay[k]) * residual * residual;
      }
      const rise = logRatio(value, levels[0][lane]);
      const fading = largestRise[lane] * riseDecay;
      largestRise[lane] = rise > fading ? rise : fading;
      for (let k = 0; k < levels.length; k++) {
        levels[k][lane] = value + levelDecay[k] * (levels[k][lane] - value);
      }
      // Holt's linear method: the level follows the load, the trend follows the level's change.
      for (let k = 0; k < trends.length; k++) {
        const predicted = trendLevels[k][lane] + trends[k][lane] * intervalSeconds;
        const level = value + trendDecay[k] * (predicted - value);
        const change = (level - trendLevels[k][lane]) / intervalSeconds;
        trends[k][lane] = change + trendDecay[k] * (trends[k][lane] - change);
        trendLevels[k][lane] = level;
      }
      for (let k = 0; k < peaks.length; k++) {
        const fallen = value + peakDecay[k] * (peaks[k][lane] - value);
        peaks[k][lane] = fallen > value ? fallen : value;
      }
      const risen = value + peakDecay[1] * (trough[lane] - value);
      trough[lane] = risen < value ? risen : value;
      load[lane] = value;
      forecast(lane);
    },
    write(lane, second, out, offset) {
      const now = load[lane];
      let at = offset;
      for (let k = 0; k < levels.length; k++) out[at++] = logRatio(now, levels[k][lane]);
      for (let k = 0; k < trends.length; k++) {
        out[at++] = logExpected(lane, k + 1) - Math.log(now + 1);
      }
      for (let k = 0; k < peaks.length; k++) out[at++] = logRatio(peaks[k][lane], now);
      out[at++] = logRatio(trough[lane], now);
      out[at++] = logForecast[lane] - Math.log(now + 1);
      out[at++] = Math.log(forecastDeviation[lane]);
      out[at++] = Math.sqrt(volatility[0][lane]) * 10;
      out[at++] = Math.sqrt(volatility[1][lane]) * 10;
      out[at++] = largestRise[lane];
      const sinceRise = second - riseSecond[lane];
      out[at++] = Math.exp(-sinceRise / 180);
      out[at++] = Math.exp(-sinceRise / 1800);
      out[at++] = Math.exp(-(second - fallSecond[lane]) / 300);
      const rhythmic = riseCount[lane] > 1 && riseInterval[lane] > 0;
      // 0 just after a rise, 1 when the next one is due; counts only as far as the rhythm has been regular, so that it
      // fades on a lane that once had rises and is calm now.
      const regularity = rhythmic
        ? Math.exp((-3 * riseDeviation[lane]) / riseInterval[lane]) *
          Math.min(1, riseCount[lane] / 4) *
          Math.exp(-Math.max(0, sinceRise / riseInterval[lane] - 1.5))
        : 0;
      out[at++] = rhythmic ? regularity * Math.min(2, (sinceRise + horizon[lane]) / riseInterval[lane]) : 0;
      out[at++] = regularity;
    },
  };
}
