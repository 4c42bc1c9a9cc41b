/** What many HPAs have added or removed of late (`storeScaleEvent`, `getReplicasChangePerPeriod` of Kubernetes v1.36). */

/**
 * The scale events of one direction. Kept as the source keeps them, with what that loses: an event older than the longest
 * period of its own direction's policies may be written over by the next one, although a longer period of the other
 * direction still asks for it.
 */
export class ScaleEvents {
  readonly #longestPeriodSeconds: number;
  readonly #capacity: number;
  readonly #seconds: Float64Array;
  readonly #changes: Int32Array;
  /** Slots in use, from the first on. */
  readonly #used: Int32Array;

  /**
   * @param longestPeriodSeconds of the policies of this direction
   * @param syncPeriodSeconds between two reconciliations; shorter ones would lose events that still count
   */
  constructor(instances: number, longestPeriodSeconds: number, syncPeriodSeconds: number) {
    this.#longestPeriodSeconds = longestPeriodSeconds;
    this.#capacity = Math.ceil(longestPeriodSeconds / syncPeriodSeconds) + 2;
    this.#seconds = new Float64Array(instances * this.#capacity);
    this.#changes = new Int32Array(instances * this.#capacity);
    this.#used = new Int32Array(instances);
  }

  reset(instance: number): void {
    this.#used[instance] = 0;
  }

  /** @param change in replicas, positive in either direction */
  record(instance: number, second: number, change: number): void {
    const first = instance * this.#capacity;
    const end = first + this.#used[instance];
    const outdated = second - this.#longestPeriodSeconds;
    let slot = end;
    // The last outdated one, as the source takes it.
    for (let i = first; i < end; i++) if (this.#seconds[i] < outdated) slot = i;
    if (slot === first + this.#capacity) slot = first;
    else if (slot === end) this.#used[instance]++;
    this.#seconds[slot] = second;
    this.#changes[slot] = change;
  }

  /** Sum of the changes strictly after `second`. */
  sumAfter(instance: number, second: number): number {
    const first = instance * this.#capacity;
    const end = first + this.#used[instance];
    let sum = 0;
    for (let i = first; i < end; i++) if (this.#seconds[i] > second) sum += this.#changes[i];
    return sum;
  }
}
