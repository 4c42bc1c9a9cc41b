/** The agent's set-points in the batched loop: `set-point.ts` and `proposeSetPoint` per lane. */
import { clampBit } from './clamps.ts';
import type { LoopSpec } from './loop-spec.ts';
import { clampTo } from './targets.ts';

// Keeps any finite proposal inside Int32; the guardrails cut it down to size.
const largestProposal = 1e9;

export class LaneSetPoints {
  /** Of the last `resolve`: the size that reactions may not go below; 0 when there is none or it is stale. */
  readonly floor: Int32Array;
  /** Of the last `resolve`: 1 when the set-point was seen for the first time, and is a target too. */
  readonly isNew: Uint8Array;
  readonly #size: Int32Array;
  readonly #second: Float64Array;
  readonly #pending: Uint8Array;
  readonly #staleAfterSeconds: number;
  readonly #maxStep: number;
  readonly #minimum: number;
  readonly #maximum: number;

  constructor(spec: LoopSpec, lanes: number) {
    const { behavior, guardrails } = spec;
    this.floor = new Int32Array(lanes);
    this.isNew = new Uint8Array(lanes);
    this.#size = new Int32Array(lanes);
    this.#second = new Float64Array(lanes);
    this.#pending = new Uint8Array(lanes);
    this.#staleAfterSeconds = guardrails.staleAfterSeconds;
    this.#maxStep = guardrails.maxStep;
    this.#minimum = Math.max(behavior.minReplicas, guardrails.minReplicas ?? 0);
    this.#maximum = Math.min(behavior.maxReplicas, guardrails.maxReplicas ?? behavior.maxReplicas);
  }

  reset(lane: number): void {
    this.floor[lane] = 0;
    this.isNew[lane] = 0;
    this.#second[lane] = Number.NEGATIVE_INFINITY;
    this.#pending[lane] = 0;
  }

  propose(lane: number, size: number, second: number): void {
    if (!Number.isFinite(size) || second <= this.#second[lane]) return;
    this.#size[lane] = clampTo(Math.round(size), -largestProposal, largestProposal);
    this.#second[lane] = second;
    this.#pending[lane] = 1;
  }

  /** Sets `floor` and `isNew` for this moment; returns the clamps as a mask. */
  resolve(lane: number, now: number, groupSize: number): number {
    this.isNew[lane] = 0;
    if (!(Math.abs(now - this.#second[lane]) < this.#staleAfterSeconds)) {
      this.floor[lane] = 0;
      return 0;
    }
    let clamps = 0;
    if (this.#pending[lane] === 1) {
      let wanted = this.#size[lane];
      if (wanted > this.#maximum) {
        wanted = this.#maximum;
        clamps |= clampBit.setPointMaxReplicas;
      }
      if (wanted < this.#minimum) {
        wanted = this.#minimum;
        clamps |= clampBit.setPointMinReplicas;
      }
      if (Math.abs(wanted - groupSize) > this.#maxStep) {
        wanted = clampTo(wanted, groupSize - this.#maxStep, groupSize + this.#maxStep);
        clamps |= clampBit.maxStep;
      }
      this.#size[lane] = wanted;
      this.#pending[lane] = 0;
      this.isNew[lane] = 1;
    }
    this.floor[lane] = this.#size[lane];
    return clamps;
  }
}
