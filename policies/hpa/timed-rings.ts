/** Ring buffers of timestamped values, one per instance, in two typed arrays: what a controller remembers of its past. */
export class TimedRings {
  readonly #capacity: number;
  readonly #seconds: Float64Array;
  readonly #values: Int32Array;
  readonly #next: Int32Array;

  /** @param capacity entries that an instance keeps; the oldest is overwritten */
  constructor(instances: number, capacity: number) {
    this.#capacity = capacity;
    this.#seconds = new Float64Array(instances * capacity).fill(Number.NEGATIVE_INFINITY);
    this.#values = new Int32Array(instances * capacity);
    this.#next = new Int32Array(instances);
  }

  reset(instance: number): void {
    const start = instance * this.#capacity;
    this.#seconds.fill(Number.NEGATIVE_INFINITY, start, start + this.#capacity);
    this.#next[instance] = 0;
  }

  push(instance: number, second: number, value: number): void {
    const slot = instance * this.#capacity + this.#next[instance];
    this.#seconds[slot] = second;
    this.#values[slot] = value;
    this.#next[instance] = (this.#next[instance] + 1) % this.#capacity;
  }

  /** Sum of the values strictly after `second`. */
  sumAfter(instance: number, second: number): number {
    const end = (instance + 1) * this.#capacity;
    let sum = 0;
    for (let slot = instance * this.#capacity; slot < end; slot++) {
      if (this.#seconds[slot] > second) sum += this.#values[slot];
    }
    return sum;
  }

  /** Largest of `value` and the values strictly after `second`. */
  maxAfter(instance: number, second: number, value: number): number {
    const end = (instance + 1) * this.#capacity;
    let largest = value;
    for (let slot = instance * this.#capacity; slot < end; slot++) {
      if (this.#seconds[slot] > second && this.#values[slot] > largest) largest = this.#values[slot];
    }
    return largest;
  }

  /** Smallest of `value` and the values strictly after `second`. */
  minAfter(instance: number, second: number, value: number): number {
    const end = (instance + 1) * this.#capacity;
    let smallest = value;
    for (let slot = instance * this.#capacity; slot < end; slot++) {
      if (this.#seconds[slot] > second && this.#values[slot] < smallest) smallest = this.#values[slot];
    }
    return smallest;
  }
}
