import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../apps/load-app.ts';
import { createSimulator, defaultLaneParameters, type LaneParameters, type Simulator } from './simulator.ts';

const tickSeconds = 5;
const frontend = await loadApp('frontend');
const [{ minReplicas, maxReplicas }] = frontend.services;

function startFleet(changes: Partial<LaneParameters>): Simulator {
  const simulator = createSimulator({ app: frontend, lanes: 1, tickSeconds, maxColdStartSeconds: 400 });
  simulator.resetLane(0, { ...defaultLaneParameters(frontend), ...changes });
  return simulator;
}

/** One tick; orders `wanted` replicas in it when given. Returns what the tick billed. */
function playTick(simulator: Simulator, wanted?: number): number {
  const before = simulator.totals.podTicks[0];
  simulator.startTick();
  if (wanted !== undefined) {
    simulator.observe();
    simulator.actions.replicas[0] = wanted;
    simulator.apply();
  }
  simulator.endTick();
  return simulator.totals.podTicks[0] - before;
}

/** The same fleet, pod by pod. */
interface Pod {
  readyAt: number;
  goneAt: number;
}

describe('pods', () => {
  it('are billed from their order, ready exactly a cold start later, leave pending ones first, and end their grace', () => {
    fc.assert(
      fc.property(
        fc.record({
          coldStartSeconds: fc.integer({ min: 0, max: 90 }),
          graceSeconds: fc.integer({ min: 0, max: 60 }),
          slow: fc.boolean(),
          initialGroupSize: fc.integer({ min: 1, max: 15 }),
        }),
        fc.array(fc.option(fc.integer({ min: -3, max: 25 }), { nil: undefined }), { minLength: 1, maxLength: 80 }),
        ({ coldStartSeconds, graceSeconds, slow, initialGroupSize }, orders) => {
          const simulator = startFleet({
            coldStartSeconds,
            graceSeconds,
            initialGroupSize,
            slowStartProbability: slow ? 1 : 0,
            slowStartFactor: 2.5,
          });
          const coldTicks = Math.ceil(Math.ceil(coldStartSeconds / tickSeconds) * (slow ? 2.5 : 1));
          const graceTicks = Math.ceil(graceSeconds / tickSeconds);
          let pods: Pod[] = Array.from({ length: initialGroupSize }, () => ({
            readyAt: 0,
            goneAt: Number.POSITIVE_INFINITY,
          }));
          let ordered = initialGroupSize;
          let removed = 0;
          for (const [tick, wanted] of orders.entries()) {
            const kept = () => pods.filter((pod) => pod.goneAt === Number.POSITIVE_INFINITY);
            if (wanted !== undefined) {
              const target = Math.min(maxReplicas, Math.max(minReplicas, wanted));
              while (kept().length < target) {
                pods.push({ readyAt: tick + coldTicks, goneAt: Number.POSITIVE_INFINITY });
                ordered++;
              }
              while (kept().length > target) {
                const youngest = kept().reduce((a, b) => (b.readyAt >= a.readyAt ? b : a));
                // One that never served has nothing to end.
                youngest.goneAt = youngest.readyAt > tick ? tick : tick + graceTicks;
                removed++;
              }
            }
            const billed = playTick(simulator, wanted);
            pods = pods.filter((pod) => pod.goneAt > tick);
            const ready = kept().filter((pod) => pod.readyAt <= tick).length;
            expect([simulator.pods.ready[0], billed]).toEqual([ready, pods.length]);
            expect(simulator.pods.desired[0]).toBe(ordered - removed);
          }
          expect(simulator.totals.podChanges[0]).toBe(ordered - initialGroupSize + removed);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('of every service follow the group by ceil(ratio × size) within their bounds', async () => {
    const teastore = await loadApp('teastore');
    const simulator = createSimulator({ app: teastore, lanes: 1 });
    for (let size = 1; size <= teastore.maxGroupSize; size++) {
      simulator.resetLane(0, { ...defaultLaneParameters(teastore), initialGroupSize: size });
      for (const [service, { ratio, minReplicas: least, maxReplicas: most }] of teastore.services.entries()) {
        // In hundredths, so that 0.34 × 50 is 17 and not a little more.
        const members = Math.ceil((Math.round(ratio * 100) * size) / 100);
        expect(simulator.pods.desired[service]).toBe(Math.min(most, Math.max(least, members)));
      }
    }
  });

  it('cost half a pod more with twice the memory', () => {
    const simulator = startFleet({ initialGroupSize: 4 });
    simulator.startTick();
    simulator.observe();
    simulator.actions.memorySize[0] = 2;
    simulator.apply();
    simulator.endTick();
    expect(simulator.totals.podTicks[0]).toBe(6);
    expect(simulator.totals.scalingActions[0]).toBe(1);
  });
});

describe('lost pods', () => {
  const coldStartSeconds = 40;
  const coldTicks = coldStartSeconds / tickSeconds;
  const podLossesPerHour = 6;
  const replicas = 10;
  const ticks = 20_000;

  it('leave desired as it is, come back a cold start later, and are as many as asked for', () => {
    const simulator = startFleet({ coldStartSeconds, podLossesPerHour, initialGroupSize: replicas, seed: 3 });
    const lostAt: number[] = [];
    let before = replicas;
    let readyTicks = 0;
    for (let tick = 0; tick < ticks; tick++) {
      expect(playTick(simulator)).toBe(replicas); // billed all the time: a new pod was started at once
      expect(simulator.pods.desired[0]).toBe(replicas);
      const returned = lostAt[tick - coldTicks] ?? 0;
      const lost = before + returned - simulator.pods.ready[0];
      expect(lost === 0 || lost === 1).toBe(true);
      lostAt.push(lost);
      before = simulator.pods.ready[0];
      readyTicks += before;
    }
    const losses = lostAt.reduce((sum, lost) => sum + lost, 0);
    const expected = (podLossesPerHour * tickSeconds * readyTicks) / 3600;
    // Poisson: four deviations. Two losses of one service in a tick count once, 4 % here.
    expect(losses).toBeGreaterThan(expected * 0.95 - 4 * Math.sqrt(expected));
    expect(losses).toBeLessThan(expected + 4 * Math.sqrt(expected));
    expect(simulator.totals.scalingActions[0]).toBe(0);
  });

  it('never make ready pods negative or more than desired while the fleet is scaled, and none is forgotten', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 60 }), (seed, wanted) => {
        const simulator = startFleet({
          seed,
          podLossesPerHour: 20,
          slowStartProbability: 0.3,
          coldStartSeconds: 20,
          graceSeconds: 10,
        });
        const play = (size: number) => {
          playTick(simulator, size);
          const ready = simulator.pods.ready[0];
          expect(simulator.pods.desired[0]).toBe(size);
          expect(ready >= 0 && ready <= size, `${ready} of ${size} ready`).toBe(true);
          return ready;
        };
        for (const size of wanted) play(size);
        const last = wanted.at(-1) ?? 1;
        let most = 0;
        for (let tick = 0; tick < 400; tick++) most = Math.max(most, play(last));
        expect(most).toBe(last);
      }),
      { numRuns: 60 },
    );
  });
});

describe('delays longer than the simulator was made for', () => {
  it.each([
    { coldStartSeconds: 500 },
    { graceSeconds: 500 },
    { coldStartSeconds: 200, slowStartProbability: 0.1, slowStartFactor: 3 },
  ])('are refused, not shortened: %j', (parameters) => {
    expect(() => startFleet(parameters)).toThrow(RangeError);
  });
});
