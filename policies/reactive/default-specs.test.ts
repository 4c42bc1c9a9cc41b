import { describe, expect, it } from 'vitest';
import { createReactiveLoop } from './batched-loop.ts';
import { agentLoopSpec, defaultLoopSpec } from './default-specs.ts';
import { createTestFleet, testApp } from './fleet.fixture.ts';
import type { LoopSpec } from './loop-spec.ts';

const app = testApp([1, 0.5]);

/** A loop whose two services always measure the same. */
function run(spec: LoopSpec, replicas: number) {
  const fleet = createTestFleet(1, 2, replicas);
  const loop = createReactiveLoop({ spec, app, lanes: 1 });
  return {
    loop,
    fleet,
    tick(p95: number, cpu: number, memory = 60) {
      fleet.metrics.second[0] += loop.intervalSeconds;
      fleet.metrics.p95Milliseconds[0] = p95;
      fleet.metrics.cpuPercent.fill(cpu);
      fleet.metrics.memory.fill(memory);
      loop.decide(fleet.metrics, fleet.actions);
      fleet.apply();
      return loop.state.groupSize[0];
    },
  };
}

describe('defaultLoopSpec', () => {
  it('answers a broken promise at once, but not over and over before the new pods can show', () => {
    const { tick, fleet } = run(defaultLoopSpec(app), 5);
    // The smallest group whose half-size member has the 5 replicas that are there: ceil(0.5 × 9) = 5.
    const sizes = Array.from({ length: 5 }, () => tick(6, 60));
    expect(sizes).toEqual([11, 14, 14, 14, 17]);
    expect([...fleet.metrics.desired]).toEqual([17, 9]);
  });

  it('takes an idle pod away only after the window', () => {
    const { tick } = run(defaultLoopSpec(app), 2);
    const sizes = Array.from({ length: 10 }, () => tick(1, 20));
    expect(sizes).toEqual([3, 3, 3, 3, 3, 3, 3, 3, 3, 2]);
  });

  it('resizes pods for memory, which only queueing models have in percent', () => {
    const { tick, fleet } = run(defaultLoopSpec(app), 2);
    tick(1, 60, 90);
    expect(fleet.metrics.memorySize[0]).toBe(1.25);
  });
});

describe('agentLoopSpec', () => {
  it('lets the set-point lead down and holds it while fresh', () => {
    const { tick, loop, fleet } = run(agentLoopSpec(app), 4);
    tick(1, 60);
    for (let decision = 0; decision < 20; decision++) {
      loop.proposeSetPoint(0, 5, fleet.metrics.second[0]);
      for (let i = 0; i < 4; i++) expect(tick(1, 10)).toBe(5);
    }
  });

  it('goes above the set-point when p95 breaks the SLA, and refuses to go down then', () => {
    const { tick, loop, fleet } = run(agentLoopSpec(app), 4);
    const before = tick(1, 60);
    loop.proposeSetPoint(0, before - 1, fleet.metrics.second[0]);
    expect(tick(6, 60)).toBeGreaterThan(before);
    expect(loop.report(0).clampedBy).toContain('breach');
  });

  it('takes pods away by itself only when the agent is silent and they are nearly idle', () => {
    const busy = run(agentLoopSpec(app), 4);
    const idle = run(agentLoopSpec(app), 4);
    const start = busy.tick(1, 25);
    for (let i = 0; i < 100; i++) expect(busy.tick(1, 25)).toBe(start);
    const sizes = Array.from({ length: 100 }, () => idle.tick(1, 10));
    expect(sizes.indexOf(start - 1)).toBe(41);
    expect(sizes[99]).toBe(start - 2);
  });
});
