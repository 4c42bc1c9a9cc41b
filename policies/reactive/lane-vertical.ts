/** Vertical reactions in the batched loop: `vertical.ts` per lane, for memory, which is what a simulated fleet can resize. */
import { clampBit } from './clamps.ts';
import type { CompiledReaction } from './compiled-spec.ts';
import type { LoopSpec } from './loop-spec.ts';

export class LaneVertical {
  readonly #clampMask: Int32Array;
  readonly #windowSeconds: number;
  readonly #notSmallerSecond: Float64Array;

  constructor(spec: LoopSpec, lanes: number, clampMask: Int32Array) {
    this.#clampMask = clampMask;
    this.#windowSeconds = spec.behavior.scaleDown.stabilizationWindowSeconds;
    this.#notSmallerSecond = new Float64Array(lanes);
  }

  /** The pods are not wanted smaller at this moment. */
  keep(lane: number, now: number): void {
    this.#notSmallerSecond[lane] = now;
  }

  /** The pod size that a reaction comes to; it shrinks only when that was wanted all through the stabilisation window. */
  resized(lane: number, now: number, { by, min, max }: CompiledReaction, current: number, missing: boolean): number {
    const since = this.#notSmallerSecond[lane];
    this.#notSmallerSecond[lane] = now;
    const raw = current + by;
    if (by > 0) {
      if (raw > max) this.#clampMask[lane] |= clampBit.verticalMax;
      return Math.max(current, Math.min(raw, max));
    }
    if (raw < min) this.#clampMask[lane] |= clampBit.verticalMin;
    const wanted = Math.min(current, Math.max(raw, min));
    if (wanted === current) return current;
    if (missing) {
      this.#clampMask[lane] |= clampBit.missingMetrics;
      return current;
    }
    if (this.#windowSeconds > 0 && now - since <= this.#windowSeconds) {
      this.#notSmallerSecond[lane] = since;
      this.#clampMask[lane] |= clampBit.scaleDownStabilization;
      return current;
    }
    return wanted;
  }
}
