/** The demonstration of the closed loop operator that Duoloop grew out of, word for word, through both forms. */
import { describe, expect, it } from 'vitest';
import { createLastTenController, lastTenDecision } from '../last-ten.ts';
import { decide } from './decide.ts';
import { createTestFleet, testApp } from './fleet.fixture.ts';
import { parseLoopSpec } from './loop-spec.ts';
import { initialLoopState, raiseRank } from './loop-state.ts';

const spec = parseLoopSpec({
  metrics: [
    { name: 'cpu', rank: 1, thresholds: [{ kind: 'inferior', value: 5, reaction: { horizontal: { by: -1 } } }] },
    { name: 'memory', rank: 2, thresholds: [{ kind: 'inferior', value: 50, reaction: { horizontal: { by: -1 } } }] },
  ],
  behavior: { maxReplicas: 40, scaleDown: { stabilizationWindowSeconds: 0 } },
});

interface Answer {
  message: string;
  action: string;
  deliberation: string;
}

function objectForm() {
  let state = initialLoopState(spec);
  let groupSize = 30;
  let now = 0;
  return (cpu: number, memory: number): Answer => {
    now += 15;
    const decision = decide(spec, state, { groupSize, metrics: { cpu, memory } }, now);
    ({ state, groupSize } = decision);
    const { reactionEpochs, increaseRank, increaseTime } = state;
    const answer = lastTenDecision({ reactionEpochs, increaseRank, increaseTime, now });
    if (answer.metric !== null) ({ state } = raiseRank(spec, state, answer.metric, now));
    return { message: decision.message, action: decision.action, deliberation: say(answer) };
  };
}

function batchedForm() {
  const fleet = createTestFleet(1, 1, 30);
  const controller = createLastTenController(spec, testApp([1]), 1);
  return (cpu: number, memory: number): Answer => {
    fleet.metrics.second[0] += 15;
    fleet.metrics.cpuPercent[0] = cpu;
    fleet.metrics.memory[0] = memory;
    controller.decide(fleet.metrics, fleet.actions);
    fleet.apply();
    const { message, action } = controller.loop.report(0);
    return { message, action, deliberation: say(controller.report(0)) };
  };
}

function say({ action, metric }: { action: string; metric: string | null }): string {
  return metric === null ? action : `${action} ${metric}`;
}

describe.each([
  ['object form', objectForm],
  ['batched form', batchedForm],
])('the classical case, %s', (_, start) => {
  it('reacts to the best-ranked metric that is reported', () => {
    const tick = start();
    expect(tick(2, 40)).toEqual({
      message: 'Low cpu,Low memory',
      action: 'React to cpu',
      deliberation: 'No action',
    });
    expect(tick(5, 28)).toEqual({ message: 'Low memory', action: 'React to memory', deliberation: 'No action' });
    expect(tick(5, 50)).toEqual({ message: 'No Event', action: 'No action', deliberation: 'No action' });
  });

  it('raises memory once cpu has reacted ten times and memory once', () => {
    const tick = start();
    const nine = Array.from({ length: 9 }, () => tick(2, 40));
    expect(nine.every(({ action, deliberation }) => action === 'React to cpu' && deliberation === 'No action')).toBe(
      true,
    );
    expect(tick(5, 28).deliberation).toBe('No action');
    // Memory is quiet in these two, so that cpu reacts whatever the ranks.
    expect([tick(2, 60), tick(2, 60)].map(({ deliberation }) => deliberation)).toEqual([
      'Increase rank memory',
      'No action',
    ]);
    expect(tick(3, 36)).toEqual({
      message: 'Low cpu,Low memory',
      action: 'React to memory',
      deliberation: 'No action',
    });
  });
});
