import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLoadTracker, loadFeatureNames } from './load-tracker.ts';

const intervalSeconds = 60;
const horizonSeconds = 120;

function track(loads: readonly number[], horizon = horizonSeconds) {
  const tracker = createLoadTracker(1, intervalSeconds);
  tracker.resetLane(0, horizon);
  for (const [i, load] of loads.entries()) tracker.update(0, load, i * intervalSeconds);
  const features = new Float32Array(loadFeatureNames.length);
  tracker.write(0, (loads.length - 1) * intervalSeconds, features, 0);
  const feature = (name: string) => {
    const at = loadFeatureNames.indexOf(`load.${name}`);
    if (at < 0) throw new Error(`no feature ${name}`);
    return features[at];
  };
  return { tracker, features, feature };
}

const steps = (count: number, load: (i: number) => number) => Array.from({ length: count }, (_, i) => load(i));
const trends = ['forecastTrend45s', 'forecastTrend150s', 'forecastTrend600s'];

describe('the history of the load', () => {
  it('of a constant load expects that load, with little doubt', () => {
    const { tracker, feature } = track(steps(200, () => 800));
    for (const name of ['overLevel60s', 'overLevel1800s', ...trends, 'peak7200s', 'volatilityFast', 'largestRise']) {
      expect(feature(name)).toBeCloseTo(0, 6);
    }
    expect(Math.exp(tracker.logForecast[0])).toBeCloseTo(801, 3);
    expect(tracker.forecastDeviation[0]).toBeLessThan(0.005);
    // Before its first forecast has come due, its usual error is what is assumed of any load.
    const first = steps(
      horizonSeconds / intervalSeconds,
      (i) => track(steps(i + 1, () => 800)).tracker.forecastDeviation[0],
    );
    for (const deviation of first) expect(deviation).toBeCloseTo(0.08, 9);
  });

  it('of a straight rise expects it to go on, by every trend, and trusts a trend more than the last value', () => {
    const { tracker, feature } = track(steps(400, (i) => 500 + 5 * i));
    const now = 500 + 5 * 399;
    const expected = now + (5 * horizonSeconds) / intervalSeconds;
    for (const name of trends) expect(now * Math.exp(feature(name))).toBeCloseTo(expected, 0);
    expect(Math.exp(tracker.logForecast[0]) - 1).toBeCloseTo(expected, 0);
    expect(feature('overLevel1800s')).toBeGreaterThan(feature('overLevel60s'));
    expect(feature('peak300s')).toBeCloseTo(0, 6);
  });

  it('knows its forecasts’ error: the deviation is that of the last value of a load that nobody can foresee', () => {
    // Each minute 10 % up or down at random about 1,000: the last value is off by the difference of two such draws.
    let bits = 12_345;
    const { tracker } = track(
      steps(600, () => {
        bits = (Math.imul(bits, 1_103_515_245) + 12_345) & 0x7fffffff;
        return bits & 0x10000 ? 1100 : 900;
      }),
    );
    const spread = Math.log(1101 / 901) / 2;
    expect(tracker.forecastDeviation[0]).toBeGreaterThan(spread * 0.8);
    expect(tracker.forecastDeviation[0]).toBeLessThan(spread * Math.SQRT2 * 1.25);
  });

  it('remembers a peak and forgets it slowly, and reads the rhythm of regular bursts until they stay away', () => {
    const minutes = 20;
    const loads = steps(10 * minutes, (i) => (i % minutes < 5 ? 2000 : 500)); // a burst every 20 minutes
    const inBurst = track(loads.slice(0, 9 * minutes + 3));
    const between = track(loads.slice(0, 9 * minutes + 15));
    const due = track(loads.slice(0, 10 * minutes));
    expect(between.feature('peak7200s')).toBeGreaterThan(between.feature('peak300s'));
    expect(between.feature('peak7200s')).toBeGreaterThan(1);
    // How far into the rhythm the horizon reaches, counted as far as the rhythm has been regular.
    const phase = (tracked: typeof due) => tracked.feature('risePhase') / tracked.feature('riseRegularity');
    expect(phase(inBurst)).toBeCloseTo((2 * 60 + horizonSeconds) / (minutes * 60), 5);
    expect(phase(due)).toBeCloseTo((19 * 60 + horizonSeconds) / (minutes * 60), 5);
    const afterBursts = [1, 2, 3, 5, 9].map((n) => track(loads.slice(0, n * minutes + 3)).feature('riseRegularity'));
    expect(afterBursts).toEqual([...afterBursts].sort((x, y) => x - y));
    expect(afterBursts[0]).toBe(0);
    expect(afterBursts[4]).toBeGreaterThan(0.75);
    const calmSince = track([...loads, ...steps(2 * minutes, () => 500)]);
    expect(calmSince.feature('riseRegularity')).toBeLessThan(afterBursts[4] / 2);
    expect(inBurst.feature('sinceRiseShort')).toBeCloseTo(Math.exp(-120 / 180), 5);
    // The load fell nine minutes ago and for two more was well below its level of the last minute; it fades from then on.
    expect(between.feature('sinceFallShort')).toBeCloseTo(Math.exp((-7 * 60) / 300), 5);
    expect(due.feature('sinceFallShort')).toBeCloseTo(Math.exp((-12 * 60) / 300), 5);
  });

  it('stands where a measurement is missing, and stays finite whatever comes', () => {
    const course = [900, 1000, 1100, 1050];
    const { tracker } = track(course);
    const before = [tracker.load[0], tracker.logForecast[0], tracker.forecastDeviation[0]];
    tracker.update(0, Number.NaN, 240);
    expect([tracker.load[0], tracker.logForecast[0], tracker.forecastDeviation[0]]).toEqual(before);
    const load = fc.oneof(fc.constantFrom(0, Number.NaN, 1e9), fc.double({ min: 0, max: 1e5, noNaN: true }));
    fc.assert(
      fc.property(
        fc.array(load, { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 0, max: 4000 }),
        (loads, horizon) => {
          const { features } = track(loads, horizon);
          expect([...features].findIndex((value) => !Number.isFinite(value))).toBe(-1);
        },
      ),
    );
  });
});
