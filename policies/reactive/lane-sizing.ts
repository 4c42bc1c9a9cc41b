/** Stabilisation, rate limits and bounds in the batched loop: `stabilization.ts` per lane. Clamps go into the lane's mask. */
import { clampBit } from './clamps.ts';
import { SlidingMaximum, SlidingSum, windowCapacity } from './lane-history.ts';
import type { LoopSpec, RateLimit } from './loop-spec.ts';
import { allowedChange } from './targets.ts';

export class LaneSizing {
  readonly #clampMask: Int32Array;
  readonly #minReplicas: number;
  readonly #maxReplicas: number;
  readonly #downWindow: number;
  readonly #upWindow: number;
  readonly #largest: SlidingMaximum | null;
  /** Of negated sizes: the smallest. */
  readonly #smallest: SlidingMaximum | null;
  readonly #upRate: RateLimit | undefined;
  readonly #downRate: RateLimit | undefined;
  readonly #added: SlidingSum | null;
  readonly #removed: SlidingSum | null;

  constructor(spec: LoopSpec, lanes: number, clampMask: Int32Array) {
    const { minReplicas, maxReplicas, scaleUp, scaleDown } = spec.behavior;
    const capacity = (seconds: number) => windowCapacity(seconds, spec.intervalSeconds);
    this.#clampMask = clampMask;
    this.#minReplicas = minReplicas;
    this.#maxReplicas = maxReplicas;
    this.#downWindow = scaleDown.stabilizationWindowSeconds;
    this.#upWindow = scaleUp.stabilizationWindowSeconds;
    this.#largest = this.#downWindow > 0 ? new SlidingMaximum(lanes, capacity(this.#downWindow)) : null;
    this.#smallest = this.#upWindow > 0 ? new SlidingMaximum(lanes, capacity(this.#upWindow)) : null;
    this.#upRate = scaleUp.rateLimit;
    this.#downRate = scaleDown.rateLimit;
    this.#added = this.#upRate ? new SlidingSum(lanes, capacity(this.#upRate.periodSeconds)) : null;
    this.#removed = this.#downRate ? new SlidingSum(lanes, capacity(this.#downRate.periodSeconds)) : null;
  }

  reset(lane: number): void {
    this.#largest?.reset(lane);
    this.#smallest?.reset(lane);
    this.#added?.reset(lane);
    this.#removed?.reset(lane);
  }

  /** A loop that has just started knows no history: its first size counts as a recommendation. */
  seed(lane: number, now: number, size: number): void {
    if (this.#downWindow > 0) this.remember(lane, now, size);
  }

  /** Remembers a recommendation without acting on it. */
  remember(lane: number, now: number, size: number): void {
    this.#largest?.pushAndRead(lane, now, size, now - this.#downWindow);
    this.#smallest?.pushAndRead(lane, now, -size, now - this.#upWindow);
  }

  /** Remembers what is wanted, and gives what the stabilisation windows leave of it. */
  stabilised(lane: number, now: number, wanted: number, size: number): number {
    const largest =
      this.#largest === null ? wanted : this.#largest.pushAndRead(lane, now, wanted, now - this.#downWindow);
    const smallest =
      this.#smallest === null ? wanted : -this.#smallest.pushAndRead(lane, now, -wanted, now - this.#upWindow);
    if (wanted < size && largest > wanted) {
      this.#clampMask[lane] |= clampBit.scaleDownStabilization;
      return Math.min(size, largest);
    }
    if (wanted > size && smallest < wanted) {
      this.#clampMask[lane] |= clampBit.scaleUpStabilization;
      return Math.max(size, smallest);
    }
    return wanted;
  }

  rateLimited(lane: number, now: number, wanted: number, size: number): number {
    if (wanted > size && this.#added !== null && this.#upRate) {
      const start = size - this.#added.sumAfter(lane, now - this.#upRate.periodSeconds);
      const limit = Math.max(size, start + changeLimit(this.#upRate, start));
      if (wanted <= limit) return wanted;
      this.#clampMask[lane] |= clampBit.scaleUpRate;
      return limit;
    }
    if (wanted < size && this.#removed !== null && this.#downRate) {
      const start = size + this.#removed.sumAfter(lane, now - this.#downRate.periodSeconds);
      const limit = Math.min(size, start - changeLimit(this.#downRate, start));
      if (wanted >= limit) return wanted;
      this.#clampMask[lane] |= clampBit.scaleDownRate;
      return limit;
    }
    return wanted;
  }

  bounded(lane: number, wanted: number): number {
    if (wanted > this.#maxReplicas) {
      this.#clampMask[lane] |= clampBit.maxReplicas;
      return this.#maxReplicas;
    }
    if (wanted < this.#minReplicas) {
      this.#clampMask[lane] |= clampBit.minReplicas;
      return this.#minReplicas;
    }
    return wanted;
  }

  /** Counts a change for the rate limits. */
  recordChange(lane: number, now: number, from: number, to: number): void {
    if (to > from) this.#added?.push(lane, now, to - from);
    else if (to < from) this.#removed?.push(lane, now, from - to);
  }
}

function changeLimit(limit: RateLimit, sizeAtPeriodStart: number): number {
  return allowedChange(sizeAtPeriodStart, limit.pods ?? 0, limit.percent ?? 0);
}
