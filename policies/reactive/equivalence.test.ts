/** What is trained against (the batched form) is what the operator runs (the object form), over random specs and histories. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createReactiveLoop } from './batched-loop.ts';
import { overThreshold } from './breaches.ts';
import { decide } from './decide.ts';
import { createTestFleet, testApp } from './fleet.fixture.ts';
import { SlidingMaximum } from './lane-history.ts';
import { type LoopSpecInput, parseLoopSpec } from './loop-spec.ts';
import { initialLoopState, type LoopState, proposeSetPoint, raiseRank } from './loop-state.ts';
import { coveringGroupSize, memberReplicas } from './targets.ts';

const lanes = 3;
const ticks = 40;
const ratios = [1, 0.4];

const upStep = fc.constantFrom<number | string>(1, 3, '20%', '150%');
const downStep = fc.constantFrom<number | string>(-1, -4, '-10%', '-60%');
const horizontal = (by: fc.Arbitrary<number | string>) => by.map((step) => ({ horizontal: { by: step } }));
const vertical = (sign: number) =>
  fc
    .constantFrom(0.25, 0.5, 3)
    .map((by) => ({ vertical: { resource: 'memory' as const, by: sign * by, min: 0.75, max: 2 } }));
const goingUp = fc.oneof(horizontal(upStep), vertical(1));
const goingAnywhere = fc.oneof(horizontal(downStep), horizontal(upStep), vertical(-1), vertical(1));
const thresholds = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({
        superior: fc.option(fc.record({ value: fc.integer({ min: 6, max: 10 }), reaction: goingUp })),
        inferior: fc.option(fc.record({ value: fc.integer({ min: 0, max: 6 }), reaction: goingAnywhere })),
        equal: fc.option(fc.record({ value: fc.constantFrom(0, 3, 6), reaction: goingAnywhere })),
      })
      .map((kinds) =>
        (['superior', 'inferior', 'equal'] as const).flatMap((kind) => (kinds[kind] ? [{ kind, ...kinds[kind] }] : [])),
      )
      .filter((list) => list.length > 0),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0.5, 0.7, 2)
      .map((track) => [{ kind: 'superior' as const, reaction: { horizontal: { track } } }]),
  },
);
const names = ['cpu', 'memory', 'p95', 'load'] as const;
const rateLimit = fc.option(
  fc.constantFrom(
    { pods: 2, periodSeconds: 60 },
    { percent: 30, periodSeconds: 45 },
    { pods: 1, percent: 50, periodSeconds: 90 },
  ),
  { nil: undefined },
);
const direction = fc.record({ stabilizationWindowSeconds: fc.constantFrom(0, 0, 30, 50, 120), rateLimit });
const specInput: fc.Arbitrary<LoopSpecInput> = fc
  .record({
    chosen: fc.shuffledSubarray([...names], { minLength: 1 }),
    ranks: fc.shuffledSubarray([1, 2, 5, 9], { minLength: 4 }),
    thresholds: fc.array(thresholds, { minLength: 4, maxLength: 4 }),
    behavior: fc.record({
      minReplicas: fc.constantFrom(1, 3),
      maxReplicas: fc.constantFrom(6, 20),
      scaleUp: direction,
      scaleDown: direction,
    }),
    onMissingMetrics: fc.constantFrom(
      { action: 'Hold' as const },
      { action: 'Fallback' as const, replicas: 5, afterTicks: 2 },
    ),
    paused: fc.integer({ min: 0, max: 19 }).map((draw) => draw === 0),
    guardrails: fc.record({
      maxStep: fc.constantFrom(1, 4),
      rankChangesPerHour: fc.constantFrom(0, 2, 100),
      staleAfterSeconds: fc.constantFrom(20, 90),
      minReplicas: fc.constantFrom(undefined, 2),
      maxReplicas: fc.constantFrom(undefined, 5),
    }),
  })
  .map(({ chosen, ranks, thresholds: each, ...rest }) => ({
    ...rest,
    metrics: chosen.map((name, i) => ({ name, rank: ranks[i], thresholds: each[i] })),
  }));

const value = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) },
);
const tickInput = fc.record({
  elapsed: fc.constantFrom(15, 15, 15, 20, 47),
  cpu: fc.tuple(value, value),
  memory: fc.tuple(value, value),
  p95: value,
  load: value,
  setPoint: fc.option(fc.integer({ min: -2, max: 25 }), { freq: 4 }),
  setPointAge: fc.constantFrom(0, 0, 10, 100, -10_000),
  raise: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 3 }),
});
const history = fc.record({
  replicas: fc.integer({ min: 1, max: 25 }),
  ticks: fc.array(tickInput, { minLength: ticks, maxLength: ticks }),
});

/** The largest of what is there, as the object form is told it. */
function measured(values: readonly number[]): { value: number | undefined; incomplete: boolean } {
  const there = values.filter((v) => !Number.isNaN(v) && v !== Number.NEGATIVE_INFINITY);
  return { value: there.length > 0 ? Math.max(...there) : undefined, incomplete: there.length < values.length };
}

