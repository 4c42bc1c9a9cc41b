/** The metrics' ranks in the batched loop: `raiseRank` of `loop-state.ts` per lane. */
import type { LoopSpec } from './loop-spec.ts';
import { initialRanks, secondsPerHour } from './loop-state.ts';

export class LaneRanks {
  /** `metric * lanes + lane`; 1 is first. */
  readonly ranks: Int32Array;
  /** Per lane; −Infinity when never. */
  readonly lastChangeSecond: Float64Array;
  /** The metric raised last, per lane; −1 when none. */
  readonly raisedMetric: Int8Array;
  readonly #lanes: number;
  readonly #first: readonly number[];
  readonly #changesPerHour: number;
  readonly #slots: number;
  readonly #changeSeconds: Float64Array;
  readonly #nextSlot: Int32Array;

  constructor(spec: LoopSpec, lanes: number) {
    const first = initialRanks(spec);
    this.#lanes = lanes;
    this.#first = spec.metrics.map(({ name }) => first[name]);
    this.#changesPerHour = spec.guardrails.rankChangesPerHour;
    this.#slots = Math.max(1, this.#changesPerHour);
    this.ranks = new Int32Array(this.#first.length * lanes);
    this.lastChangeSecond = new Float64Array(lanes);
    this.raisedMetric = new Int8Array(lanes);
    this.#changeSeconds = new Float64Array(lanes * this.#slots);
    this.#nextSlot = new Int32Array(lanes);
  }

  reset(lane: number): void {
    for (let metric = 0; metric < this.#first.length; metric++)
      this.ranks[metric * this.#lanes + lane] = this.#first[metric];
    this.lastChangeSecond[lane] = Number.NEGATIVE_INFINITY;
    this.raisedMetric[lane] = -1;
    this.#changeSeconds.fill(Number.NEGATIVE_INFINITY, lane * this.#slots, (lane + 1) * this.#slots);
    this.#nextSlot[lane] = 0;
  }

  /** False when there is no such metric, it is first already, or the hour's changes are used up. */
  raise(lane: number, metric: number, second: number): boolean {
    if (!(metric >= 0 && metric < this.#first.length) || this.#changesPerHour === 0) return false;
    const at = metric * this.#lanes + lane;
    const rank = this.ranks[at];
    // The slot written next holds the oldest of the last `rankChangesPerHour` changes.
    const slot = lane * this.#slots + this.#nextSlot[lane];
    if (rank === 1 || this.#changeSeconds[slot] > second - secondsPerHour) return false;
    for (let other = 0; other < this.#first.length; other++) {
      if (this.ranks[other * this.#lanes + lane] === rank - 1) this.ranks[other * this.#lanes + lane] = rank;
    }
    this.ranks[at] = rank - 1;
    this.#changeSeconds[slot] = second;
    this.#nextSlot[lane] = (this.#nextSlot[lane] + 1) % this.#slots;
    this.lastChangeSecond[lane] = second;
    this.raisedMetric[lane] = metric;
    return true;
  }
}
