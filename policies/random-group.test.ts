import { describe, expect, it } from 'vitest';
import type { FleetController } from '../env/ports.ts';
import { randomGroup } from './random-group.ts';
import { createTestFleet, testApp } from './reactive/fleet.fixture.ts';

const app = { ...testApp([1, 0.5, 2]), minGroupSize: 3, maxGroupSize: 8 };

function createController(lanes: number, seed = 7): FleetController {
  const context = { app, lanes, tickSeconds: 5, coldStartSeconds: 30, metricLagSeconds: 30, seed };
  return randomGroup.createController(context) as FleetController;
}

/** Replicas of each decision, per lane: [decision][service]. */
function play(controller: FleetController, lanes: number, decisions: number): number[][][] {
  const { metrics, actions } = createTestFleet(lanes, 3);
  const perLane: number[][][] = Array.from({ length: lanes }, () => []);
  for (let i = 0; i < decisions; i++) {
    controller.decide(metrics, actions);
    for (let lane = 0; lane < lanes; lane++)
      perLane[lane].push([0, 1, 2].map((s) => actions.replicas[s * lanes + lane]));
  }
  return perLane;
}

describe('policy random-group', () => {
  it('draws every size within the bounds about equally often, and all members follow by ratio', () => {
    const [sequence] = play(createController(1), 1, 6000);
    const counts = new Map<number, number>();
    for (const [size, half, double] of sequence) {
      expect([half, double]).toEqual([Math.ceil(size / 2), size * 2]);
      counts.set(size, (counts.get(size) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([3, 4, 5, 6, 7, 8]);
    // Binomial(6000, 1/6): five standard deviations are 144.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(144);
  });

  it('acts every 60 s; a lane depends on seed and lane alone, and starts anew on reset', () => {
    const controller = createController(3);
    expect(controller.intervalSeconds).toBe(60);
    const lanes = play(controller, 3, 20);
    expect(lanes[0]).toEqual(play(createController(1), 1, 20)[0]);
    expect(lanes[1]).not.toEqual(lanes[0]);
    expect(play(createController(1, 8), 1, 20)[0]).not.toEqual(lanes[0]);
    controller.resetLane(1);
    const again = play(controller, 3, 20);
    expect(again[1]).toEqual(lanes[1]);
    expect(again[2]).not.toEqual(lanes[2]);
  });
});
