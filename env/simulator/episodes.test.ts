import { describe, expect, it } from 'vitest';
import { loadApp, shippedApps } from '../apps/load-app.ts';
import { createGroupDemand } from './create-kernel.ts';
import { createEpisodeSource, type EpisodeSourceOptions } from './episodes.ts';
import { defaultLaneParameters } from './simulator.ts';

const apps = await Promise.all(shippedApps.map((name) => loadApp(name)));
const frontend = apps[0];
const tickSeconds = 5;
const source = (changes: Partial<EpisodeSourceOptions> = {}) =>
  createEpisodeSource({ app: frontend, tickSeconds, seed: 1, poolSize: 20, ...changes });

describe('episodes', () => {
  it('are the same for the same seeds, of the pool and of the draw', () => {
    const [a, b] = [source(), source()];
    for (let seed = 0; seed < 20; seed++) expect(a.next(seed)).toEqual(b.next(seed));
    expect(source({ seed: 2 }).next(0).loads).not.toEqual(a.next(0).loads);
    expect(a.next(1)).not.toEqual(a.next(2));
  });

  it('leave an hour of traffic, begin with a capacity and with parameters that the environment can hold', () => {
    const { next } = source();
    for (let seed = 0; seed < 500; seed++) {
      const { loads, startTick, loadScale, capacity, parameters } = next(seed);
      expect(loads.length - startTick).toBeGreaterThanOrEqual(3600 / tickSeconds);
      expect(loadScale >= 0.7 && loadScale <= 1.4).toBe(true);
      expect(capacity[0].second).toBe(0);
      for (const [i, { second, factor }] of capacity.entries()) {
        expect(factor >= 0.6 && factor <= 1.6).toBe(true);
        if (i > 0) expect(second).toBeGreaterThan(capacity[i - 1].second);
      }
      expect(parameters.startSecond).toBe(startTick * tickSeconds);
      expect(parameters.initialGroupSize >= 1 && parameters.initialGroupSize <= 15).toBe(true);
    }
  });

  it('are as often plain and as often of changing capacity as asked for, and plain means the app model’s own', () => {
    const { next } = source({ randomisation: { plainShare: 0.3, changingCapacityShare: 0.8 } });
    const episodes = Array.from({ length: 2000 }, (_, seed) => next(seed));
    const share = (holds: (episode: (typeof episodes)[number]) => boolean) => episodes.filter(holds).length / 2000;
    expect(Math.abs(share((episode) => episode.plain) - 0.3)).toBeLessThan(0.045); // four standard errors
    expect(Math.abs(share((episode) => episode.capacity[0].factor !== 1) - 0.8)).toBeLessThan(0.04);
    const own = defaultLaneParameters(frontend);
    for (const { plain, parameters } of episodes) {
      const { seed, startSecond, initialGroupSize } = parameters;
      if (plain) expect(parameters).toEqual({ ...own, seed, startSecond, initialGroupSize });
    }
    // Randomisation reaches every parameter that there is for a measured app.
    for (const [name, value] of Object.entries(own)) {
      if (['demandFactor', 'metricGapSeconds', 'slowStartFactor'].includes(name)) continue;
      const values = new Set(episodes.map(({ parameters }) => parameters[name as keyof typeof own]));
      expect(values.size, name).toBeGreaterThan(name === 'initialGroupSize' ? 10 : 20);
      expect(
        [...values].every((drawn) => drawn >= 0),
        `${name} from ${value}`,
      ).toBe(true);
    }
  });

  it('of own traffic play nothing else', () => {
    const traces = [{ name: 'own', seconds: [0, 10, 7200], rps: [123, 456, 0] }];
    const { next } = source({ traces });
    for (let seed = 0; seed < 10; seed++) expect(new Set(next(seed).loads)).toEqual(new Set([123, 456]));
  });
});

describe.each(apps.map((app) => [app.name, app] as const))('the nominal load of %s', (_name, app) => {
  it('leaves room for a peak of three times as much', () => {
    expect(createGroupDemand(app).capacities[app.maxGroupSize - 1]).toBeGreaterThan(2.9 * app.nominalLoad);
  });
});

describe.each(apps.map((app) => [app.name, app] as const))('group sizes of %s', (_name, app) => {
  const { needed, violates, capacities } = createGroupDemand(app);

  it('carry what they are said to and no more, and a larger one never less', () => {
    for (const [i, capacity] of capacities.entries()) {
      expect(violates(i + 1, capacity * 0.999, 1, 0)).toBe(false);
      expect(violates(i + 1, capacity * 1.001, 1, 0)).toBe(true);
      if (i > 0) expect(capacity).toBeGreaterThanOrEqual(capacities[i - 1]);
    }
  });

  it('needed are the smallest that meet the SLA, and weaker pods need as many as more load', () => {
    for (let load = 0; load < capacities[app.maxGroupSize - 1] * 1.2; load += capacities[0] / 7) {
      let smallest = app.minGroupSize;
      while (smallest < app.maxGroupSize && violates(smallest, load, 1, 0)) smallest++;
      expect(needed(load, 1, 0)).toBe(smallest);
      expect(needed(load / 2, 0.5, 0)).toBe(smallest);
    }
  });
});
