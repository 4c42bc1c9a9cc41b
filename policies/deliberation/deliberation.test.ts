import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import type { SystemMeasurement } from '../../env/ports.ts';
import { playTraces } from '../../env/simulator/play.ts';
import { generateTrace } from '../../env/workload/families.ts';
import { type Checkpoint, readCheckpoint } from '../actor-critic/checkpoint.ts';
import { createReactiveLoop } from '../reactive/batched-loop.ts';
import { proposalSchema } from '../resources/deliberative-loop.ts';
import type { LoopDecision, LoopView } from './contract.ts';
import { createDeliberation } from './deliberation.ts';
import { closedLoopSpecFrom, deliberatingController } from './simulated-views.fixture.ts';

const folderOf = (name: string) => join(import.meta.dirname, '../checkpoints', name);
const app = await loadApp('frontend');
const checkpoint = await readCheckpoint(folderOf('frontend'));
const spec = closedLoopSpecFrom(checkpoint.document.loop);
const { intervalSeconds } = checkpoint.document;

/** A healthy frontend of five pods under its nominal load, a little different every time. */
function healthy(key: string, second: number, changes: Partial<SystemMeasurement> = {}): LoopView {
  const wave = 1 + 0.1 * Math.sin(second / 300);
  const pods = Int32Array.of(5);
  const measurement: SystemMeasurement = {
    key,
    load: 1600 * wave,
    p95Milliseconds: 3 * wave,
    requestsPerSecond: Float64Array.of(1600 * wave),
    cpuPercent: Float64Array.of(64 * wave),
    memoryPercent: Float64Array.of(40),
    measuredReady: pods,
    ready: pods,
    desired: pods,
    ageSeconds: 10,
    missing: [],
    ...changes,
  };
  return { key, spec, status: undefined, groupSize: 5, measurement };
}

const at = (second: number) => ({ second, unixSecond: 1_790_000_000 + second });

/** Decides for one loop until `second`, then once for what the view of that second is changed to. */
function decideAfter(changed: (view: LoopView) => LoopView, by: Checkpoint = checkpoint): LoopDecision {
  const deliberation = createDeliberation(by, app, { origin: 'test', staleAfterSeconds: 60 });
  let second = 0;
  for (; second < 300; second += intervalSeconds) deliberation.decide([healthy('shop/a', second)], at(second));
  const [decision] = deliberation.decide([changed(healthy('shop/a', second))], at(second));
  return decision;
}

