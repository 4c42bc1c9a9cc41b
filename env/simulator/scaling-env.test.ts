import { describe, expect, it } from 'vitest';
import { loadApp } from '../apps/load-app.ts';
import { holdChoice, noRaiseChoice, setPointMoves } from '../deliberative-action.ts';
import { vectorEnvContract } from '../vector-env.contract.ts';
import { createScalingEnv, type ScalingEnvOptions } from './scaling-env.ts';
import { createSetPointLoop, type SetPointLoop } from './set-point-loop.fixture.ts';

const [frontend, teastore] = await Promise.all([loadApp('frontend'), loadApp('teastore')]);
const pool = { poolSize: 6 };

function start(changes: Partial<ScalingEnvOptions> = {}) {
  const app = changes.app ?? frontend;
  let loop: SetPointLoop | undefined;
  const env = createScalingEnv({
    app,
    lanes: 4,
    intervalSeconds: 60,
    maxEpisodeSteps: 9,
    createReactiveLoop: (lanes) => {
      loop = createSetPointLoop(app, lanes);
      return loop;
    },
    ...changes,
    episodes: { ...pool, ...changes.episodes },
  });
  return { env, loop: loop as SetPointLoop };
}

vectorEnvContract('the scaling environment of the frontend', {
  create: () => start().env,
  stepsToTruncation: 9,
});
vectorEnvContract('the scaling environment of TeaStore', {
  create: () => start({ app: teastore, intervalSeconds: 15 }).env,
  stepsToTruncation: 9,
});

const hold = (lanes: number) =>
  Int32Array.from({ length: lanes * 2 }, (_, i) => (i % 2 === 0 ? noRaiseChoice : holdChoice));
const moveBy = (lanes: number, move: (typeof setPointMoves)[number], raise = noRaiseChoice) =>
  Int32Array.from({ length: lanes * 2 }, (_, i) => (i % 2 === 0 ? raise : setPointMoves.indexOf(move)));

describe('an episode', () => {
  it('that is cut off shows as its final observation what it would have gone on with', () => {
    const [short, long] = [start({ maxEpisodeSteps: 7 }).env, start({ maxEpisodeSteps: 100 }).env];
    expect(short.reset(4)).toEqual(long.reset(4));
    for (let t = 0; t < 6; t++) {
      const [a, b] = [short.step(moveBy(4, 1)), long.step(moveBy(4, 1))];
      expect([a.observations, a.rewards]).toEqual([b.observations, b.rewards]);
    }
    const [a, b] = [short.step(hold(4)), long.step(hold(4))];
    expect([...a.truncated]).toEqual([1, 1, 1, 1]);
    expect(a.finalObservations).toEqual(b.observations);
    expect(a.rewards).toEqual(b.rewards);
  });

  it('ends with its trace when that comes first', () => {
    // 75 minutes of traffic: an hour before the end an episode begins at the latest.
    const trace = { name: 'short', seconds: [0, 4500], rps: [900, 900] };
    const { env } = start({ maxEpisodeSteps: 10_000, episodes: { traces: [trace] } });
    env.reset(1);
    const firstCut = new Int32Array(4);
    for (let t = 1; t <= 75; t++) {
      const { truncated } = env.step(hold(4));
      for (let lane = 0; lane < 4; lane++) if (truncated[lane] === 1 && firstCut[lane] === 0) firstCut[lane] = t;
    }
    for (const steps of firstCut) expect(steps >= 60 && steps <= 75, `${steps} steps`).toBe(true);
  });

  it('never has the same course as the one before it', () => {
    const { env } = start({ maxEpisodeSteps: 3 });
    const firsts = [env.reset(1).slice()];
    for (let t = 0; t < 9; t++) {
      const { truncated, observations } = env.step(hold(4));
      if (truncated[0] === 1) firsts.push(observations.slice());
    }
    expect(new Set(firsts.map((observations) => observations.join())).size).toBe(4);
  });
});

