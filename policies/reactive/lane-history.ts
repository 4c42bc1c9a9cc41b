/** What the batched loop remembers per lane, in typed arrays of fixed size. */

/** Entries that a window can hold when one is made per interval. */
export function windowCapacity(windowSeconds: number, intervalSeconds: number): number {
  const needed = Math.ceil(windowSeconds / intervalSeconds) + 2;
  return 2 ** Math.ceil(Math.log2(needed));
}

/**
 * The largest value of a sliding window per lane, by a monotone queue: a value that a later one reaches can never be the
 * largest again, so each value is pushed and popped once. For the smallest, push negated values.
 */
export class SlidingMaximum {
  readonly #mask: number;
  readonly #capacity: number;
  readonly #seconds: Float64Array;
  readonly #values: Int32Array;
  // Counts that only grow; the slot is the count under the mask.
  readonly #first: Int32Array;
  readonly #end: Int32Array;

  /** @param capacity a power of two; when full, the newest entries are merged to the cautious side */
  constructor(lanes: number, capacity: number) {
    this.#capacity = capacity;
    this.#mask = capacity - 1;
    this.#seconds = new Float64Array(lanes * capacity);
    this.#values = new Int32Array(lanes * capacity);
    this.#first = new Int32Array(lanes);
    this.#end = new Int32Array(lanes);
  }

  reset(lane: number): void {
    this.#first[lane] = 0;
    this.#end[lane] = 0;
  }

  /** Adds a value and returns the largest of those not older than `oldestSecond`. */
  pushAndRead(lane: number, second: number, value: number, oldestSecond: number): number {
    const base = lane * this.#capacity;
    let first = this.#first[lane];
    let end = this.#end[lane];
    while (end > first && this.#seconds[base + (first & this.#mask)] < oldestSecond) first++;
    while (end > first && this.#values[base + ((end - 1) & this.#mask)] <= value) end--;
    if (end - first === this.#capacity) {
      this.#seconds[base + ((end - 1) & this.#mask)] = second;
    } else {
      const slot = base + (end & this.#mask);
      this.#seconds[slot] = second;
      this.#values[slot] = value;
      end++;
    }
    this.#first[lane] = first;
    this.#end[lane] = end;
    return this.#values[base + (first & this.#mask)];
  }
}

/** The sum of a sliding window per lane: the replicas that were added, or removed, within a rate limit's period. */
export class SlidingSum {
  readonly #mask: number;
  readonly #capacity: number;
  readonly #seconds: Float64Array;
  readonly #values: Int32Array;
  readonly #first: Int32Array;
  readonly #end: Int32Array;
  readonly #sum: Int32Array;

  /** @param capacity a power of two; when full, new values join the newest entry, which counts longer */
  constructor(lanes: number, capacity: number) {
    this.#capacity = capacity;
    this.#mask = capacity - 1;
    this.#seconds = new Float64Array(lanes * capacity);
    this.#values = new Int32Array(lanes * capacity);
    this.#first = new Int32Array(lanes);
    this.#end = new Int32Array(lanes);
    this.#sum = new Int32Array(lanes);
  }

  reset(lane: number): void {
    this.#first[lane] = 0;
    this.#end[lane] = 0;
    this.#sum[lane] = 0;
  }

  push(lane: number, second: number, value: number): void {
    const base = lane * this.#capacity;
    const end = this.#end[lane];
    this.#sum[lane] += value;
    if (end - this.#first[lane] === this.#capacity) {
      const slot = base + ((end - 1) & this.#mask);
      this.#seconds[slot] = second;
      this.#values[slot] += value;
      return;
    }
    const slot = base + (end & this.#mask);
    this.#seconds[slot] = second;
    this.#values[slot] = value;
    this.#end[lane] = end + 1;
  }

  /** Sum of the values after `second`. */
  sumAfter(lane: number, second: number): number {
    const base = lane * this.#capacity;
    const end = this.#end[lane];
    let first = this.#first[lane];
    while (end > first && this.#seconds[base + (first & this.#mask)] <= second) {
      this.#sum[lane] -= this.#values[base + (first & this.#mask)];
      first++;
    }
    this.#first[lane] = first;
    return this.#sum[lane];
  }
}

/** The last reactions of every lane: of the lane as a whole, and the seconds per metric. */
export class ReactionHistory {
  /** Per metric (`metric * lanes + lane`): how many of the lane's last 10 reactions were to it. */
  readonly recent: Int32Array;
  /** Per metric: second of the last reaction, −Infinity when never. */
  readonly lastSecond: Float64Array;
  /** Per metric: reactions remembered, at most 10. */
  readonly counts: Int32Array;
  readonly #lanes: number;
  readonly #metrics: number;
  readonly #remembered: number;
  readonly #seconds: Float64Array;
  readonly #next: Uint8Array;
  readonly #winners: Int8Array;
  readonly #nextWinner: Uint8Array;

  constructor(lanes: number, metrics: number, remembered: number) {
    this.#lanes = lanes;
    this.#metrics = metrics;
    this.#remembered = remembered;
    this.recent = new Int32Array(metrics * lanes);
    this.lastSecond = new Float64Array(metrics * lanes).fill(Number.NEGATIVE_INFINITY);
    this.counts = new Int32Array(metrics * lanes);
    this.#seconds = new Float64Array(metrics * lanes * remembered);
    this.#next = new Uint8Array(metrics * lanes);
    this.#winners = new Int8Array(lanes * remembered).fill(-1);
    this.#nextWinner = new Uint8Array(lanes);
  }

  reset(lane: number): void {
    for (let metric = 0; metric < this.#metrics; metric++) {
      const at = metric * this.#lanes + lane;
      this.recent[at] = 0;
      this.lastSecond[at] = Number.NEGATIVE_INFINITY;
      this.counts[at] = 0;
      this.#next[at] = 0;
    }
    this.#winners.fill(-1, lane * this.#remembered, (lane + 1) * this.#remembered);
    this.#nextWinner[lane] = 0;
  }

  push(lane: number, metric: number, second: number): void {
    const remembered = this.#remembered;
    const at = metric * this.#lanes + lane;
    this.lastSecond[at] = second;
    this.#seconds[at * remembered + this.#next[at]] = second;
    this.#next[at] = this.#next[at] + 1 === remembered ? 0 : this.#next[at] + 1;
    if (this.counts[at] < remembered) this.counts[at]++;
    const slot = lane * remembered + this.#nextWinner[lane];
    const forgotten = this.#winners[slot];
    if (forgotten >= 0) this.recent[forgotten * this.#lanes + lane]--;
    this.#winners[slot] = metric;
    this.recent[at]++;
    this.#nextWinner[lane] = this.#nextWinner[lane] + 1 === remembered ? 0 : this.#nextWinner[lane] + 1;
  }

  /** The `age`-th remembered reaction to the metric, 0 the oldest. */
  secondAt(lane: number, metric: number, age: number): number {
    const at = metric * this.#lanes + lane;
    const start = this.counts[at] < this.#remembered ? 0 : this.#next[at];
    return this.#seconds[at * this.#remembered + ((start + age) % this.#remembered)];
  }
}