describe('a decision', () => {
  it('is a proposal where all is well', () => {
    const { proposal, abstention } = decideAfter((view) => view);
    expect(abstention).toBeUndefined();
    expect(proposalSchema.parse(proposal)).toEqual(proposal);
    expect(proposal).toMatchObject({ closedLoop: 'a', time: '2026-09-21T14:18:20.000Z' });
    expect(proposal?.confidence).toBeGreaterThan(0);
    expect(proposal?.confidence).toBeLessThanOrEqual(1);
    expect(proposal?.hpaWouldBe).toBeGreaterThan(0);
  });

  const measuring = (changes: Partial<SystemMeasurement>) => (view: LoopView) =>
    ({ ...view, measurement: { ...(view.measurement as SystemMeasurement), ...changes } }) satisfies LoopView;
  const metrics = spec.metrics.map((metric) => ({
    ...metric,
    name: metric.name === 'cpu' ? 'processor' : metric.name,
  }));
  it.each<[string, (view: LoopView) => LoopView, string, RegExp]>([
    ['nothing was measured', (view) => ({ ...view, measurement: undefined }), 'MetricsMissing', /Prometheus/],
    [
      'a metric is missing',
      measuring({ cpuPercent: Float64Array.of(Number.NaN), missing: ['query x'] }),
      'MetricsMissing',
      /cpu of frontend.*query x/,
    ],
    [
      'other workloads were measured',
      measuring({ cpuPercent: Float64Array.of(1, 2) }),
      'MetricsMissing',
      /observation\.services/,
    ],
    ['samples are old', measuring({ ageSeconds: 61 }), 'MetricsStale', /61 s old/],
    ['its size is not known', (view) => ({ ...view, groupSize: Number.NaN }), 'MetricsMissing', /size of its target/],
    ['it is larger than the app model', (view) => ({ ...view, groupSize: 16 }), 'OutOfDistribution', /ends at 15/],
    ['load is ten times the highest trained', measuring({ load: 92_000 }), 'OutOfDistribution', /unit/],
    ['load is negative', measuring({ load: -1 }), 'OutOfDistribution', /load is -1/],
    ['CPU is impossible', measuring({ cpuPercent: Float64Array.of(1e9) }), 'OutOfDistribution', /cpu of frontend/],
    ['CPU is nothing under load', measuring({ cpuPercent: Float64Array.of(0) }), 'OutOfDistribution', /cpu is 0/],
    ['p95 is infinite', measuring({ p95Milliseconds: Number.POSITIVE_INFINITY }), 'OutOfDistribution', /milliseconds/],
    ['it is paused', (view) => ({ ...view, spec: { ...spec, paused: true } }), 'Paused', /spec\.paused/],
    [
      'it has other metrics',
      (view) => ({ ...view, spec: { ...spec, metrics } }),
      'WrongMetrics',
      /lacks cpu and processor is unknown/,
    ],
  ])('is none when %s, and says so', (_, changed, reason, message) => {
    const { proposal, abstention } = decideAfter(changed);
    expect(proposal).toBeUndefined();
    expect(abstention?.reason).toBe(reason);
    expect(abstention?.message).toMatch(message);
  });

  it('is made for a paused loop where nothing is applied anyway', () => {
    const paused = (view: LoopView): LoopView => ({ ...view, spec: { ...spec, paused: true }, isWatched: true });
    expect(decideAfter(paused).proposal).toEqual(decideAfter((view) => view).proposal);
  });

  it('goes on as soon as what was wrong is over: what is impossible leaves no trace in the history', () => {
    const [clean, poisoned] = [0, 1].map(() => createDeliberation(checkpoint, app, { origin: 'test' }));
    for (let second = 0; second <= 600; second += intervalSeconds) {
      const isGap = second >= 285 && second < 330;
      const view = healthy('shop/a', second);
      const gap: LoopView = { ...view, measurement: undefined };
      const wrong = healthy('shop/a', second, { load: 1e30, cpuPercent: Float64Array.of(1e9) });
      const [expected] = clean.decide([isGap ? gap : view], at(second));
      const [found] = poisoned.decide([isGap ? wrong : view], at(second));
      expect(found.proposal).toEqual(expected.proposal);
      expect(found.proposal === undefined).toBe(isGap);
    }
  });

  it.each([1e38, -1e38, 5000])('is none by a checkpoint with weights of %d', (weight) => {
    const parameters = checkpoint.parameters.map((value, i) => (i % 7 === 0 ? weight : value));
    const { proposal, abstention } = decideAfter((view) => view, { ...checkpoint, parameters });
    expect(proposal).toBeUndefined();
    expect(abstention?.reason).toBe('NotANumber');
    expect(abstention?.message).toMatch(/weights of up to/);
  });
});

describe('histories', () => {
  it('are those of each loop, whoever comes and goes beside it', () => {
    const alone = createDeliberation(checkpoint, app, { origin: 'test' });
    const crowded = createDeliberation(checkpoint, app, { origin: 'test' });
    for (let step = 0; step < 40; step++) {
      const second = step * intervalSeconds;
      const view = healthy('shop/a', second);
      const others = Array.from({ length: step < 20 ? 45 : 5 }, (_, i) =>
        healthy(`shop/other-${i}`, second * (i + 2), { load: i % 3 === 0 ? Number.NaN : 300 * i }),
      );
      if (step === 20) for (let i = 5; i < 45; i++) crowded.forget(`shop/other-${i}`);
      const views = step % 2 === 0 ? [view, ...others] : [...others, view];
      const found = crowded.decide(views, at(second)).find(({ key }) => key === 'shop/a');
      const [expected] = alone.decide([view], at(second));
      expect({ ...found, observation: [...(found?.observation ?? [])] }).toEqual({
        ...expected,
        observation: [...expected.observation],
      });
    }
  });

  it('start anew for a loop that was forgotten, or silent for long', () => {
    const fresh = createDeliberation(checkpoint, app, { origin: 'test' });
    const used = createDeliberation(checkpoint, app, { origin: 'test' });
    const silent = createDeliberation(checkpoint, app, { origin: 'test' });
    for (let second = 0; second < 600; second += intervalSeconds) {
      for (const deliberation of [used, silent]) {
        deliberation.decide([healthy('shop/a', second, { load: 4000 })], at(second));
      }
    }
    used.forget('shop/a');
    const decided = [fresh, used, silent].map((deliberation) => {
      const [{ observation }] = deliberation.decide([healthy('shop/a', 9000)], at(9000));
      return [...observation];
    });
    expect(decided[1]).toEqual(decided[0]);
    expect(decided[2]).toEqual(decided[0]);
  });

  it('can be told: the features of the load are then those of an agent that never stopped', () => {
    const [steady, restarted] = [0, 1].map(() => createDeliberation(checkpoint, app, { origin: 'test' }));
    const loads: { second: number; load: number }[] = [];
    let second = 0;
    for (; second < 5400; second += intervalSeconds) {
      const view = healthy('shop/a', second);
      steady.decide([view], at(second));
      loads.push({ second, load: view.measurement?.load ?? Number.NaN });
    }
    // What cannot be meant is left out, as it is when it is measured.
    const impossible = { second: 2700, load: 1e30 };
    restarted.remember('shop/a', [...loads.slice(0, 180), impossible, ...loads.slice(180)]);
    const [{ observation: expected }] = steady.decide([healthy('shop/a', second)], at(second));
    const [{ observation: found }] = restarted.decide([healthy('shop/a', second)], at(second));
    const names = steady.observationNames.map((name, i) => [name, i] as const);
    const ofLoad = names.filter(([name]) => name.startsWith('load.'));
    expect(ofLoad.length).toBe(20);
    for (const [name, i] of ofLoad) expect([name, found[i]]).toEqual([name, expected[i]]);
  });
});