describe('a step', () => {
  it('is one decision interval, in which the loop decides every one of its own', () => {
    const { env, loop } = start();
    env.reset(1);
    const began = env.simulator.metrics.second[0];
    env.step(hold(4));
    expect(env.simulator.metrics.second[0] - began).toBe(60);
    expect(loop.decisions.map((second) => second - began)).toEqual([0, 15, 30, 45]);
    expect(() => start({ intervalSeconds: 20 })).toThrow(RangeError);
  });

  it('proposes what was chosen, of the halves that are learned, and nothing on lanes without measurements', () => {
    for (const [learns, moves, raises] of [
      ['both', 4, 4],
      ['set-points', 4, 0],
      ['ranks', 0, 4],
    ] as const) {
      const { env, loop } = start({ learns, episodes: { randomisation: { plainShare: 1 } } });
      env.reset(1);
      env.step(moveBy(4, 2, 2));
      expect([loop.proposals.length, loop.raises.length]).toEqual([0, 0]); // the first moment has no measurements yet
      const sizes = [...loop.state.groupSize];
      const second = env.simulator.metrics.second.slice();
      env.step(moveBy(4, 2, 2));
      expect(loop.proposals).toEqual(
        Array.from({ length: moves }, (_, lane) => ({ lane, groupSize: sizes[lane] + 2, second: second[lane] })),
      );
      expect(loop.raises).toEqual(
        Array.from({ length: raises }, (_, lane) => ({ lane, metric: 1, second: second[lane] })),
      );
    }
  });

  it('is rewarded by the sum of its terms, which are those of the raw sums', () => {
    const weights = { violation: 8, depthShare: 0, churn: 0.5 };
    const { env } = start({ reward: weights, maxEpisodeSteps: 50 });
    env.reset(9);
    const { lastStep, nominalPods } = env;
    let [violating, moved] = [0, 0];
    for (let t = 0; t < 50; t++) {
      const { rewards, terms } = env.step(moveBy(4, setPointMoves[t % 6]));
      for (let lane = 0; lane < 4; lane++) {
        expect(terms.cost[lane]).toBeCloseTo(lastStep.podTicks[lane] / 12 / nominalPods, 5);
        expect(terms.violation[lane]).toBeCloseTo((8 * lastStep.violationTicks[lane]) / 12, 5);
        expect(terms.churn[lane]).toBeCloseTo((0.5 * lastStep.podChanges[lane]) / nominalPods, 5);
        expect(rewards[lane]).toBeCloseTo(-terms.cost[lane] - terms.violation[lane] - terms.churn[lane], 4);
        violating += lastStep.violationTicks[lane];
        moved += lastStep.podChanges[lane];
      }
    }
    expect(Math.min(violating, moved)).toBeGreaterThan(20); // or nothing was tested
  });

  it('serves the demand that the future held, capacity changes included, and never another episode’s', () => {
    const { env } = start({ maxEpisodeSteps: 40, episodes: { randomisation: { changingCapacityShare: 1 } } });
    env.reset(3);
    const stepTicks = env.lastStep.ticks;
    const ahead = 6;
    const foreseen: number[][] = [];
    const factors = new Set<number>();
    for (let t = 0; t < 110; t++) {
      // Of the last tick of a step, 1 … 6 steps ahead.
      foreseen[t] = [];
      for (let lane = 0; lane < 4; lane++) {
        for (let k = 1; k <= ahead; k++) foreseen[t].push(env.futureDemand(lane, k * stepTicks - 1));
      }
      const { truncated } = env.step(hold(4));
      // Where an episode was cut off the capacity is the next one's already.
      if (truncated[0] === 1) continue;
      for (let lane = 0; lane < 4; lane++) {
        const served = env.simulator.load[lane] / env.simulator.capacity[lane];
        factors.add(env.simulator.capacity[lane]);
        for (let k = 1; k <= Math.min(ahead, (t % 40) + 1); k++) {
          expect(foreseen[t - k + 1][lane * ahead + k - 1] / served).toBeCloseTo(1, 5);
        }
      }
    }
    expect(factors.size).toBeGreaterThan(6);
  });
});
