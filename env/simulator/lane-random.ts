/**
 * One seeded random stream per lane in a typed array, so that lane k of a batch draws what a batch of one would.
 * mulberry32 (Tommy Ettinger, public domain): 32 bits of state, one multiply-xorshift round per draw; a generator object
 * of a library per lane would cost an allocation per draw or a pointer chase per lane in the hottest loop.
 */
import { mixSeed } from '../random.ts';

export interface LaneRandom {
  seed(lane: number, seed: number): void;
  /** Uniform in [0, 1). */
  uniform(lane: number): number;
  /** Standard normal, by the sum of four uniforms (kurtosis 2.7; ample for measurement noise). */
  normal(lane: number): number;
}

const normalScale = Math.sqrt(3);

export function createLaneRandom(lanes: number): LaneRandom {
  const state = new Int32Array(lanes);
  function uniform(lane: number): number {
    const a = (state[lane] + 0x6d2b79f5) | 0;
    state[lane] = a;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  return {
    seed(lane, seed) {
      state[lane] = mixSeed(seed);
    },
    uniform,
    normal: (lane) => (uniform(lane) + uniform(lane) + uniform(lane) + uniform(lane) - 2) * normalScale,
  };
}
