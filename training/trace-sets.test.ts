import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadApp } from '../env/apps/load-app.ts';
import { poolTraceSeed, trainingTraceSeed } from '../env/simulator/episodes.ts';
import type { Trace } from '../env/workload/trace.ts';
import { heldOutTraces, tuningTraces, validationTraces } from './trace-sets.ts';

const app = await loadApp('frontend');
const seedOf = (trace: Trace) => Number(trace.name.split('-').at(-1));

it('no run trains on a trace that a policy is selected, tuned or judged on', () => {
  // 1,000 a family are far more than anybody draws.
  const options = { app, perFamily: 1000, families: ['constant' as const], durationSeconds: 60 };
  const sets = {
    heldOut: heldOutTraces(options),
    tuning: tuningTraces(options),
    validation: validationTraces(options),
  };
  const seeds = Object.values(sets).flatMap((traces) => traces.map(seedOf));
  expect(new Set(seeds).size).toBe(3000);
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.nat(10_000), (runSeed, i) => {
      const seed = poolTraceSeed(runSeed, i);
      return seed >= trainingTraceSeed && seed < trainingTraceSeed + 2 ** 19;
    }),
    { numRuns: 5000 },
  );
  for (const seed of seeds) {
    expect(seed < trainingTraceSeed || seed >= trainingTraceSeed + 2 ** 19, `seed ${seed}`).toBe(true);
  }
});