it('decides the same in object form and batched form', () => {
  const app = testApp(ratios);
  fc.assert(
    fc.property(specInput, fc.array(history, { minLength: lanes, maxLength: lanes }), (input, histories) => {
      const spec = parseLoopSpec(input);
      const { minReplicas, maxReplicas } = spec.behavior;
      const loop = createReactiveLoop({ spec, app, lanes });
      const fleet = createTestFleet(lanes, ratios.length);
      const { metrics, actions } = fleet;
      const members = ratios.map((ratio) => ({ ratio, min: 1, max: 100 }));
      const states: LoopState[] = histories.map(() => initialLoopState(spec));
      for (let lane = 0; lane < lanes; lane++) {
        for (let s = 0; s < ratios.length; s++) metrics.desired[s * lanes + lane] = histories[lane].replicas;
      }
      const sizes = histories.map(({ replicas }) =>
        coveringGroupSize(
          members,
          ratios.map(() => replicas),
          minReplicas,
          maxReplicas,
        ),
      );
      const verticalSizes = histories.map(() => 1);
      for (let t = 0; t < ticks; t++) {
        for (let lane = 0; lane < lanes; lane++) {
          const tick = histories[lane].ticks[t];
          const now = metrics.second[lane] + tick.elapsed;
          metrics.second[lane] = now;
          for (let s = 0; s < ratios.length; s++) {
            metrics.cpuPercent[s * lanes + lane] = tick.cpu[s];
            metrics.memory[s * lanes + lane] = tick.memory[s];
          }
          metrics.p95Milliseconds[lane] = tick.p95;
          metrics.load[lane] = tick.load;
          if (tick.setPoint !== null && t > 0) {
            loop.proposeSetPoint(lane, tick.setPoint, now - tick.setPointAge);
            states[lane] = proposeSetPoint(states[lane], tick.setPoint, now - tick.setPointAge);
          }
          if (tick.raise !== null && tick.raise < spec.metrics.length) {
            const raise = raiseRank(spec, states[lane], spec.metrics[tick.raise].name, now);
            states[lane] = raise.state;
            expect(loop.raiseRank(lane, tick.raise, now)).toBe(raise.raised);
          }
        }
        actions.replicas.set(metrics.desired);
        actions.memorySize.set(metrics.memorySize);
        loop.decide(metrics, actions);
        for (let lane = 0; lane < lanes; lane++) {
          const tick = histories[lane].ticks[t];
          const seen = Object.fromEntries(names.map((name) => [name, measured([tick[name]].flat())]));
          const sizeBefore = sizes[lane];
          const decision = decide(
            spec,
            states[lane],
            {
              groupSize: sizeBefore,
              metrics: Object.fromEntries(names.map((name) => [name, seen[name].value])),
              incomplete: names.filter((name) => seen[name].incomplete),
              verticalSize: { memory: verticalSizes[lane] },
            },
            metrics.second[lane],
          );
          states[lane] = decision.state;
          sizes[lane] = decision.groupSize;
          verticalSizes[lane] = decision.vertical?.size ?? verticalSizes[lane];
          const { message, winner, action, clampedBy } = decision;
          expect(loop.report(lane)).toEqual({ message, winner, action, clampedBy });
          expect(loop.state.groupSize[lane]).toBe(decision.groupSize);
          expect(actions.memorySize[lane]).toBe(verticalSizes[lane]);
          for (const [s, ratio] of ratios.entries()) {
            const kept = spec.paused ? histories[lane].replicas : memberReplicas(ratio, decision.groupSize, 1, 100);
            expect(actions.replicas[s * lanes + lane]).toBe(kept);
          }
          for (const [m, metric] of spec.metrics.entries()) {
            const at = m * lanes + lane;
            const { reactionEpochs, recentReactions, ranks } = decision.state;
            expect(loop.state.ranks[at]).toBe(ranks[metric.name]);
            expect(loop.state.lastReactionSecond[at]).toBe(
              reactionEpochs[metric.name].at(-1) ?? Number.NEGATIVE_INFINITY,
            );
            expect(loop.state.recentReactions[at]).toBe(recentReactions.filter((name) => name === metric.name).length);
            const epochs = Array.from({ length: loop.reactions.counts[at] }, (_, i) =>
              loop.reactions.secondAt(lane, m, i),
            );
            expect(epochs).toEqual(reactionEpochs[metric.name]);
            const over = overThreshold(metric, seen[metric.name].value ?? Number.NaN, sizeBefore);
            expect(loop.state.overThreshold[at]).toBe(Math.fround(over));
          }
        }
        fleet.apply();
      }
    }),
    { numRuns: 120 },
  );
});

