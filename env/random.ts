/** Seeded randomness outside the hot loops. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Draws from one seeded stream. */
export interface Draw {
  uniform(low: number, high: number): number;
  /** Log-uniform: each factor of two equally likely. */
  scale(low: number, high: number): number;
  normal(): number;
  chance(probability: number): boolean;
}

/**
 * One 32-bit seed out of several numbers, each of which matters: neighbouring lanes, segments and runs get streams that
 * have nothing in common. (murmur3's mixing; sums and products of seeds would collide or lose their low bits.)
 */
export function mixSeed(...parts: readonly number[]): number {
  let h = 0x9747b28c;
  for (const part of parts) {
    for (const word of [part | 0, Math.floor(part / 4294967296) | 0]) {
      let k = Math.imul(word, 0xcc9e2d51);
      k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
      h ^= k;
      h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
    }
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export function createDraw(seed: number): Draw {
  const generator = xoroshiro128plus(mixSeed(seed));
  const uniform = (low: number, high: number) => low + (high - low) * uniformFloat64(generator);
  return {
    uniform,
    scale: (low, high) => Math.exp(uniform(Math.log(low), Math.log(high))),
    // Box–Muller
    normal: () =>
      Math.sqrt(-2 * Math.log(1 - uniformFloat64(generator))) * Math.cos(2 * Math.PI * uniformFloat64(generator)),
    chance: (probability) => uniformFloat64(generator) < probability,
  };
}
