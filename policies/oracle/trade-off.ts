/**
 * The plan that minimises pods + weight × violating ticks, exact on the tick grid, by dynamic programming.
 *
 * Choosing a plan is choosing the ticks to serve: with m(t) = needed(t) where tick t is served and the smallest size
 * elsewhere, the cheapest plan is desired(t) = max over k = 0 … D of m(t + k) (see plan.ts), and no plan does better
 * than the one of the ticks it serves. Going backwards in time, all that the served ticks from t on say about earlier
 * ones is how far they must reach: cover(k) = max of m(t) … m(t + k) for k < D. Every tick has two choices, so D ticks
 * leave at most 2^D covers, and nearly all are dominated: a candidate B makes candidate A useless when its cost, plus
 * the pods by which B's cover exceeds A's, is not above A's cost, for then B can imitate whatever A does next.
 */
import type { DemandPerTick } from './demand.ts';
import { coverNeeds } from './plan.ts';

export interface TradeOff {
  demand: DemandPerTick;
  coldTicks: number;
  /** Cost of a tick with that desired group size, at [size]; must not fall with the size. */
  podsPerSize: Float64Array;
  minGroupSize: number;
  /** Pod-ticks that a violating tick costs; Infinity forbids violations. */
  violationWeight: number;
}

/** m(t) of a tick and those after it; apart from the candidates, so that their covers can be forgotten. */
interface HeldSizes {
  held: number;
  later: HeldSizes | undefined;
}

interface Candidate {
  cost: number;
  cover: Uint16Array;
  sizes: HeldSizes | undefined;
}

/** Desired group size per tick. Ticks that no size serves are not given up: the largest size is held through them. */
export function planTradeOff(options: TradeOff): Int32Array {
  const { demand, coldTicks, minGroupSize, violationWeight } = options;
  const { needed, servable } = demand;
  if (violationWeight === Number.POSITIVE_INFINITY) return coverNeeds(needed, coldTicks);

  let candidates: Candidate[] = [{ cost: 0, cover: new Uint16Array(coldTicks).fill(minGroupSize), sizes: undefined }];
  for (let tick = needed.length - 1; tick >= 0; tick--) {
    const need = Math.max(minGroupSize, needed[tick]);
    const extended: Candidate[] = [];
    for (const candidate of candidates) {
      extended.push(extend(candidate, need, 0, options));
      // Giving a tick up is worth a thought only where serving it costs something.
      const reached = coldTicks > 0 ? candidate.cover[0] : minGroupSize;
      if (servable[tick] && need > reached) extended.push(extend(candidate, minGroupSize, violationWeight, options));
    }
    candidates = withoutDominated(extended, options.podsPerSize);
  }

  const held = new Int32Array(needed.length);
  let sizes = candidates[0].sizes; // they are sorted by cost
  for (let tick = 0; sizes; tick++, sizes = sizes.later) held[tick] = sizes.held;
  return coverNeeds(held, coldTicks);
}

function extend(later: Candidate, held: number, penalty: number, { coldTicks, podsPerSize }: TradeOff): Candidate {
  const cover = new Uint16Array(coldTicks);
  for (let k = 0; k < coldTicks; k++) cover[k] = k === 0 ? held : Math.max(held, later.cover[k - 1]);
  const desired = coldTicks > 0 ? Math.max(held, later.cover[coldTicks - 1]) : held;
  return { cost: later.cost + podsPerSize[desired] + penalty, cover, sizes: { held, later: later.sizes } };
}

function withoutDominated(candidates: Candidate[], podsPerSize: Float64Array): Candidate[] {
  candidates.sort((a, b) => a.cost - b.cost);
  const kept: Candidate[] = [];
  for (const candidate of candidates) {
    if (!kept.some((better) => dominates(better, candidate, podsPerSize))) kept.push(candidate);
  }
  return kept;
}

function dominates(better: Candidate, candidate: Candidate, podsPerSize: Float64Array): boolean {
  let cost = better.cost;
  for (let k = 0; k < better.cover.length && cost <= candidate.cost; k++) {
    cost += Math.max(0, podsPerSize[better.cover[k]] - podsPerSize[candidate.cover[k]]);
  }
  return cost <= candidate.cost;
}