it('gives a lane that is reset the decisions of a new loop', () => {
  const app = testApp(ratios);
  fc.assert(
    fc.property(specInput, fc.array(tickInput, { minLength: 12, maxLength: 12 }), (input, inputs) => {
      const spec = parseLoopSpec(input);
      const loop = createReactiveLoop({ spec, app, lanes: 1 });
      const play = () => {
        const fleet = createTestFleet(1, ratios.length, 4);
        return inputs.map((tick, t) => {
          const { metrics, actions } = fleet;
          metrics.second[0] += tick.elapsed;
          metrics.cpuPercent.set(tick.cpu);
          metrics.memory.set(tick.memory);
          metrics.p95Milliseconds[0] = tick.p95;
          metrics.load[0] = tick.load;
          if (tick.setPoint !== null) loop.proposeSetPoint(0, tick.setPoint, metrics.second[0]);
          if (tick.raise !== null) loop.raiseRank(0, tick.raise % spec.metrics.length, metrics.second[0]);
          loop.decide(metrics, actions);
          fleet.apply();
          return [
            t,
            ...actions.replicas,
            ...actions.memorySize,
            ...loop.state.ranks,
            ...loop.state.recentReactions,
            loop.report(0),
          ];
        });
      };
      const first = play();
      loop.resetLane(0);
      expect(play()).toEqual(first);
    }),
    { numRuns: 50 },
  );
});

it('never takes a sliding maximum for smaller than it is, though asked more often than it was made for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 9 })), { maxLength: 80 }),
      (steps) => {
        const sliding = new SlidingMaximum(1, 4);
        const pushed: { second: number; size: number }[] = [];
        let second = 0;
        for (const [elapsed, size] of steps) {
          second += elapsed;
          pushed.push({ second, size });
          const inWindow = pushed.filter((entry) => entry.second >= second - 60).map((entry) => entry.size);
          expect(sliding.pushAndRead(0, second, size, second - 60)).toBeGreaterThanOrEqual(Math.max(...inWindow));
        }
      },
    ),
  );
});