describe('whatever is measured', () => {
  const anything = fc.oneof(
    { weight: 12, arbitrary: fc.double({ min: 1, max: 200, noNaN: true }) },
    { weight: 1, arbitrary: fc.double() },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...[0, -0, 1e9, -1e9, 1e38, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ),
    },
  );
  const count = fc.oneof(fc.integer({ min: -1, max: 40 }), fc.integer());
  const status = fc.record({
    ranks: fc.constantFrom<Record<string, number>>(
      {},
      { p95: 2, cpu: 1 },
      { p95: 1, cpu: 1 },
      { p95: -5 },
      { x: 1, cpu: 2 },
    ),
    epochs: fc.array(anything, { maxLength: 3 }),
    recent: fc.array(fc.constantFrom('cpu', 'p95', 'other'), { maxLength: 10 }),
  });
  const step = fc.record({
    load: anything,
    p95Milliseconds: anything,
    cpu: anything,
    ready: count,
    desired: count,
    groupSize: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 15 }) }, { weight: 1, arbitrary: anything }),
    ageSeconds: anything,
    elapsed: fc.oneof(
      { weight: 6, arbitrary: fc.constant(15) },
      { weight: 1, arbitrary: fc.double({ min: -100, max: 1e5, noNaN: true }) },
    ),
    status,
    bounds: fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 30 })),
  });

  it('a proposal is sound, within the bounds, and the same whatever the neighbour measures', () => {
    let proposals = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.array(anything, { minLength: 12, maxLength: 12 }),
        (steps, noise) => {
          const alone = createDeliberation(checkpoint, app, { origin: 'test' });
          const beside = createDeliberation(checkpoint, app, { origin: 'test' });
          let second = 1000;
          for (const [i, { bounds, status: told, ...measured }] of steps.entries()) {
            second += measured.elapsed;
            const [minReplicas, maxReplicas] = [Math.min(...bounds), Math.max(1, ...bounds)];
            const view: LoopView = {
              ...healthy('shop/a', second, {
                load: measured.load,
                p95Milliseconds: measured.p95Milliseconds,
                cpuPercent: Float64Array.of(measured.cpu),
                measuredReady: Int32Array.of(measured.ready),
                ready: Int32Array.of(measured.ready),
                desired: Int32Array.of(measured.desired),
                ageSeconds: measured.ageSeconds,
              }),
              spec: { ...spec, behavior: { ...spec.behavior, minReplicas, maxReplicas } },
              status: {
                ranks: told.ranks,
                ranking: '',
                target: '',
                recentDecisions: [],
                reactionEpochs: { cpu: told.epochs },
                recentReactions: told.recent,
                rankChanges: [],
                recentChanges: [],
                conditions: [],
              },
              groupSize: measured.groupSize,
            };
            const [decision] = alone.decide([view], at(second));
            const neighbour = healthy('shop/b', second, { load: noise[i], p95Milliseconds: noise[11 - i] });
            const [, found] = beside.decide([neighbour, view], at(second));
            expect(found.proposal).toEqual(decision.proposal);
            expect(found.abstention).toEqual(decision.abstention);
            const { proposal, abstention } = decision;
            expect((proposal === undefined) !== (abstention === undefined)).toBe(true);
            if (proposal === undefined) continue;
            proposals++;
            proposalSchema.parse(proposal);
            for (const value of [proposal.confidence, proposal.value]) expect(Number.isFinite(value)).toBe(true);
            for (const size of [proposal.setPoint, proposal.hpaWouldBe]) {
              if (size === undefined) continue;
              expect(size).toBeGreaterThanOrEqual(minReplicas);
              expect(size).toBeLessThanOrEqual(maxReplicas);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(proposals).toBeGreaterThan(20);
  });

  it('a checkpoint of random weights proposes nothing outside the bounds either', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(1, 30, 900, 1e5, 1e38),
        fc.integer({ min: 1, max: 15 }),
        (seed, scale, size) => {
          const parameters = checkpoint.parameters.map((_, i) => scale * Math.sin(seed + i * i));
          const behavior = { ...spec.behavior, minReplicas: 3, maxReplicas: 6 };
          const view = { ...healthy('shop/a', 0), spec: { ...spec, behavior }, groupSize: size };
          const deliberation = createDeliberation({ ...checkpoint, parameters }, app, { origin: 'test' });
          const [{ proposal }] = deliberation.decide([view], at(0));
          if (proposal === undefined) return;
          proposalSchema.parse(proposal);
          expect(proposal.setPoint ?? 3).toBeGreaterThanOrEqual(3);
          expect(proposal.setPoint ?? 3).toBeLessThanOrEqual(6);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('out of distribution', () => {
  const poisonSecond = 3600;
  const scaled = (values: Float64Array, factor: number) => values.map((value) => value * factor);
  const poisons: [string, (measurement: SystemMeasurement) => Partial<SystemMeasurement>][] = [
    ['load of minutes instead of seconds', ({ load }) => ({ load: load * 60 })],
    ['load ten times as high', ({ load }) => ({ load: load * 10 })],
    ['CPU as a share instead of percent', ({ cpuPercent }) => ({ cpuPercent: scaled(cpuPercent, 0.01) })],
    ['p95 in seconds', ({ p95Milliseconds }) => ({ p95Milliseconds: p95Milliseconds / 1000 })],
    ['p95 that is always nothing', () => ({ p95Milliseconds: 0 })],
    ['p95 that is always 10 s', () => ({ p95Milliseconds: 10_000 })],
  ];

  async function abstentions(name: string, poison: (measurement: SystemMeasurement) => Partial<SystemMeasurement>) {
    const model = await loadApp(name);
    const trained = await readCheckpoint(folderOf(name));
    const traces = (['diurnal', 'flash-crowd', 'bursts', 'ramp', 'drift', 'double-peak'] as const).map((family, i) =>
      generateTrace({ family, seed: 900 + i, nominalLoad: model.nominalLoad, durationSeconds: 7200 }),
    );
    const loop = createReactiveLoop({ spec: trained.document.loop, app: model, lanes: traces.length });
    const found = { before: 0, decisions: 0, late: 0, lateDecisions: 0 };
    const controller = deliberatingController({
      loop,
      loopSpec: trained.document.loop,
      deliberation: createDeliberation(trained, model, { origin: name, shadow: false }),
      distort: (measurement, second) =>
        second < poisonSecond ? measurement : { ...measurement, ...poison(measurement) },
      onDecisions(decisions, metrics) {
        const [second] = metrics.second;
        for (const { abstention } of decisions) {
          const isFound = abstention?.reason === 'OutOfDistribution' ? 1 : 0;
          if (second < poisonSecond) {
            found.decisions++;
            found.before += isFound;
          } else if (second >= poisonSecond + 900) {
            found.lateDecisions++;
            found.late += isFound;
          }
        }
      },
    });
    playTraces({ app: model, traces, controller, parameters: { metricNoise: 0.02 } });
    return found;
  }

  it.each(['frontend', 'teastore'])(
    'healthy traffic is not, with the checkpoint of %s',
    { timeout: 60_000 },
    async (name) => {
      const { before, late, decisions, lateDecisions } = await abstentions(name, () => ({}));
      expect((before + late) / (decisions + lateDecisions)).toBeLessThan(0.001);
    },
  );

  it.each(poisons)('%s is found within 15 minutes', { timeout: 60_000 }, async (_, poison) => {
    const { late, lateDecisions } = await abstentions('frontend', poison);
    expect(late / lateDecisions).toBeGreaterThan(0.95);
  });
});
